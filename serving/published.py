"""The published forecast of the champion: what it answers where a row of fields is not enough.

Belongs here: finding the newest forecast of a bundle and reading rows of it. Does not belong here:
making one (pipelines/forecast.py), HTTP.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import Places
from pipelines.forecast import PARQUET

Row = dict[str, Any]


@dataclass(frozen=True)
class Published:
    """One forecast version, whole."""

    version: str
    table: pd.DataFrame

    @property
    def origin_week(self) -> str:
        return str(self.table["origin_week"].iloc[0])

    def rows(self, municipality_code: str | None, horizon_weeks: int | None) -> list[Row]:
        """Its rows as JSON-able values, of one unit or all and of one horizon or all."""
        chosen = self.table
        if municipality_code is not None:
            chosen = chosen[chosen["municipality_code"] == municipality_code]
        if horizon_weeks is not None:
            chosen = chosen[chosen["horizon_weeks"] == horizon_weeks]
        return [{str(k): _plain(v) for k, v in row.items()} for row in chosen.to_dict("records")]


def newest(places: Places, bundle_id: str, origin_week: str | None = None) -> Published | None:
    """The newest forecast of a bundle, or that of an origin week; None if there is none here."""
    for folder in _folders(places.artifacts / "forecasts", origin_week):
        found = _read(folder / PARQUET, folder.name)
        if found is not None and (found.table["bundle_id"] == bundle_id).all():
            return found
    return None


def _folders(root: Path, origin_week: str | None) -> Iterator[Path]:
    """Forecast folders, newest origin first; they are named by their week and content."""
    found = [p for p in root.glob(f"{origin_week or '*'}-*") if (p / PARQUET).is_file()]
    yield from sorted(found, key=lambda p: (p.name[:8], p.stat().st_mtime_ns), reverse=True)


@lru_cache(maxsize=64)  # a folder is named by its content and never changed
def _read(path: Path, version: str) -> Published | None:
    table = pd.read_parquet(path)
    return None if table.empty else Published(version, table)


def _plain(value: Any) -> Any:
    """A Python value; None where nothing is known."""
    plain = value.item() if hasattr(value, "item") else value
    return None if pd.isna(plain) else plain
