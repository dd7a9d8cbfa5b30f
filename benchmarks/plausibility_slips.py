"""Which slips of exports (tests/lies/slips.py) the rules on counts see in tables of other
countries.

    PYTHONPATH=.:tests DENGUARD_REAL_DATA=... python benchmarks/plausibility_slips.py [--table NAME]
    [--trials 20]

Slips of populations and climate are left out: these tables have counts alone.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any

import numpy as np
import pandas as pd
import typer
from lies.kinds import CODE, NEWEST, Lie, Sheet, week_columns
from lies.slips import PARTLY_SEEN, SLIPS
from real_tables import peru, taiwan
from views import Table, found, held, seen, table_of

from pipelines.weeks import CDC

TABLES = {"peru": peru, "departments": lambda: peru("departments"), "taiwan": taiwan}
_OF_OTHERS = {
    "newest week as rates",
    "climate of the neighbours",
    "climate of the year before",
    "no rain at all",
    "population of the cases column",
    "population of ten years ago",
}
_NEWEST = CDC.week_no(
    NEWEST.replace("/", "-")
)  # a sheet's newest week is called so, whatever week it is
_PAST = 153  # weeks that a slip may want: the year before last, and the weeks of this one
_RUNNING = 10  # mean of the four weeks before, as in tests/lies
_SEED = 20


@dataclass
class Tally:
    """What came of one slip in several weeks: weeks, and lying cells, all and newest ones of units
    that ran.
    """

    weeks: int = 0
    stopped: int = 0
    lying: int = 0
    seen: int = 0
    running: int = 0
    running_seen: int = 0

    def add(self, lying: Any, caught: Any, stop: bool, running: Any) -> None:
        """(U, W) cells that lie and cells that are held, and (U,) units that ran."""
        own = lying & (caught | stop)
        self.weeks, self.stopped = self.weeks + 1, self.stopped + stop
        self.lying, self.seen = self.lying + int(lying.sum()), self.seen + int(own.sum())
        self.running += int(lying[running, -1].sum())
        self.running_seen += int(own[running, -1].sum())


def slips(
    table: Annotated[list[str], typer.Option(help="only these: peru, departments, taiwan")] = [],  # noqa: B006
    trials: Annotated[
        int, typer.Option(help="weeks a slip, evenly of those in which a unit ran")
    ] = 20,
) -> None:
    """Per slip: weeks that stop, lying cells that are held or stopped, newest ones of running
    units.
    """
    for name in table or TABLES:
        counts = table_of(TABLES[name]())
        columns = _weeks_of(counts, trials)
        typer.echo(
            f"{counts.name}, {len(counts.ids)} units, {trials} weeks "
            f"{_label(counts, columns[0])}..{_label(counts, columns[-1])}: stopped; lying cells "
            f"seen; newest ones of units with {_RUNNING} a week or more"
        )
        for what, lie in _slips_of(counts).items():
            typer.echo(_line(what, _tried(counts, lie, columns)))


def _weeks_of(table: Table, trials: int) -> Any:
    """Columns, evenly from those with enough past in which a unit ran."""
    after = range(_PAST, table.counts.shape[1])
    busy = [column for column in after if _running(table.counts[:, : column + 1]).any()]
    return np.asarray(busy)[np.linspace(0, len(busy) - 1, trials).astype(int)]


def _running(truth: Any) -> Any:
    return truth[:, -5:-1].mean(axis=1) >= _RUNNING


def _slips_of(table: Table) -> dict[str, Lie]:
    """Those that counts alone can tell; of areas, where the names of units have them."""
    told = {name: lie for name, lie in (SLIPS | PARTLY_SEEN).items() if name not in _OF_OTHERS}
    if any("/" in unit for unit in table.ids):
        return told
    return {name: lie for name, lie in told.items() if not name.startswith("an area")}


def _label(table: Table, column: int) -> str:
    return CDC.week_label(table.first + int(column))


def _line(what: str, tally: Tally) -> str:
    own = (
        f"{tally.running_seen / tally.running:6.1%} of {tally.running}"
        if tally.running
        else "  none ran"
    )
    return (
        f"  {what:40s} {tally.stopped:2d}/{tally.weeks}  {tally.seen / max(tally.lying, 1):6.1%}  "
        f"{own}"
    )


def _tried(table: Table, lie: Lie, columns: Any) -> Tally:
    tally = Tally()
    for column in columns:
        truth = table.counts[:, : column + 1]
        after = _told(table, lie, truth)
        lying = (after != truth) & np.isfinite(after)
        before, said = truth.copy(), lying.copy()
        before[:, -1], said[:, -1] = np.nan, True
        view = seen(table, np.where(np.isfinite(after), after, before), before, said)
        tally.add(lying, *held(view, found(view)), _running(truth))
    return tally


def _told(table: Table, lie: Lie, truth: Any) -> Any:
    """(U, W) counts of the false sheet."""
    weeks = range(_NEWEST - truth.shape[1] + 1, _NEWEST + 1)
    names = [CDC.week_label(week).replace("-", "/") for week in weeks]
    sheet: Sheet = pd.DataFrame(truth, columns=names)
    sheet.insert(0, CODE, list(table.ids))
    false = lie(sheet, np.random.default_rng(_SEED)).sheet
    return false[week_columns(false)].apply(pd.to_numeric, errors="coerce").to_numpy(float)


if __name__ == "__main__":
    typer.run(slips)
