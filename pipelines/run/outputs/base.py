"""What every output of a step can do: turn into JSON, and be read again."""

from __future__ import annotations

from pathlib import Path
from typing import Any, ClassVar, Self

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.errors import StoreError, invalid_values
from pipelines.storage import read_json

Free = dict[str, Any]  # carried as it is: whoever made it knows its form


class Record(BaseModel):
    """A part of a run's JSON. Its keys are the fields that were given."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    def to_json(self) -> Free:
        """The record as plain JSON values."""
        return self.model_dump(mode="json", exclude_unset=True)

    @classmethod
    def parse(cls, raw: object, where: str = "") -> Self:
        """A record as read; what only another version knows is passed over.

        Raises:
            StoreError: a field is absent or of another type.
        """
        try:
            return cls.model_validate(raw, extra="ignore")
        except ValidationError as err:
            name, message = invalid_values(err)[0]
            raise StoreError(
                f"a step's record is not valid: {name}: {message}",
                where=where,
                fix="run the step again, or restore the file from a backup",
            ) from err


class StepOutput(Record):
    """What one step wrote; `step` names its file, with a place for the number of a shard or
    year."""

    step: ClassVar[str]

    @classmethod
    def file(cls, *part: int) -> str:
        """The file's name in the run's folder."""
        return f"{cls.step.format(*part)}.json"

    @classmethod
    def read(cls, folder: Path, *part: int) -> Self:
        """As it lies in a run's folder. Raises StoreError if it is absent or not valid."""
        path = folder / cls.file(*part)
        return cls.parse(read_json(path), str(path))

    @classmethod
    def left_in(cls, folder: Path, *part: int) -> Self | None:
        """The same, None if the step has not run."""
        return cls.read(folder, *part) if (folder / cls.file(*part)).is_file() else None
