"""Versions that a person wants kept whatever their age: artifacts/pins.json."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.config import DeploymentPaths
from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError, StoreError
from pipelines.lineage import read_all
from pipelines.lineage.query import find
from pipelines.storage import read_json, write_json
from pipelines.versioning import read_index


class Pin(Frozen):
    """One pin.

    Attributes:
        nodes: keys of the graph of lineage; empty for a version that only DVC knows.
        versions: ids in the index of versions.
    """

    nodes: tuple[str, ...]
    versions: tuple[str, ...]
    by: str
    reason: str
    at: str


_PINS = TypeAdapter(dict[str, Pin])


def pin(paths: DeploymentPaths, what: str, by: str, reason: str) -> Pin:
    """Keep what is named, and all that it rests on, until it is unpinned.

    Args:
        what: as `denguard trace` takes it, or the id of a version as `denguard list` shows it.

    Raises:
        ConfigError: no name, no reason, or nothing (or several things) of that name.
    """
    if not by.strip() or not reason.strip():
        raise ConfigError("a pin needs a name and a reason", fix="use --by NAME --reason TEXT")
    versions = (what,) if what in read_index(paths) else ()
    graph, reader, _ = read_all(paths)
    try:
        nodes = find(graph, reader, what).starts
    except ConfigError:
        if not versions:
            raise
        nodes = ()
    made = Pin(
        nodes=nodes,
        versions=versions,
        by=by,
        reason=reason,
        at=datetime.now(UTC).isoformat(timespec="seconds"),
    )
    _write(paths, {**read_pins(paths), what: made})
    return made


def unpin(paths: DeploymentPaths, what: str) -> Pin:
    """Take a pin off; retention decides again. Raises ConfigError if there is none of that name."""
    pins = read_pins(paths)
    if what not in pins:
        raise ConfigError(
            f"nothing is pinned as {what!r}", fix=f"pinned are {', '.join(sorted(pins)) or 'none'}"
        )
    taken = pins.pop(what)
    _write(paths, pins)
    return taken


def read_pins(paths: DeploymentPaths) -> dict[str, Pin]:
    """Name -> pin. Raises StoreError if the file is damaged: pruning must not guess."""
    path = paths.artifacts / "pins.json"
    if not path.is_file():
        return {}
    raw: Any = read_json(path).get("pins")
    try:
        return _PINS.validate_python(raw)
    except ValidationError as err:
        raise StoreError(
            "the file of pins is damaged",
            where=str(path),
            fix="restore it from a backup, or delete it and pin again",
        ) from err


def _write(paths: DeploymentPaths, pins: dict[str, Pin]) -> None:
    plain = {what: one.model_dump(mode="json") for what, one in pins.items()}
    write_json(paths.artifacts / "pins.json", {"pins": plain})
