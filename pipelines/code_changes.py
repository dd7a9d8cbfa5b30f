"""Codes that changed: units that were renamed, recoded or merged, so that their history goes on.

Several old codes of one new one are a merge; one old code of several new ones, a split, cannot be
reckoned: nobody can tell how past counts divide. A change may follow on a change.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from pipelines.codes import LONGEST, UnitCodes
from pipelines.errors import ConfigError
from pipelines.weeks import WeekLabel

COLUMNS = ("old", "new", "since")
_MAX_BYTES = 5_000_000
_SPLIT = (
    "{old!r} becomes {news}: a split cannot be reckoned, nobody can tell how past counts divide; "
    "leave {old!r} out, the new units then begin their own history, or deliver past counts under "
    "the new codes"
)


class CodeChange(BaseModel):
    """An old code and the one that took its place."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    old: str = Field(min_length=1, max_length=LONGEST)
    new: str = Field(min_length=1, max_length=LONGEST)
    since: WeekLabel | None = Field(
        None,
        description=(
            "first week as a whole, of a unit that took others in and kept its code: old and new "
            "are equal"
        ),
    )


@dataclass(frozen=True)
class Step:
    """A code of today or in between, and what it was made of.

    Attributes:
        since: of a unit that is a part of itself, the first week of which its records are the
            whole.
    """

    unit: str
    parts: tuple[str, ...]
    since: str | None = None

    @property
    def merges(self) -> bool:
        """Whether several units became one."""
        return len(self.parts) > 1


class CodeChanges:
    """Declared changes, codes as the place writes them. An empty one changes nothing."""

    def __init__(self, system: UnitCodes, declared: Sequence[CodeChange] = ()) -> None:
        """Raises ValueError, as pydantic wants it, for a split, a circle, or what is no code."""
        self._system = system
        self._into: dict[str, str] = {}
        self._since: dict[str, str] = {}
        for change in declared:
            old, new = self._written(change.old), self._written(change.new)
            if old == new:
                self._take_since(old, change.since)
            elif self._into.setdefault(old, new) != new:
                raise ValueError(_SPLIT.format(old=old, news=f"{self._into[old]!r} and {new!r}"))
        for old, new in self._into.items():
            self._require_end(old)
            if new not in self._into and system.normalise(new) is None:
                raise ValueError(
                    f"{new!r}, which {old!r} becomes, is not a {system.name}: {system.shape}"
                )
        if alone := sorted(set(self._since) - set(self._into.values())):
            raise ValueError(
                f"{alone[0]!r} stands for itself and takes no other code in; add those, or leave "
                "the row out"
            )

    def _take_since(self, code: str, since: str | None) -> None:
        if since is None:
            raise ValueError(
                f"{code!r} keeps its code: say with `since` the first week, such as 2024-w01, of "
                "which its records are the whole"
            )
        self._since[code] = since

    def _written(self, code: str) -> str:
        return self._system.normalise(code) or code.strip()

    def _require_end(self, code: str) -> None:
        seen = [code]
        while (code := self._into.get(code, "")) != "":
            if code in seen:
                raise ValueError(f"the changes go in a circle: {' -> '.join([*seen, code])}")
            seen.append(code)

    def __bool__(self) -> bool:
        return bool(self._into)

    @property
    def codes(self) -> frozenset[str]:
        """Every code that became another, or that another became."""
        return frozenset([*self._into, *self._into.values()])

    @property
    def declared(self) -> list[list[tuple[str, str]]]:
        """What is declared, JSON-able: old and new codes, and first weeks of units that took others
        in.
        """
        return [sorted(self._into.items()), sorted(self._since.items())]

    def as_delivered(self, code: str) -> str | None:
        """A code as it is written, an old one too, which the shape of today's need not fit."""
        found, plain = self._system.normalise(code), code.strip()
        return plain if found is None and plain in self._into else found

    def today(self, code: str) -> str:
        """The code that a unit, or the unit that took it in, has today."""
        while code in self._into:
            code = self._into[code]
        return code

    def same_unit(self, code: str) -> str:
        """The newest code of the same unit: a part of a merged one stays what it is."""
        merged = {step.unit for step in self.steps() if step.merges}
        while (after := self._into.get(code)) is not None and after not in merged:
            code = after
        return code

    def steps(self) -> list[Step]:
        """Every code that others became, those first that became another themselves."""
        units = sorted(set(self._into.values()), key=lambda u: (-self._depth(u), u))
        return [Step(unit, self._parts(unit), self._since.get(unit)) for unit in units]

    def _parts(self, unit: str) -> tuple[str, ...]:
        own = [unit] if unit in self._since else []
        return (*own, *sorted(old for old, new in self._into.items() if new == unit))

    def _depth(self, code: str) -> int:
        return 0 if code not in self._into else 1 + self._depth(self._into[code])


class DeliveredCodes:
    """How codes stand in a drop: those of today, and those that were."""

    def __init__(self, system: UnitCodes, changes: CodeChanges) -> None:
        self.name, self.shape = system.name, system.shape
        self.system, self._changes = system, changes

    def normalise(self, code: str) -> str | None:
        """The code as delivered, in the place's writing, or None if it is none."""
        return self._changes.as_delivered(code)


class CodesOfToday(DeliveredCodes):
    """How a person or a program may name a unit: an old code means what it became."""

    def normalise(self, code: str) -> str | None:
        """The code of today, or None if it is none."""
        found = self._changes.as_delivered(code)
        return None if found is None else self._changes.today(found)


def with_changes(raw: Mapping[str, Any], path: Path) -> dict[str, Any]:
    """A profile as read from `path`, with the rows of its CSV of changes, which lies beside it.

    Raises:
        ConfigError: the file is not there, or no table with the columns old and new.
    """
    place = raw.get("place")
    codes = place.get("codes") if isinstance(place, Mapping) else None
    if not (isinstance(codes, Mapping) and isinstance(codes.get("changes"), str)):
        return dict(raw)
    file = path.parent / codes["changes"].replace("\0", "")
    try:
        changes = _read(file)
    except (OSError, ValueError) as err:
        what = err.strerror if isinstance(err, OSError) else str(err)
        raise ConfigError(
            f"place.codes.changes: {what}",
            where=str(file),
            fix="name a CSV beside the profile, with the columns old and new",
        ) from err
    return {**raw, "place": {**dict(place or {}), "codes": {**codes, "changes": changes}}}


def _read(file: Path) -> list[dict[str, Any]]:
    """Rows of a CSV with the columns old, new and perhaps since, of which empty cells are
    left out."""
    with file.open("rb") as handle:
        raw = handle.read(_MAX_BYTES + 1)
    if len(raw) > _MAX_BYTES:
        raise ValueError(f"{file.name} is larger than {_MAX_BYTES:,} bytes")
    try:
        rows = list(csv.DictReader(io.StringIO(raw.decode("utf-8-sig"), newline=""), strict=True))
    except (UnicodeDecodeError, csv.Error) as err:
        raise ValueError(f"{file.name} is no CSV in UTF-8: {err}") from err
    if not rows or not {"old", "new"} <= set(rows[0]):
        raise ValueError(
            f"{file.name} must have a header with the columns old and new (and since), and rows "
            "below it"
        )
    return [{k: row[k].strip() for k in COLUMNS if (row.get(k) or "").strip()} for row in rows]
