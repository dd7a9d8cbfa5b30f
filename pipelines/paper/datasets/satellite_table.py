"""SatelliteBench's municipal table for a study: a city's weekly cases, name and four shares."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.arrays import Bools
from pipelines.contracts import Issue, Level
from pipelines.data.csv_table import read_table
from pipelines.data.drop_info import LAST_DAY, DropInfo
from pipelines.data.drops import TABLE, Drop, shown
from pipelines.data.raw import issue
from pipelines.data.sources.satellitebench import recognise
from pipelines.data.sources.satellitebench_columns import CODE, NAME
from pipelines.data.sources.wide import WideTable
from pipelines.data.tables import Tables
from pipelines.errors import DropError
from pipelines.paper.datasets.files import find_tables, how_to_get, some

# The four of the 25 demographic columns that the reference code's prompt names.
SHARES = {
    "Age0-4(%)": "aged 0-4",
    "Age5-14(%)": "aged 5-14",
    "AfrocolombianPopulation(%)": "Afro-Colombian",
    "IndianPopulation(%)": "Indigenous",
}


@dataclass(frozen=True)
class Municipalities:
    """What the table says of the municipalities asked for.

    Attributes:
        tables: weekly cases and units, as the weekly pipeline has them; no climate, no scenes.
        names, shares: by unit_id; shares in percent, columns SHARES, NaN where empty.
    """

    unit_ids: tuple[str, ...]
    tables: Tables
    names: pd.Series
    shares: pd.DataFrame
    issues: tuple[Issue, ...]


def read_municipalities(
    data: Path, files: Sequence[Path], wanted: Sequence[str], dataset: str
) -> Municipalities:
    """The municipalities asked for, sorted by code.

    Raises:
        DropError: no table of municipalities, two that differ, one that cannot be read, or none of
            the municipalities in it.
    """
    path = _table(data, files, dataset)
    # A drop in all but drop.yaml: every week up to the calendar's end counts as received.
    drop = Drop(path.parent, DropInfo(received_date=LAST_DAY, scene_period="week"))
    raw = recognise(drop, read_table(drop))
    stopped = next((i for i in raw.issues if i.level is Level.CRITICAL), None)
    if stopped:
        raise DropError(stopped.message, where=stopped.place, fix=how_to_get(dataset, data))
    mask = np.isin(raw.unit_ids.astype(str), list(wanted))
    found = sorted(raw.unit_ids[mask])
    if len(set(found)) < len(found):
        twice = sorted({unit for unit in found if found.count(unit) > 1})
        raise DropError(
            f"municipality {some(twice)} has several rows",
            where=shown(str(path)),
            fix="keep the right row of each",
        )
    if not found:
        raise DropError(
            "the table has none of the study's municipalities",
            where=shown(str(path)),
            fix=how_to_get(dataset, data),
        )
    return _taken(raw, mask, tuple(found), _absent(path, sorted(set(wanted) - set(found))))


def _table(data: Path, files: Sequence[Path], dataset: str) -> Path:
    """The metadata.csv whose header has the municipality code; other data sets have one as well."""
    found = find_tables(files, (TABLE,), data, dataset)
    ours = [path for path in found if path.name == TABLE and CODE in _first_line(path)]
    if not ours:
        raise DropError(
            f"no {TABLE} there has the column {CODE!r}",
            where=some([str(p) for p in found]),
            fix=how_to_get(dataset, data),
        )
    for path in ours[1:]:
        if path.read_bytes() != ours[0].read_bytes():
            raise DropError(
                "two tables of municipalities differ",
                where=f"{shown(str(ours[0]))} and {shown(str(path))}",
                fix="keep the right one in the data folder and move the other away",
            )
    return ours[0]


def _first_line(path: Path) -> str:
    with path.open("rb") as handle:
        return handle.readline(1 << 20).decode("utf-8", "replace")


def _absent(path: Path, units: Sequence[str]) -> tuple[Issue, ...]:
    return (
        (
            issue(
                Level.ERROR,
                "missing-municipality",
                f"the table lacks {len(units)} of the study's municipalities: {some(units)}",
                shown(str(path)),
                "give the whole table",
                rows=len(units),
            ),
        )
        if units
        else ()
    )


def _taken(
    raw: WideTable, mask: Bools, found: tuple[str, ...], issues: tuple[Issue, ...]
) -> Municipalities:
    weeks, cells = raw.positions("week"), raw.table.cells
    cases = raw.keyed(weeks, mask).apply(pd.to_numeric, errors="coerce").reindex(list(found))
    cases = cases.where(cases >= 0)  # a negative count is a typing error: not known
    cases.columns = pd.Index([raw.columns[at].when for at in weeks])
    long = cases.rename_axis("unit_id").reset_index().melt("unit_id", None, "week_no", "cases")
    header = {name: at for at, name in enumerate(raw.table.header)}
    units = pd.Index(raw.unit_ids[mask], name="unit_id")
    names = pd.Series(cells[mask, header[NAME]], index=units).reindex(list(found))
    shares = raw.keyed([header[name] for name in SHARES], mask).apply(
        pd.to_numeric, errors="coerce"
    )
    empty = Tables.empty()
    known = long.assign(received_date=LAST_DAY).astype({"week_no": "int32", "cases": "float64"})
    unit_rows = pd.DataFrame({"unit_id": found, "name": names.to_numpy()})
    tables = Tables(known, empty.climate, unit_rows, empty.scenes)
    return Municipalities(found, tables, names, shares.reindex(list(found)), issues)
