"""Encoders that a deployment takes up in place of its profile's, and how far that has come.

    artifacts/encoders/<model_name>.json    one record, written whole

`denguard adopt-encoder` begins it, `denguard reembed` (each night) embeds history with the new
encoders, and once nothing is missing the next run trains its candidates on them. The champion goes
on reading its own vectors (steps/spaces.py). A run keeps the encoders that it began with.
"""

from __future__ import annotations

from datetime import datetime
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.config import DeploymentPaths
from pipelines.contracts import Modality
from pipelines.encoder_config import EncoderConfig
from pipelines.errors import StoreError
from pipelines.storage import read_json, shared, write_json


class Change(BaseModel):
    """Who changed what, and why."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    action: Literal["adopt", "back", "ready"]
    by: str
    reason: str
    at: datetime


class HowFar(BaseModel):
    """How far history was embedded when a call of `denguard reembed` ended: inputs, distinct."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    embedded: int
    of: int
    at: datetime


class Adopted(BaseModel):
    """The encoders taken up, and every change so far.

    Attributes:
        encoders: those that replace the profile's; none = the profile's own are used again.
        ready: history is embedded with them.
        changes: oldest first.
        how_far: None before the first call, and of a record of before this was noted.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    encoders: dict[Modality, EncoderConfig]
    ready: bool
    changes: tuple[Change, ...]
    how_far: HowFar | None = None

    def words(self) -> str:
        """What is adopted and how far it has come; "" if nothing is."""
        if not self.encoders:
            return ""
        named = ", ".join(f"{m}: {config.name}" for m, config in sorted(self.encoders.items()))
        if self.ready:
            return f"{named}; history is embedded, runs train on it"
        if self.how_far is None:
            return f"{named}; history is not embedded yet, the next night begins"
        return f"{named}; {self.how_far.embedded} of {self.how_far.of} inputs of history embedded"

    @property
    def used(self) -> dict[Modality, EncoderConfig]:
        """What a run that begins now takes in place of its profile's."""
        return dict(self.encoders) if self.ready else {}


NOTHING = Adopted(encoders={}, ready=False, changes=())


def read_adopted(paths: DeploymentPaths, model_name: str) -> Adopted:
    """The record; NOTHING if no encoder was ever taken up.

    Raises:
        StoreError: it is damaged, or the shared store does not answer.
    """
    path = _file(paths, model_name)
    if store := shared(paths):
        raw = store.read_record(path.relative_to(paths.home).as_posix())
    else:
        raw = read_json(path) if path.is_file() else None
    if raw is None:
        return NOTHING
    try:
        return Adopted.model_validate(raw)
    except ValidationError as err:
        raise StoreError(
            "the record of adopted encoders cannot be used",
            where=str(path),
            fix="restore it from a backup, or move it away: runs then use the profile's encoders",
        ) from err


def write_adopted(paths: DeploymentPaths, model_name: str, record: Adopted) -> None:
    """Replace the record."""
    path, raw = _file(paths, model_name), record.model_dump(mode="json")
    write_json(path, raw)
    if store := shared(paths):
        store.write_record(path.relative_to(paths.home).as_posix(), raw)


def _file(paths: DeploymentPaths, model_name: str) -> Path:
    return paths.artifacts / "encoders" / f"{model_name}.json"
