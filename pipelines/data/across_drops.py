"""What only several files or drops together can tell: zeros of later line lists, units without
cases, which units a series of the whole place holds for."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.raw import CELL_COLUMNS, EVERY_UNIT, UNIT_COLUMNS, RawDrop, empty, issue
from pipelines.data.withdrawals import with_left_out

_NAMED = 5


def reconcile_drops(
    raws: Sequence[RawDrop], full: bool = False, changed: Collection[str] = ()
) -> tuple[list[RawDrop], list[Issue]]:
    """Drops, oldest first, with what follows from each other; and what was found.

    A line list of the newest weeks names only units with a case in them: units of earlier lists get
    their zeros. Units that have population or climate and nowhere cases are no rows of the
    forecast.

    Args:
        full: each drop is the whole, so that what it leaves out was withdrawn.
        changed: codes that became others, and these.
    """
    filled = _with_zeros(raws)
    counted = units_with_cases(filled)
    filled = _spread(filled, counted)
    kept, issues = _without_lone(filled, counted)
    issues += _shortened_codes(filled, counted)
    return with_left_out(kept, changed) if full else kept, issues


def _without_lone(raws: Sequence[RawDrop], counted: set[str]) -> tuple[list[RawDrop], list[Issue]]:
    """Drops without records of units that have cases nowhere, and issues about these."""
    codes = pd.concat([raw.units["unit_id"] for raw in raws] or [pd.Series(dtype=object)])
    if codes.dropna().isin(counted).all():  # so it is in nearly every run
        return list(raws), []
    kept, issues = [], list[Issue]()
    for raw in raws:
        lone = raw.units["unit_id"].notna() & ~raw.units["unit_id"].isin(counted)
        issues += _lone_issues(raw.units[lone], counted)
        units = raw.units[~lone].reset_index(drop=True)
        kept.append(replace(raw, units=units) if lone.any() else raw)
    return kept, issues


def units_with_cases(raws: Sequence[RawDrop]) -> set[str]:
    """Units of which any drop has a count, even an empty one."""
    parts = [raw.cells[["kind", "unit_id"]] for raw in raws]
    cells = pd.concat(parts or [empty(("kind", "unit_id"))], ignore_index=True).drop_duplicates()
    return {str(u) for u in cells.loc[cells["kind"] == "week", "unit_id"] if u is not None}


def _with_zeros(raws: Sequence[RawDrop]) -> list[RawDrop]:
    known: dict[str, pd.DataFrame] = {}  # name of an input -> its units so far
    out = []
    for raw in raws:
        for file, span in raw.spans.items():
            name = file.split("/", 1)[-1]
            here = raw.units[raw.units["file"] == file]
            before = known.get(name, here.iloc[:0])
            absent = before[~before["unit_id"].isin(here["unit_id"])]
            known[name] = pd.concat([before, here]).drop_duplicates("unit_id")
            raw = _zeros(raw, file, absent, span) if len(absent) else raw
        out.append(raw)
    return out


def _zeros(raw: RawDrop, file: str, absent: pd.DataFrame, span: tuple[int, int]) -> RawDrop:
    """The drop, in which the file says 0 for units that it does not name."""
    weeks = np.arange(span[0], span[1] + 1)
    units = absent.assign(file=file, row=0)[list(UNIT_COLUMNS)]
    cells = pd.DataFrame(
        {
            "unit_id": np.repeat(units["unit_id"].to_numpy(), len(weeks)),
            "when": np.tile(weeks, len(units)),
        }
    )
    cells = cells.assign(
        file=file, row=0, column="", kind="week", clean="", value="0", number=0.0, unit_row=0
    )
    return replace(
        raw,
        units=pd.concat([raw.units, units], ignore_index=True),
        cells=pd.concat([raw.cells, cells[list(CELL_COLUMNS)]], ignore_index=True),
    )


def _spread(raws: Sequence[RawDrop], counted: set[str]) -> list[RawDrop]:
    """Drops whose cells of every unit are cells of each unit that has cases."""
    out = []
    for at, raw in enumerate(raws):
        if EVERY_UNIT not in set(raw.cells["unit_id"].unique()):
            out.append(raw)
            continue
        nearest = (raw, *raws[:at][::-1], *raws[at + 1 :])  # a unit's name is the first of theirs
        out.append(_of_each(raw, raw.cells["unit_id"] == EVERY_UNIT, nearest, counted))
    return out


def _of_each(
    raw: RawDrop, whole: pd.Series, nearest: Sequence[RawDrop], counted: set[str]
) -> RawDrop:
    """The drop, its cells of every unit being each one's, in rows that no file has (column "*")."""
    named = pd.concat([one.units for one in nearest])
    units = named[named["unit_id"].isin(counted)].drop_duplicates("unit_id")
    units = units.sort_values("unit_id").assign(row=0, column=EVERY_UNIT)
    files = raw.cells.loc[whole, "file"].unique()
    rows = [units.assign(file=file)[list(UNIT_COLUMNS)] for file in files]
    cells = raw.cells[whole].drop(columns="unit_id").merge(units[["unit_id"]], how="cross")
    cells = cells.assign(unit_row=0)[list(CELL_COLUMNS)]
    return replace(
        raw,
        units=pd.concat([raw.units, *rows], ignore_index=True),
        cells=pd.concat([raw.cells[~whole], cells], ignore_index=True),
    )


def _lone_issues(lone: pd.DataFrame, counted: set[str]) -> list[Issue]:
    out = []
    for file, rows in lone.groupby("file", sort=False):
        ids = [str(u) for u in rows["unit_id"]]
        near = [f"{u[:-1]} and {u}" for u in ids if u[:-1] in counted]
        near += [f"{c[:-1]} and {c}" for c in sorted(counted) if c[:-1] in set(ids)]
        hint = (
            f"codes with and without a last digit seem to be meant alike ({near[0]}): write both "
            "the same way"
            if near
            else "deliver their cases, or correct the codes so that they are those of the cases"
        )
        out.append(
            issue(
                Level.WARNING,
                "units-without-cases",
                f"{len(ids)} units stand here and have cases in no file; they are left out: "
                f"{_some(ids)}",
                f"{file} row {rows['row'].iloc[0]}",
                hint,
                rows=len(ids),
            )
        )
    return out


def _shortened_codes(raws: Sequence[RawDrop], counted: set[str]) -> list[Issue]:
    """Units whose codes differ by a last digit, as Brazil's with and without check digit do."""
    digits = {unit for unit in counted if unit.isdigit() and len(unit) >= 5}
    pairs = sorted((unit[:-1], unit) for unit in digits if unit[:-1] in digits)
    if not pairs or len({len(unit) for unit in digits}) > 2:
        return []
    short, whole = pairs[0]
    file = next(
        f
        for raw in raws
        for f, u in zip(raw.units["file"], raw.units["unit_id"], strict=True)
        if u in (short, whole)
    )
    return [
        issue(
            Level.ERROR,
            "codes-of-two-lengths",
            f"{len(pairs)} codes are there with and without a last digit, such as {short} and "
            f"{whole}: each is taken as a unit of its own",
            str(file),
            "write all codes with the check digit, or all without",
            rows=len(pairs),
        )
    ]


def _some(ids: Sequence[str]) -> str:
    return ", ".join(ids[:_NAMED]) + (", ..." if len(ids) > _NAMED else "")
