"""The champion's published forecast, for models that need more than one row of fields."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.inference.forecast import PARQUET
from pipelines.run.success import last_success
from pipelines.run.withdrawn import Withdrawn, withdrawal, withdrawn
from pipelines.storage import read_json

log = logging.getLogger(__name__)
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


@dataclass(frozen=True)
class Asked:
    """Whose forecasts are asked for: its bundle, and the label rule that it answers by."""

    bundle_id: str
    label_rule_id: str


@dataclass(frozen=True)
class Answer:
    """What was found; without a forecast, `note` says what was withdrawn, if anything was."""

    forecast: Published | None
    note: str | None = None
    withdrawal: Withdrawn | None = None


def newest(paths: DeploymentPaths, asked: Asked, origin_week: str | None = None) -> Answer:
    """The champion's newest forecast, or that of an origin week, of those not withdrawn.

    If its newest one was withdrawn and it made no other, the newest one of another bundle by the
    same label rule stands in. Withdrawals are looked up each time, so that one counts at once.
    """
    marks = withdrawn(paths, "forecast")
    skipped: Withdrawn | None = None
    others: list[Published] = []
    for found in _forecasts(paths, origin_week):
        own = (found.table["bundle_id"] == asked.bundle_id).all()
        if found.version in marks:
            skipped = skipped or (marks[found.version] if own else None)
        elif own:
            return Answer(found, _skipped(skipped, found))
        else:
            others.append(found)
    for found in others if skipped else ():
        if _rule_of(paths, found) == asked.label_rule_id:
            return Answer(found, _skipped(skipped, found))
    return Answer(None, _skipped(skipped, None))


def by_version(paths: DeploymentPaths, asked: Asked, version: str) -> Answer:
    """One forecast by its version, withdrawn or not, if it is of the champion's label rule."""
    path = paths.artifacts / "forecasts" / version / PARQUET
    found = _read(path, version) if path.is_file() else None
    own = found is not None and (found.table["bundle_id"] == asked.bundle_id).all()
    if found is None or not (own or _rule_of(paths, found) == asked.label_rule_id):
        return Answer(None)
    record = withdrawal(paths, "forecast", version)
    return Answer(found, f"it was {record.words()}" if record else None, record)


def _skipped(record: Withdrawn | None, instead: Published | None) -> str | None:
    if record is None:
        return None
    note = f"the champion's forecast {record.name} was {record.words()}"
    return (
        note
        if instead is None
        else f"{note}; this is {instead.version}, by bundle {instead.table['bundle_id'].iloc[0]}"
    )


def _rule_of(paths: DeploymentPaths, found: Published) -> str | None:
    """Label rule of a forecast, by the dataset version it was made from; None if that is
    not here."""
    dataset = str(found.table["dataset_version"].iloc[0])
    try:
        return str(
            read_json(paths.artifacts / "datasets" / dataset / "dataset.json")["label_rule_id"]
        )
    except (StoreError, KeyError):
        return None


def _forecasts(paths: DeploymentPaths, origin_week: str | None) -> Iterator[Published]:
    folders = _folders(paths.artifacts / "forecasts", origin_week)
    for folder in folders if origin_week else _not_overtaken(paths, folders):
        if (found := _read(folder / PARQUET, folder.name)) is not None:
            yield found


def _folders(root: Path, origin_week: str | None) -> Iterator[Path]:
    """Forecast folders, newest origin first; they are named by their week and content."""
    named = root.glob(f"{origin_week or '[!.]*'}-*")  # names of unfinished folders begin with a dot
    found = [p for p in named if (p / PARQUET).is_file()]
    yield from sorted(found, key=lambda p: (p.name[:8], p.stat().st_mtime_ns), reverse=True)


def _not_overtaken(paths: DeploymentPaths, folders: Iterator[Path]) -> Iterator[Path]:
    """Without later weeks that were forecast before the newest forecast that a run finished: their
    data were withdrawn since, or are declared unknown now.
    """
    try:
        last = last_success(paths)
    except StoreError as err:
        log.warning("%s", err)
        last = None
    for path in folders:
        later = last is not None and path.name[:8] > last.origin_week
        if last is None or not later or path.stat().st_mtime >= last.when.timestamp():
            yield path


@lru_cache(maxsize=64)  # a folder is named by its content and never changed
def _read(path: Path, version: str) -> Published | None:
    table = pd.read_parquet(path)
    return None if table.empty else Published(version, table)


def _plain(value: Any) -> Any:
    """A Python value; None where nothing is known."""
    plain = value.item() if hasattr(value, "item") else value
    return None if pd.isna(plain) else plain
