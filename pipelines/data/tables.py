"""The clean tables that every later step reads: cases, climate, units, scenes, perhaps series and
delays."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields
from datetime import date
from functools import cached_property
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.data.scene_indices import INDEX_COLUMNS
from pipelines.data.scene_observations import COLUMNS as OBSERVATION_COLUMNS
from pipelines.data.table_blocks import load_table, save_table
from pipelines.errors import StoreError
from pipelines.storage import discard

# Parquet types; columns that a table has beyond these are of _OPTIONAL, or else (populations,
# demographics) float64.
_SCHEMAS: dict[str, dict[str, pa.DataType]] = {
    "cases": {
        "unit_id": pa.string(),
        "week_no": pa.int32(),
        "cases": pa.float64(),
        "received_date": pa.date32(),
    },
    "climate": {
        "unit_id": pa.string(),
        "year": pa.int32(),
        "month": pa.int32(),
        "temp_mean_c": pa.float64(),
        "rainfall_mm": pa.float64(),
        "available_date": pa.date32(),
    },
    "units": {"unit_id": pa.string(), "name": pa.string()},
    "scenes": {
        "unit_id": pa.string(),
        "scene_date": pa.date32(),
        "uri": pa.string(),
        "sha256": pa.string(),
        "content_sha256": pa.string(),
        "quality": pa.string(),
        "dark_share": pa.float64(),
        "saturated_share": pa.float64(),
        "std_grey": pa.float64(),
        "available_date": pa.date32(),
        "first_seen_available_date": pa.date32(),
        "synthetic": pa.bool_(),
    },
    "series": {
        "unit_id": pa.string(),
        "name": pa.string(),
        "step": pa.string(),
        "period_no": pa.int32(),
        "value": pa.float64(),
        "available_date": pa.date32(),
    },
    "delays": {
        "unit_id": pa.string(),
        "week_no": pa.int32(),
        "delay_weeks": pa.int32(),
        "cases": pa.float64(),
        "received_date": pa.date32(),
    },
    "notes": {
        "unit_id": pa.string(),
        "week_no": pa.int32(),
        "kind": pa.string(),
        "text": pa.string(),
        "known_date": pa.date32(),
        "received_date": pa.date32(),
    },
    "doubts": {
        "unit_id": pa.string(),
        "kind": pa.string(),
        "clean": pa.string(),
        "when": pa.int32(),
        "number": pa.float64(),
        "received_date": pa.date32(),
        "drop": pa.string(),
        "rule": pa.string(),
        "outcome": pa.string(),
        "direction": pa.string(),
        "cause_id": pa.string(),
        "answer": pa.string(),
        "held": pa.bool_(),
    },
}
_OPTIONAL = {"parent": pa.string(), "observed_date": pa.date32()}
# Of scenes: where a profile asked for indices and any scene has them, and where a drop tells them.
_OF_SCENES = (*INDEX_COLUMNS, *OBSERVATION_COLUMNS)
_SORT: dict[str, list[str]] = {
    "cases": ["unit_id", "week_no", "received_date"],
    "climate": ["unit_id", "year", "month"],
    "units": ["unit_id"],
    "scenes": ["unit_id", "scene_date"],
    "series": ["name", "step", "unit_id", "period_no"],
    "delays": ["unit_id", "week_no", "delay_weeks", "received_date"],
    "notes": ["unit_id", "week_no", "kind", "known_date", "received_date"],
    "doubts": ["received_date", "drop", "cause_id", "unit_id", "kind", "clean", "when"],
}
_RARE = (
    "series",
    "delays",
    "doubts",
    "notes",
)  # tables that only some places have; stored where they have a row


@dataclass(frozen=True)
class Tables:
    """Checked data as known from all accepted drops.

    Attributes:
        cases: unit_id, week_no (pipelines.weeks), cases (NaN = missing), received_date; several
            vintages of one (unit, week) may be there, see `latest_cases`.
        climate: unit_id, year, month, temp_mean_c, rainfall_mm (a month), available_date.
        units: unit_id, name, population_<year> (persons), demographics (percent or 1/km2); parent
            (what a unit lies in, as delivered), if any source has one.
        scenes: one row per (unit, scene_date): uri relative to the data folder, sha256 (file),
            content_sha256 (decoded pixels), quality (contracts.SceneQuality), dark_share,
            saturated_share, std_grey, available_date, first_seen_available_date, synthetic; of
            SceneIndices and Observation those that any scene has.
        series: unit_id, name (as the place declares it), step ("week" or "month"), period_no (week
            ordinal, or year * 12 + month - 1), value, available_date.
        delays: of line lists with days of report: unit_id, week_no (of onset), delay_weeks (until
            the report), cases, received_date; vintages as of cases.
        doubts: one row a value that was doubted, with the drop, the rule, a person's answer and
            whether it is held: plausible/doubts.DOUBT_COLUMNS. `when` is a week, month or year, or
            -1 of a unit that did not report.
        notes: free text, one row a version of a unit's (raw.EVERY_UNIT: of all), week's and kind's
            note: unit_id, week_no, kind ("" if not told), text ("" = taken back), known_date (from
            which origins may know it), received_date.
    """

    cases: pd.DataFrame
    climate: pd.DataFrame
    units: pd.DataFrame
    scenes: pd.DataFrame
    series: pd.DataFrame = field(default_factory=lambda: _without_rows("series"))
    delays: pd.DataFrame = field(default_factory=lambda: _without_rows("delays"))
    doubts: pd.DataFrame = field(default_factory=lambda: _without_rows("doubts"))
    notes: pd.DataFrame = field(default_factory=lambda: _without_rows("notes"))

    @cached_property
    def newest_cases(self) -> pd.DataFrame:
        """latest_cases in hindsight: found once, and changed by nobody."""
        return _newest_vintages(self.cases)

    def save(self, folder: Path) -> Path:
        """Write each table as Parquet, those that grow by the week in one file a year; equal tables
        give equal bytes."""
        for one in fields(self):
            frame, path = getattr(self, one.name), folder / f"{one.name}.parquet"
            if one.name in _RARE and frame.empty:
                discard(path) if path.is_dir() else path.unlink(missing_ok=True)
            else:
                _write(one.name, frame, path)
        return folder

    @classmethod
    def load(cls, folder: Path) -> Tables:
        """Read tables that `save` wrote. Raises StoreError naming a file that is absent or
        damaged."""
        paths = {one.name: folder / f"{one.name}.parquet" for one in fields(cls)}
        return cls(**{n: _read(n, p) for n, p in paths.items() if n not in _RARE or p.exists()})

    @classmethod
    def empty(cls) -> Tables:
        """Tables without a row."""
        return cls(**{name: _without_rows(name) for name in _SCHEMAS})


def _without_rows(name: str) -> pd.DataFrame:
    frame: pd.DataFrame = _arrow_schema(name, ()).empty_table().to_pandas()
    return frame


def ordered(name: str, frame: pd.DataFrame) -> pd.DataFrame:
    """The table's columns in their fixed order, its rows in their fixed order, index 0..n-1."""
    columns = [*_SCHEMAS[name], *_beyond(name, frame)]
    return _sorted(frame[columns], _SORT[name]).reset_index(drop=True)


