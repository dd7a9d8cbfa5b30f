"""Withdrawals: one small record for each withdrawn drop and each withdrawn forecast.

A drop's record lies beside the drops, data/withdrawn/<name>.json, so that it travels with them; a
forecast's is artifacts/withdrawn/forecasts/<version>.json. What was withdrawn stays where it is and
as it is. The record's name alone withdraws: one whose content is damaged gives nothing back.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.run.events import Kind, append_event, read_events
from pipelines.storage import read_json, shared, write_json

What = Literal["drop", "forecast"]
_EVENTS: Mapping[What, Kind] = {"drop": "drop-withdrawn", "forecast": "forecast-withdrawn"}


@dataclass(frozen=True)
class Withdrawn:
    """One record.

    Attributes:
        name: the drop's folder, or the forecast's version.
        at: UTC, ISO.
        content_id: of the drop when it was withdrawn, "" where nobody knows it.
    """

    what: What
    name: str
    by: str
    reason: str
    at: str
    content_id: str = ""

    def words(self) -> str:
        """Who, when and why, for a sentence."""
        return f"withdrawn on {self.at[:10]} by {self.by}: {self.reason}"


def withdrawn(paths: DeploymentPaths, what: What) -> dict[str, Withdrawn]:
    """Name -> record of everything of a kind that was withdrawn here."""
    found = sorted(folder_of(paths, what).glob("[!.]*.json"))
    return {path.stem: _read(what, path) for path in found}


def withdrawal(paths: DeploymentPaths, what: What, name: str) -> Withdrawn | None:
    """The record of one thing, or None; costs one look at the disk."""
    path = folder_of(paths, what) / f"{name}.json"
    return _read(what, path) if path.is_file() else None


def withdraw(
    paths: DeploymentPaths, what: What, name: str, by: str, reason: str, content_id: str = ""
) -> Withdrawn:
    """Withdraw a thing, once: the record, then its event, then the store that machines share.

    Called again it mends what a power cut left out and keeps the first record.

    Raises:
        ConfigError: nobody's name, or no reason.
        StoreError: the store that machines share does not answer, and nothing was done; or it does
            not take the record, and the thing is withdrawn here alone until the next exchange.
    """
    if not by.strip() or not reason.strip():
        raise ConfigError(
            "a withdrawal needs a name and a reason", fix="give --by NAME and --reason TEXT"
        )
    path, store = folder_of(paths, what) / f"{name}.json", shared(paths)
    if store:
        store.bring(path.relative_to(paths.home).as_posix())
    found = withdrawal(paths, what, name)
    if found is None:
        at = datetime.now(UTC).isoformat(timespec="seconds")
        found = Withdrawn(what, name, _holdable(by), _holdable(reason), at, content_id)
        write_json(path, asdict(found))
    if not any(event.get("name") == name for event in read_events(paths, _EVENTS[what])):
        append_event(paths, _EVENTS[what], asdict(found))
    if store:
        store.share(path)
    return found


def exchange_withdrawn(paths: DeploymentPaths) -> None:
    """Publish what was withdrawn here and fetch what other machines withdrew."""
    if (store := shared(paths)) is None:
        return
    for what in _EVENTS:
        folder = folder_of(paths, what)
        name = folder.relative_to(paths.home).as_posix()
        there = set(store.names(name))
        for path in sorted(folder.glob("[!.]*.json")):
            if path.name not in there:
                store.share(path)
        for file in sorted(there):
            store.bring(f"{name}/{file}")


def folder_of(paths: DeploymentPaths, what: What) -> Path:
    """Where the records of a kind lie."""
    return paths.data / "withdrawn" if what == "drop" else paths.artifacts / "withdrawn/forecasts"


def _holdable(text: str) -> str:
    """What a file can hold: half a character is replaced."""
    return text.strip().encode("utf-8", "replace").decode()


def _read(what: What, path: Path) -> Withdrawn:
    try:
        record: dict[str, Any] = read_json(path)
        return Withdrawn(
            what,
            path.stem,
            str(record["by"]),
            str(record["reason"]),
            str(record["at"]),
            str(record.get("content_id", "")),
        )
    except (StoreError, KeyError):
        return Withdrawn(what, path.stem, "unknown", "the record of it is damaged", "unknown")
