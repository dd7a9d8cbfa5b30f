"""A small place with a running season, whose drops say what a test wants them to say."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.codes import TextCodes
from pipelines.config import DataConfig
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import arrivals
from pipelines.data.plausible.assess import Assessment, assess
from pipelines.data.plausible.remembered import Remembered
from pipelines.data.plausible.suspicion import Cause, Suspicion
from pipelines.data.raw import UNIT_COLUMNS, YEARLY_COLUMNS, RawDrop, empty
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.sources import Context
from pipelines.data.validate import validate_drops
from pipelines.data.validation_result import ValidationResult
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

FIRST, YEARS = CDC.week_no("2012-w01"), 6
Counts = pd.DataFrame  # index unit_id, columns week ordinals


def history(units: int = 12, weeks: int = 52 * YEARS, mean: float = 30.0, seed: int = 3) -> Counts:
    """Counts with a season, an epidemic every third year and Poisson noise; units differ
    in size."""
    noise = np.random.default_rng(seed)
    week = np.arange(weeks)
    season = 1 + 0.6 * np.sin(2 * np.pi * week / 52) + 0.8 * (np.sin(2 * np.pi * week / 156) > 0.8)
    size = mean * noise.lognormal(0, 0.6, units)
    own = np.exp(np.cumsum(noise.normal(0, 0.08, (units, weeks)), axis=1) * 0.5)
    values = noise.poisson(size[:, None] * season[None, :] * np.clip(own, 0.3, 3))
    ids = [f"{1001 + i}" for i in range(units)]
    return pd.DataFrame(values.astype(float), index=ids, columns=FIRST + week)


def climate(
    counts: Counts, months: range | None = None, wet: float = 120.0, seed: int = 5
) -> pd.DataFrame:
    """Monthly temperature and rain of the units, with a season; places and months differ.

    Args:
        months: year * 12 + month - 1; None = all of the counts' time.
        wet: mm of a usual month of the wettest season.
    """
    noise = np.random.default_rng(seed)
    months = months or range(2012 * 12, 2012 * 12 + 12 * YEARS)
    when = np.array(months)
    season = np.sin(2 * np.pi * when / 12)
    shape = (len(counts.index), len(when))
    warm = noise.uniform(18, 28, shape[0])[:, None] + season + noise.normal(0, 0.5, shape)
    rain = wet * noise.lognormal(0, 0.2, shape[0])[:, None] * np.exp(0.3 * season)
    rain = rain * noise.lognormal(0, 0.4, shape)
    return pd.concat(
        [_cells(counts, "temp", "", when, warm), _cells(counts, "rain", "", when, rain)],
        ignore_index=True,
    )


def people(counts: Counts, years: range = range(2012, 2018), seed: int = 6) -> pd.DataFrame:
    """Populations that grow a little."""
    noise = np.random.default_rng(seed)
    size = noise.lognormal(11, 0.8, len(counts.index))
    grown = (
        size[:, None]
        * 1.01 ** np.arange(len(years))
        * noise.lognormal(0, 0.01, (len(size), len(years)))
    )
    parts = [
        _cells(counts, "population", f"population_{year}", np.array([year]), grown[:, [at]])
        for at, year in enumerate(years)
    ]
    return pd.concat(parts, ignore_index=True)


def _cells(
    counts: Counts, kind: str, clean: str, when: np.ndarray, values: np.ndarray
) -> pd.DataFrame:
    long = pd.DataFrame(np.round(values, 3), index=counts.index, columns=when).stack()
    long = long.rename("number").reset_index()
    long.columns = ["unit_id", "when", "number"]
    return long.assign(kind=kind, clean=clean)


@dataclass
class Place:
    """Drops of a place, oldest first; each is the whole table as it stood on its day.

    Attributes:
        others: name of a drop -> cells of other kinds: unit_id, kind, clean, when, number.
        yearly: name of a drop -> totals of years: unit_id, year, total.
        parents: unit -> what it lies in.
    """

    root: Path
    drops: list[tuple[Drop, Counts]] = field(default_factory=list)
    others: dict[str, pd.DataFrame] = field(default_factory=dict)
    config: DataConfig = field(default_factory=DataConfig)
    yearly: dict[str, pd.DataFrame] = field(default_factory=dict)
    parents: dict[str, str] = field(default_factory=dict)

    def bring(
        self, counts: Counts, others: pd.DataFrame | None = None, days_later: int = 2
    ) -> Drop:
        """A drop that is received two days after its newest week ends, or later."""
        day = CDC.week_end(int(counts.columns.max())) + timedelta(days=days_later)
        drop = Drop(self.root / day.isoformat(), DropInfo(received_date=day))
        self.drops.append((drop, counts))
        if others is not None:
            self.others[drop.name] = others
        return drop

    def weekly(
        self, counts: Counts, lie: Callable[[Counts], Counts] = lambda c: c, weeks: int = 1
    ) -> Drop:
        """The table without its newest weeks as a first drop, then the whole of it, told
        by `lie`."""
        self.bring(counts.iloc[:, :-weeks])
        return self.bring(lie(counts.copy()))

    def validate(
        self, answers: Mapping[str, Answer] | None = None, kept: Path | None = None
    ) -> ValidationResult:
        """All checks, as a run makes them."""
        context = Context(self.config, CDC, TextCodes())
        scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
        return validate_drops(self.raws(), scenes, context, None, None, (), answers, kept)

    def causes(self, answers: Mapping[str, Answer] | None = None) -> list[Cause]:
        """What the rules doubt of the newest drop."""
        newest = self.drops[-1][0].name
        return [cause for cause in self.judged(answers=answers).causes if cause.drop == newest]

    def judged(
        self,
        limits: PlausibilityConfig | None = None,
        answers: Mapping[str, Answer] | None = None,
        immature_weeks: int = 0,
        kept: Path | None = None,
    ) -> Assessment:
        """The rules alone."""
        raws = self.raws()
        cells = pd.concat([raw.cells.assign(withdrawn=False) for raw in raws], ignore_index=True)
        rows = pd.concat([raw.units for raw in raws])
        changed = cells.drop_duplicates(
            ["unit_id", "kind", "clean", "when", "number"], keep="first"
        )
        return assess(
            changed,
            [drop for drop, _ in self.drops],
            CDC,
            limits or PlausibilityConfig(),
            answers or {},
            arrived=arrivals(raws, rows),
            immature_weeks=immature_weeks,
            remembered=Remembered(kept, "these limits"),
        )

    def found(self) -> dict[str, Suspicion]:
        """What the rules doubt in the newest drop, by rule; the first of each."""
        causes = [c.suspicion for c in self.judged().causes if c.drop == self.drops[-1][0].name]
        return {one.rule: one for one in reversed(causes)}

    def raws(self) -> list[RawDrop]:
        return [
            replace(
                _raw(drop, counts, self.others.get(drop.name), self.parents),
                yearly=self.yearly.get(drop.name, empty(YEARLY_COLUMNS)),
            )
            for drop, counts in self.drops
        ]


def _raw(
    drop: Drop, counts: Counts, others: pd.DataFrame | None, parents: Mapping[str, str]
) -> RawDrop:
    file = f"{drop.name}/cases.csv"
    row = {unit: at + 2 for at, unit in enumerate(counts.index)}
    units = pd.DataFrame(
        {
            "file": file,
            "row": list(row.values()),
            "column": "unit",
            "value": list(row),
            "unit_id": list(row),
            "name": [f"Town {u}" for u in row],
            "parent": [parents.get(u, "") for u in row],
            "fingerprint": [f"{drop.name}{u}" for u in row],
        }
    )[list(UNIT_COLUMNS)]
    long = pd.DataFrame(
        {
            "unit_id": np.repeat(counts.index.to_numpy(), counts.shape[1]),
            "when": np.tile(counts.columns.to_numpy(np.int64), len(counts)),
            "number": counts.to_numpy(float).ravel(),
            "kind": "week",
            "clean": "",
        }
    )
    if others is not None:
        long = pd.concat([long, others], ignore_index=True)
    written = {n: f"{n:g}" for n in long["number"].unique() if not np.isnan(n)}
    value = list(map(written.get, long["number"]))  # few numbers in many cells; NaN is None
    rows = long["unit_id"].map(row)
    cells = long.assign(file=file, row=rows, column="cases", value=value, unit_row=rows)
    return RawDrop(drop, units, cells, (), {file: len(units)})