def _sorted(frame: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """The frame in the order of these columns; itself where it lies so, as read tables do."""
    if _lies_sorted(frame, columns):
        return frame
    return frame.sort_values(list(columns), kind="stable")


def _lies_sorted(frame: pd.DataFrame, columns: Sequence[str]) -> bool:
    """Whether no row has to move; looking takes a third of the time of sorting."""
    at = np.arange(max(len(frame) - 1, 0))  # rows that are no later than the next one so far
    for name in columns:
        values = frame[name].to_numpy()
        one, following = values[at], values[at + 1]
        differ = np.flatnonzero(one != following)
        one, following = one[differ], following[differ]
        if pd.isna(one).any() or pd.isna(following).any() or (one > following).any():
            return False
        at = np.delete(at, differ)
    return True


def _beyond(name: str, frame: pd.DataFrame) -> list[str]:
    """Columns that this table has beyond those of every place."""
    if name == "units":
        return sorted(c for c in frame.columns if c not in _SCHEMAS[name])
    told = _OF_SCENES if name == "scenes" else ()
    return [c for c in told if c in frame and frame[c].notna().any()]


def latest_cases(tables: Tables, known_on: date | None = None) -> pd.DataFrame:
    """Newest vintage of every (unit, week): unit_id, week_no, cases, received_date.

    Args:
        known_on: leave out what was received after this day; None = hindsight, all of it.
    """
    if known_on is None:
        return tables.newest_cases
    return _newest_vintages(tables.cases[tables.cases["received_date"] <= known_on])


def _newest_vintages(cases: pd.DataFrame) -> pd.DataFrame:
    in_order = _sorted(cases, _SORT["cases"])
    return in_order.drop_duplicates(["unit_id", "week_no"], keep="last").reset_index(drop=True)


def latest_delays(tables: Tables) -> pd.DataFrame:
    """Newest vintage of every (unit, week, delay): unit_id, week_no, delay_weeks, cases."""
    in_order = tables.delays.sort_values(_SORT["delays"], kind="stable")
    keys = ["unit_id", "week_no", "delay_weeks"]
    return in_order.drop_duplicates(keys, keep="last").reset_index(drop=True)


def newest_week_no(tables: Tables) -> int | None:
    """Newest week that at least half of the municipalities report a count for; None without any."""
    known = latest_cases(tables).dropna(subset=["cases"])
    weeks, reporting = np.unique(known["week_no"].to_numpy(), return_counts=True)
    enough = weeks[reporting >= max(1.0, len(tables.units) / 2)]
    return int(enough.max()) if len(enough) else None


def _arrow_schema(name: str, columns: tuple[str, ...]) -> pa.Schema:
    known = _SCHEMAS[name]
    extra = {c: _OPTIONAL.get(c, pa.float64()) for c in columns if c not in known}
    return pa.schema([pa.field(c, kind) for c, kind in {**known, **extra}.items()])


def _write(name: str, frame: pd.DataFrame, path: Path) -> None:
    tidy = ordered(name, frame)
    schema = _arrow_schema(name, tuple(tidy.columns))
    table = pa.Table.from_pandas(tidy, schema=schema, preserve_index=False)
    save_table(name, table, path)


def _read(name: str, path: Path) -> pd.DataFrame:
    try:
        frame: pd.DataFrame = load_table(name, path).to_pandas()
    except FileNotFoundError as err:
        raise StoreError(
            "a clean table is absent", where=str(path), fix="run validate again"
        ) from err
    except (ValueError, OSError) as err:  # Arrow's among them
        raise StoreError(
            "a clean table is damaged", where=str(path), fix="delete it and run validate again"
        ) from err
    return frame
