"""Which lies about climate, population and rows are seen; honest drops: `plausibility.py honest`.

DENGUARD_REAL_DATA=... python benchmarks/plausibility_climate.py [--trials 10] [--units 45]
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
import pandas as pd
import typer
from real_tables import (
    Story,
    colombia,
    judged,
    known_from,
    raw_drop,
    some_of_colombia,
    stops,
    weekly,
)

from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.doubts import NO_WEEK
from pipelines.data.plausible.suspicion import CELL_KEYS
from pipelines.weeks import CDC

_KEYS = list(CELL_KEYS)


@dataclass
class Lie:
    """A drop that lies, and which of its cells do.

    Attributes:
        cells: of the lying drop, without file.
        lying: CELL_KEYS of the lying ones; of units that are left out, kind "week", when NO_WEEK.
    """

    cells: pd.DataFrame
    lying: pd.DataFrame


Liar = Callable[[Story, pd.DataFrame, pd.DataFrame, np.random.Generator], Lie]


def _changed(kind: str, share: float, change: Callable[[pd.Series], object]) -> Liar:
    """Cells of a kind, of a share of the units (at least one), after a change."""

    def lie(story: Story, own: pd.DataFrame, yearly: pd.DataFrame, rng: np.random.Generator) -> Lie:
        del story, yearly
        units = own.loc[own["kind"] == kind, "unit_id"].unique()
        some = rng.choice(units, max(1, round(share * len(units))), replace=False)
        at = (own["kind"] == kind) & own["unit_id"].isin(some) & own["number"].notna()
        own = own.copy()
        own.loc[at, "number"] = change(own.loc[at, "number"])
        return Lie(own, own.loc[at, _KEYS])

    return lie


def _swapped_past(kind: str) -> Liar:
    """Two units whose whole accepted series of a kind comes again, each under the other's code."""

    def lie(story: Story, own: pd.DataFrame, yearly: pd.DataFrame, rng: np.random.Generator) -> Lie:
        del yearly
        known = story.cells[(story.cells["kind"] == kind) & (story.known_from <= _newest(own))]
        one, two = rng.choice(known["unit_id"].unique(), 2, replace=False)
        pair = known[known["unit_id"].isin([one, two])]
        pair = pair.assign(unit_id=pair["unit_id"].map({one: two, two: one}))
        rest = own[~((own["kind"] == kind) & own["unit_id"].isin([one, two]))]
        return Lie(pd.concat([rest, pair]), pair[_KEYS])

    return lie


def _newest(own: pd.DataFrame) -> int:
    return int(own.loc[own["kind"] == "week", "when"].max())


def _gone(share: float) -> Liar:
    """A truncated upload."""

    def lie(story: Story, own: pd.DataFrame, yearly: pd.DataFrame, rng: np.random.Generator) -> Lie:
        del yearly, rng
        units = np.array(story.units)
        lost = units[-max(1, round(share * len(units))) :]
        lying = pd.DataFrame({"unit_id": lost, "kind": "week", "clean": "", "when": NO_WEEK})
        return Lie(own[~own["unit_id"].isin(lost)], lying)

    return lie


def _attack(story: Story, own: pd.DataFrame, yearly: pd.DataFrame, rng: np.random.Generator) -> Lie:
    """4 cases a week in 100 persons of one unit of 1,000 or more."""
    del yearly
    people = story.cells[story.cells["kind"] == "population"].groupby("unit_id")["number"].median()
    unit = rng.choice(people.index[people > 1000])
    at = (own["kind"] == "week") & (own["unit_id"] == unit)
    own = own.copy()
    own.loc[at, "number"] = np.round(0.04 * people[unit])
    return Lie(own, own.loc[at, _KEYS])


def _year(change: Callable[[pd.Series], object]) -> Liar:
    """The weeks of the last whole year of a tenth of the units come again, changed; totals stay."""

    def lie(story: Story, own: pd.DataFrame, yearly: pd.DataFrame, rng: np.random.Generator) -> Lie:
        year = int(yearly["year"].max())
        weeks = range(CDC.number(year, 1), CDC.number(year + 1, 1))
        cells = story.cells[(story.cells["kind"] == "week") & story.cells["when"].isin(weeks)]
        total = cells.groupby("unit_id")["number"].sum()
        with_cases = total.index[total >= 10]
        some = rng.choice(with_cases, max(1, len(with_cases) // 10), replace=False)
        told = cells[cells["unit_id"].isin(some)].sort_values(["unit_id", "when"])
        new = told.assign(number=told.groupby("unit_id")["number"].transform(change))
        lying = new.loc[new["number"] != told["number"], _KEYS]
        return Lie(pd.concat([own, new]), lying)

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


def lies(
    trials: Annotated[int, typer.Option(help="of 45 units; a fifth as many of all")] = 10,
    units: Annotated[int, typer.Option(help="only choices of so many; 0 = all and 45")] = 0,
) -> None:
    """Per lie: trials in which all / any lying cells are held or stopped, and the share that
    passes.
    """
    for size, n in [(units, trials)] if units else [(0, max(2, trials // 5)), (45, trials)]:
        typer.echo(f"{size or 'all'} units")
        for what, liar in LIES.items():
            typer.echo(_line(what, liar, size, n))


def _line(what: str, liar: Liar, units: int, trials: int) -> str:
    whole, part, passed, total = 0, 0, 0, 0
    for trial in range(trials):
        story = some_of_colombia(units, trial) if units else colombia()
        first, lying_raw = weekly(story, *_weeks_of(what, trial))
        cells, week = lying_raw.cells[[*_KEYS, "number"]], _weeks_of(what, trial)[1]
        lie = liar(story, cells, lying_raw.yearly, np.random.default_rng(trial))
        raw = raw_drop(story, week, lie.cells)
        seen = _seen(judged([first, raw], {}), lie.lying, raw.drop.name)
        whole, part = whole + (seen == len(lie.lying)), part + (seen > 0)
        passed, total = passed + len(lie.lying) - seen, total + len(lie.lying)
    return f"  {what:40} all {whole}/{trials}, any {part}/{trials}, pass {passed / total:.1%}"


def _weeks_of(what: str, trial: int) -> tuple[int, int]:
    """Drop before and lying drop: one with new climate, or with a new population."""
    if "opulation" in what:
        newest = CDC.week_no("2018-w01")
    else:  # the first weeks that bring the climate of 2018-01..2018-10
        newest = known_from("rain", 2018 * 12 + trial % 10)
    return newest - 1, newest


def _seen(found: Assessment, lying: pd.DataFrame, last: str) -> int:
    """Of lying cells, those that are held, or whose drop is stopped."""
    if stops(found, last):
        return len(lying)
    held = found.doubts[(found.doubts["drop"] == last) & found.doubts["held"].astype(bool)]
    plain = {"unit_id": str, "kind": str, "clean": str, "when": "int64"}
    return len(lying.astype(plain).drop_duplicates().merge(held[_KEYS].astype(plain), on=_KEYS))


if __name__ == "__main__":
    typer.run(lies)
