"""The champion's published forecast; until it has one, that of the champion before it."""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.inference.forecast import PARQUET
from pipelines.registry.named import Registered
from pipelines.run.events import read_events
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
    def made_by(self) -> dict[str, str]:
        """Model version and bundle, as its rows have them."""
        row = self.table.iloc[0]
        return {name: str(row[name]) for name in ("model_version", "bundle_id")}

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
    """Whose forecasts are asked for: the champion's by its label rule, or those of the one before
    it, if it has none.
    """

    champion: Registered
    label_rule_id: str
    former: Registered | None = None


@dataclass(frozen=True)
class Answer:
    """What was found. `note` says what was withdrawn, and what stands in for what."""

    forecast: Published | None
    note: str | None = None
    withdrawal: Withdrawn | None = None


def newest(paths: DeploymentPaths, asked: Asked, origin_week: str | None = None) -> Answer:
    """The champion's newest forecast, or that of an origin week, of those not withdrawn.

    Until a champion has made one, or another than those withdrawn, one of the champion before it
    stands in; not for an origin week of before its time. Withdrawals are looked up each time, so
    that one counts at once.
    """
    marks = withdrawn(paths, "forecast")
    skipped: Withdrawn | None = None
    former: list[Path] = []
    for folder in _standing(paths, origin_week):
        bundle_id = _bundle_of(folder / PARQUET)
        if bundle_id == asked.champion.bundle_id:
            if folder.name not in marks:
                return _answer(asked, _read(folder / PARQUET, folder.name), skipped)
            skipped = skipped or marks[folder.name]
        elif asked.former and bundle_id == asked.former.bundle_id and folder.name not in marks:
            former.append(folder)
    if skipped is None and origin_week is not None:
        return Answer(None)
    return _answer(asked, _stand_in(paths, asked, former), skipped)


def by_version(paths: DeploymentPaths, asked: Asked, version: str) -> Answer:
    """One forecast by its version, withdrawn or not, if it is of the champion's label rule."""
    path, rule = paths.artifacts / "forecasts" / version / PARQUET, asked.label_rule_id
    found = _read(path, version) if path.is_file() else None
    own = found is not None and found.made_by["bundle_id"] == asked.champion.bundle_id
    if found is None or not (own or _dataset(paths, found).get("label_rule_id") == rule):
        return Answer(None)
    record = withdrawal(paths, "forecast", version)
    return Answer(found, f"it was {record.words()}" if record else None, record)


def _stand_in(paths: DeploymentPaths, asked: Asked, former: list[Path]) -> Published | None:
    """The first that is by the champion's label rule and rests on no withdrawn drop, as far as is
    known here: one whose dataset version is not here does not stand in.
    """
    taken_back = _withdrawn_drops(paths) if former else set()
    for folder in former:
        if (found := _read(folder / PARQUET, folder.name)) is None:
            continue
        dataset = _dataset(paths, found)
        drops = {drop["received_date"] for drop in dataset.get("drops", ())}
        if dataset.get("label_rule_id") == asked.label_rule_id and not drops & taken_back:
            return found
    return None


def _answer(asked: Asked, found: Published | None, skipped: Withdrawn | None) -> Answer:
    why = f"the champion's forecast {skipped.name} was {skipped.words()}" if skipped else None
    if found is None:
        return Answer(None, why)
    version, bundle_id = found.made_by["model_version"], found.made_by["bundle_id"]
    this = f"this is {found.version}, by bundle {bundle_id}"
    if bundle_id == asked.champion.bundle_id:
        return Answer(found, f"{why}; {this}" if why else None)
    now = f"version {asked.champion.version} is champion now and its own forecast is not made yet"
    until = f"{why}; until there is another" if why else f"{now}; until it is"
    return Answer(found, f"{until}, {this}, version {version}, which served before it")


def _dataset(paths: DeploymentPaths, found: Published) -> Mapping[str, Any]:
    """What is known of the dataset that a forecast was made from; {} if it is not here."""
    dataset = str(found.table["dataset_version"].iloc[0])
    try:
        return read_json(paths.artifacts / "datasets" / dataset / "dataset.json")
    except StoreError:
        return {}


def _withdrawn_drops(paths: DeploymentPaths) -> set[str]:
    """By the records; and by the events, as a container sees artifacts/ alone."""
    events = read_events(paths, "drop-withdrawn")
    return {*withdrawn(paths, "drop"), *(str(event.get("name")) for event in events)}


def _standing(paths: DeploymentPaths, origin_week: str | None) -> Iterator[Path]:
    """Folders of forecasts, newest origin first, without those that were overtaken."""
    folders = _folders(paths.artifacts / "forecasts", origin_week)
    return folders if origin_week else _not_overtaken(paths, folders)


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


@lru_cache(maxsize=4096)  # until a champion has a forecast, all of them are looked at
def _bundle_of(path: Path) -> str | None:
    """The bundle that made a forecast; None of one without rows."""
    made_by = pd.read_parquet(path, columns=["bundle_id"])["bundle_id"].unique()
    return str(made_by[0]) if len(made_by) == 1 else None


@lru_cache(maxsize=64)  # a folder is named by its content and never changed
def _read(path: Path, version: str) -> Published | None:
    table = pd.read_parquet(path)
    return None if table.empty else Published(version, table)


def _plain(value: Any) -> Any:
    """A Python value; None where nothing is known."""
    plain = value.item() if hasattr(value, "item") else value
    return None if pd.isna(plain) else plain
