"""What is known of each unit's periods: a file each, and one table of all.

A period is finished when its record is there: a scene is put in place before its record.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Literal

import pandas as pd
from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.errors import ConfigError, StoreError
from pipelines.satellite.periods import Period
from pipelines.storage.files import write_atomic, write_json
from pipelines.storage.people_csv import frame_csv

TABLE, _RECORDS, _IMAGES = "scenes.csv", "records", "images"


class SceneRecord(BaseModel):
    """One unit and period, and what came of it.

    Attributes:
        scene: the file, as seen from the folder; "" if there is none, and then `reason` says why.
        clear_share: of the unit's area, what the scene shows.
        cloud_share: of what the satellite saw of the unit, what was not clear; None if it saw
            nothing.
        observation_days: day -> share of the unit that was clear; days without any are left out.
        age_days: from the newest of them to the last day.
        items: all that the catalogue has, each with what became of it.
        bytes_read: of the items' files, earlier calls included.
        asked_on: the day on which the catalogue was last asked; settings: see `one_call.py`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    unit_id: str
    period: Literal["week", "month"]
    first_day: date
    last_day: date
    scene: str = ""
    reason: str = ""
    resolution_m: int
    clear_share: float = 0.0
    cloud_share: float | None = None
    observation_days: dict[date, float] = {}
    age_days: int | None = None
    items: dict[str, str] = {}
    bytes_read: int = 0
    asked_on: date
    settings: str


_COLUMNS = tuple(name for name in SceneRecord.model_fields if name not in ("settings", "period"))


class Records:
    """The records below one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def require(self, period: Literal["week", "month"]) -> None:
        """Raise ConfigError if the folder holds scenes of the other period: the files' names do
        not tell which, and a drop has one."""
        first = next((self._folder / _RECORDS).glob("*/*.json"), None)
        if first is not None and (found := _read(first).period) != period:
            raise ConfigError(
                f"the folder holds scenes of each {found}, the profile asks for each {period}",
                where=str(self._folder),
                fix="fetch into another folder, or set satellite.period",
            )

    def scene_name(self, unit: str, period: Period) -> str:
        """Where a scene lies, as seen from the folder."""
        return f"{_IMAGES}/{unit}/image_{period.first}.tiff"

    def read(self, unit: str, period: Period) -> SceneRecord | None:
        """The record of a period; None if it is not finished, or its scene is gone."""
        path = self._path(unit, period.first)
        if not path.is_file():
            return None
        record = _read(path)
        gone = record.scene and not (self._folder / record.scene).is_file()
        return None if gone else record

    def write(self, record: SceneRecord) -> None:
        """Finish a period."""
        path = self._path(record.unit_id, record.first_day)
        write_json(path, record.model_dump(mode="json"))

    def all(self) -> list[SceneRecord]:
        """Of every finished period, by unit and day. Raises StoreError for one that is damaged."""
        return [_read(path) for path in sorted((self._folder / _RECORDS).glob("*/*.json"))]

    def forget(self, before: date) -> None:
        """Remove the scenes and records of periods that began before a day."""
        for record in self.all():
            if record.first_day < before:
                self._path(record.unit_id, record.first_day).unlink()
                if record.scene:
                    (self._folder / record.scene).unlink(missing_ok=True)

    def write_csv(self) -> Path:
        """All records as one table, by unit and day, for people."""
        rows = [
            record.model_dump(mode="json")
            | {"observation_days": len(record.observation_days), "items": len(record.items)}
            for record in self.all()
        ]
        frame = pd.DataFrame(rows, columns=[*_COLUMNS]).astype({"age_days": "Int64"})
        return write_atomic(self._folder / TABLE, frame_csv(frame))

    def _path(self, unit: str, first: date) -> Path:
        return self._folder / _RECORDS / unit / f"{first}.json"


def _read(path: Path) -> SceneRecord:
    try:
        return SceneRecord.model_validate_json(path.read_bytes())
    except ValidationError as err:
        raise StoreError(
            "the record of a scene is damaged", where=str(path), fix="delete it and fetch again"
        ) from err
