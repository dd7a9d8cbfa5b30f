"""What a source makes of a drop: tidy cells that still know their file, row and column.

A cell is one value about one unit and one time: weekly cases, a month's climate, a year's
population. Values are checked later, by the same rules for every source; a person's record never
gets here.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s, Texts
from pipelines.contracts import Issue, Level
from pipelines.data.cell_texts import coded, joined
from pipelines.data.drops import Drop
from pipelines.data.known_values import UNKNOWN, KnownValues, batches

Kind = Literal["week", "temp", "rain", "population", "demographic", "weekly", "monthly"]
EVERY_UNIT = "*"  # of cells that hold for each unit, until across_drops.py spreads them
NUMBER = r"^[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?$"

# One record of a file that names a unit. Of several identical ones the first is used.
UNIT_COLUMNS = (
    "file",  # as named to a person, "2018-12-04/metadata.csv"
    "row",  # 1-based record in the file; the header is row 1
    "column",  # of the code
    "value",  # the code as delivered
    "unit_id",  # the code as its system writes it, None if it is none
    "name",
    "parent",  # what the unit lies in, a code or a name as delivered, "" if not told
    "fingerprint",  # equal for records that say the same
)
CELL_COLUMNS = (
    "file",
    "row",
    "column",
    "unit_id",
    "kind",  # Kind
    "clean",  # of all but cases and climate: name in the clean tables, as population_2018
    "when",  # ordinal of a week or month by its kind, year of population, 0 of a figure
    "value",  # as delivered, None where empty
    "number",  # NaN where empty or no number
    "unit_row",  # the row of UNIT_COLUMNS, in the same file, that the cell belongs to
)
MAX_BAD_ROW_SHARE = 0.2  # of a table's rows; beyond it the table itself is in doubt
# Records that a source could not use: quarantined, and counted against the file.
REFUSED_COLUMNS = ("file", "row", "column", "value", "code", "detail", "fix", "unit_id")
YEARLY_COLUMNS = ("unit_id", "year", "total")  # cases of a year as the provider adds them up
KEY_COLUMNS = ("unit_id", "kind", "clean", "when")  # which cell it is, whoever says it
# Free text about a unit (EVERY_UNIT for all) and a week; `written` is ISO 8601, "" if not told.
NOTE_COLUMNS = ("file", "row", "unit_id", "week_no", "kind", "text", "written", "latency_days")


def empty(columns: Sequence[str]) -> pd.DataFrame:
    """A frame without rows."""
    return pd.DataFrame(columns=list(columns))


@lru_cache
def _nothing(columns: tuple[str, ...]) -> pd.DataFrame:
    """One frame without rows for all drops; making it costs more than all else of a small drop."""
    return empty(columns)


@dataclass(frozen=True)
class RawDrop:
    """A drop as its source read it; values are still unchecked.

    Attributes:
        units: UNIT_COLUMNS.
        cells: CELL_COLUMNS, at most one a (kind, clean, when) of a unit's record.
        refused: REFUSED_COLUMNS.
        n_received: file -> records in it, those left out included.
        issues: of the files as files.
        delays: of line lists with report dates: unit_id, week_no, delay_weeks, cases.
        latencies: declared series -> days from the end of a week or month until it can be had.
        spans: file -> first and last week (ordinals) of a line list: an absent unit-week is 0
            there.
        unsure: KEY_COLUMNS of cells of a refused record: neither a value nor omitted.
        yearly: YEARLY_COLUMNS; a check of the weekly counts, not a value of the tables.
        absent, reach: of a full drop that is kept without what it repeats (readings.py):
            KEY_COLUMNS of earlier cells that the whole drop leaves out, and how far its files
            reach; see omitted.py.
        notes: NOTE_COLUMNS, each unit, week, kind and `written` once.
    """

    drop: Drop
    units: pd.DataFrame
    cells: pd.DataFrame
    issues: tuple[Issue, ...]
    n_received: Mapping[str, int] = field(default_factory=dict)
    refused: pd.DataFrame = field(default_factory=lambda: _nothing(REFUSED_COLUMNS))
    delays: pd.DataFrame | None = None
    spans: Mapping[str, tuple[int, int]] = field(default_factory=dict)
    latencies: Mapping[str, int] = field(default_factory=dict)
    unsure: pd.DataFrame = field(default_factory=lambda: _nothing(KEY_COLUMNS))
    yearly: pd.DataFrame = field(default_factory=lambda: _nothing(YEARLY_COLUMNS))
    absent: pd.DataFrame | None = None
    reach: pd.DataFrame | None = None
    notes: pd.DataFrame = field(default_factory=lambda: _nothing(NOTE_COLUMNS))

    @property
    def usable(self) -> bool:
        """Whether its records can be used at all."""
        return not any(issue.level is Level.CRITICAL for issue in self.issues)


def unusable(drop: Drop, issues: Sequence[Issue]) -> RawDrop:
    """A drop that could not be read, for the reasons given."""
    return RawDrop(drop, empty(UNIT_COLUMNS), empty(CELL_COLUMNS), tuple(issues))


def issue(
    level: Level, code: str, message: str, place: str, fix: str, period: str = "", rows: int = 1
) -> Issue:
    """An Issue from its words, fix before the optional parts."""
    return Issue(level, code, message, place, period, fix, rows)


def numbers(text: Texts) -> Float64s:
    """(N,) numbers of texts, NaN where a text is None or no number."""
    codes, distinct = pd.factorize(text)  # most counts are one of a few
    number = pd.to_numeric(pd.Series(distinct, dtype=object), errors="coerce")
    out = np.append(number.to_numpy(dtype=np.float64), np.nan)
    # pandas reads "inf" as a number and "1e999" as none: to us it is the other way round
    odd = np.flatnonzero(~np.isfinite(out[:-1]))
    out[odd] = [float(distinct[at]) if re.match(NUMBER, distinct[at]) else np.nan for at in odd]
    return out[codes]


def changed_cells(
    raws: Sequence[RawDrop], units: pd.DataFrame, unknown_again: Collection[str] = ()
) -> pd.DataFrame:
    """Cells of accepted units that are new or differ from what was known before, oldest drop first.

    A drop repeats almost all of the one before it; what it repeats was checked there already.
    Beside CELL_COLUMNS there are `received_date`, `withdrawn`: empty now, and not empty before, and
    `unknown_again`: a word declares the value of an earlier drop as not known. Such a cell is
        empty.

    Args:
        units: accepted rows of UNIT_COLUMNS.
        unknown_again: these words, in any case of letters.
    """
    known, words = KnownValues(), {word.casefold() for word in unknown_again}
    accepted = pd.MultiIndex.from_frame(
        units[["file", "row"]].astype({"file": str, "row": "int64"})
    )
    frames = [
        _changed(batch, accepted, words, known)
        for batch in batches(raws, [len(raw.cells) for raw in raws])
    ]
    columns = [*CELL_COLUMNS, "withdrawn", "unknown_again", "received_date"]
    return joined(frames) if frames else empty(columns)


def _changed(
    raws: Sequence[RawDrop], accepted: pd.MultiIndex, words: Collection[str], known: KnownValues
) -> pd.DataFrame:
    """changed_cells of some drops after those that `known` knows."""
    cells = joined([raw.cells for raw in raws])
    drop_no = np.repeat(np.arange(len(raws)), [len(raw.cells) for raw in raws])
    mine = of_records(cells["file"], cells["unit_row"], accepted)
    if not mine.all():
        cells, drop_no = cells[mine].reset_index(drop=True), drop_no[mine]
    unknown_again = _says(cells, words)
    values = cells["value"].to_numpy(dtype=object)
    values = np.where(unknown_again, UNKNOWN, values) if unknown_again.any() else values
    new, withdrawn, seen = known.compare(known.keys_of(cells), values, drop_no)
    received = np.array([raw.drop.info.received_date for raw in raws], dtype=object)
    if unknown_again.any():
        cells["value"] = cells["value"].mask(unknown_again)
    cells["withdrawn"], cells["unknown_again"] = withdrawn, unknown_again & seen
    cells["received_date"] = received[drop_no]
    return cells if new.all() else cells[new]


def of_records(files: pd.Series, rows: pd.Series, records: pd.MultiIndex) -> Bools:
    """(N,) which of these are among some records of files.

    Args:
        records: file (str) and row of each.
    """
    codes, names = coded(files)
    file = names.get_indexer(records.get_level_values(0))  # -1 of a file that has none here
    asked = file.astype(np.int64) << 32 | records.get_level_values(1).to_numpy(dtype=np.int64)
    here = (codes << 32) | rows.to_numpy(dtype=np.int64)
    return np.asarray(pd.Index(here).isin(asked[file >= 0]), dtype=bool)


def _says(cells: pd.DataFrame, words: Collection[str]) -> Bools:
    """(N,) which cells hold one of the words; only texts that are no number are looked at."""
    out = np.zeros(len(cells), dtype=bool)
    at = np.flatnonzero((cells["value"].notna() & cells["number"].isna()).to_numpy(dtype=bool))
    out[at] = [str(text).strip().casefold() in words for text in cells["value"].to_numpy()[at]]
    return out
