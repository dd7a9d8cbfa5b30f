"""The place that is forecast, as a profile declares it: calendar, codes, language, clock, map."""

from __future__ import annotations

import hashlib
import re
import zoneinfo
from datetime import date, datetime
from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipelines.code_changes import CodeChange, CodeChanges, CodesOfToday, DeliveredCodes
from pipelines.codes import UnitCodes
from pipelines.contracts import CALENDARS, UNIT_CODES, CalendarName, CodesName
from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError
from pipelines.weeks import Calendar

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class WeekConfig(Frozen):
    """How the place numbers its weeks."""

    numbering: CalendarName = "cdc"
    starts: Weekday | None = Field(
        None, description="first day of a week; none = the numbering's own"
    )

    @cached_property
    def calendar(self) -> Calendar:
        calendar: Calendar = CALENDARS.load(self.numbering)(self.starts)
        return calendar


class CodesConfig(Frozen):
    """How the place writes the codes of its units."""

    kind: CodesName = "text"
    name: str = Field("unit code", max_length=40, description="how people call it, such as IBGE")
    pattern: str | None = Field(None, max_length=200, description="what a whole code must match")
    pad_to: int | None = Field(None, ge=1, le=64, description="width that digits are padded to")
    changes: tuple[CodeChange, ...] = Field(
        (), description="old codes and what they became, or a CSV of them beside the profile"
    )

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as err:
            raise ValueError(f"not a regular expression: {err}") from err
        return pattern

    @model_validator(mode="after")
    def _changes_can_be_reckoned(self) -> CodesConfig:
        if self.changes:
            CodeChanges(self._written, self.changes)
        return self

    @cached_property
    def _written(self) -> UnitCodes:
        made = UNIT_CODES.load(self.kind)
        system: UnitCodes = (
            made(self.name, self.pattern, self.pad_to) if self.kind == "text" else made()
        )
        return system

    @cached_property
    def crosswalk(self) -> CodeChanges:
        """What old codes became."""
        return CodeChanges(self._written, self.changes)

    @cached_property
    def system(self) -> UnitCodes:
        """How a unit may be named: an old code means what it became."""
        return CodesOfToday(self._written, self.crosswalk) if self.changes else self._written

    @cached_property
    def delivered(self) -> UnitCodes:
        """How codes stand in a drop: old ones as they were."""
        return DeliveredCodes(self._written, self.crosswalk) if self.changes else self._written


@cache  # a look through some six hundred files
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


@cache
def shipped_prompts() -> dict[str, Path]:
    """Language -> prompt template, of those that ship: a language is added by its file alone."""
    folder = Path(str(resources.files("pipelines.data") / "templates"))
    return {f.stem.removeprefix("prompt_"): f for f in sorted(folder.glob("prompt_??.yaml"))}


@cache
def shipped_notes_prompts() -> dict[str, Path]:
    """Language -> the prompt template that ships for a place with notes."""
    folder = Path(str(resources.files("pipelines.data") / "templates"))
    return {f.stem.removeprefix("notes_"): f for f in sorted(folder.glob("notes_??.yaml"))}


def _beside_the_profile(file: Path | None, about: ValidationInfo) -> Path | None:
    """A path as seen from the profile's folder, where that is known: load_profile says it."""
    return file and Path((about.context or {}).get("folder", "")) / file


class BoundariesConfig(Frozen):
    """Shapes of the units; `boundaries: districts.geojson` says the file alone."""

    file: Path = Field(description="GeoJSON, beside the profile")
    code: str | None = Field(
        None,
        min_length=1,
        max_length=100,
        description="property that holds a unit's code; none = the one that fits the data",
    )

    _anchored = field_validator("file")(_beside_the_profile)

    @model_validator(mode="before")
    @classmethod
    def _file_alone(cls, given: Any) -> Any:
        return {"file": given} if isinstance(given, str) else given


class PlaceConfig(Frozen):
    """The place that a deployment forecasts; files are named as seen from the profile's folder."""

    week: WeekConfig = WeekConfig()
    codes: CodesConfig = CodesConfig()
    language: str = Field(
        "en", pattern=r"^[a-z]{2}$", description="of prompts, bulletins and alerts"
    )
    prompt: Path | None = Field(
        None, description="a prompt template of one's own, beside the profile"
    )
    time_zone: str = Field(
        "UTC", description="of schedules and of dates and times that people read"
    )
    boundaries: BoundariesConfig | None = Field(
        None, description="shapes of the units, for the report's map"
    )

    _anchored = field_validator("prompt")(_beside_the_profile)

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in _time_zones():
            raise ValueError(f"{name!r} is no time zone; write it as America/Bogota")
        return name

    @property
    def zone(self) -> zoneinfo.ZoneInfo:
        """The place's clock."""
        return zoneinfo.ZoneInfo(self.time_zone)

    def today(self) -> date:
        """The day that it is there."""
        return datetime.now(self.zone).date()

    @property
    def prompt_file(self) -> Path | None:
        """The template that prompts are made from; None = neither one's own nor a shipped one."""
        return self.prompt or shipped_prompts().get(self.language)

    def prompt_file_for(self, notes: bool) -> Path | None:
        """As `prompt_file`; of shipped ones the one with notes, where the place has some."""
        shipped = shipped_notes_prompts().get(self.language) if notes else None
        return self.prompt or shipped or self.prompt_file

    def prompt_sha256(self) -> str | None:
        """Hash of a template of one's own: another template makes another model.

        Raises:
            ConfigError: it cannot be read.
        """
        if self.prompt is None:
            return None
        try:
            return hashlib.sha256(self.prompt.read_bytes()).hexdigest()
        except OSError as err:
            raise ConfigError(
                "the prompt template cannot be read",
                where=str(self.prompt),
                fix="correct place.prompt: the path is seen from the profile's folder",
            ) from err

    def portable(self) -> PlaceConfig:
        """What a model needs to know of its place, without a path of the machine that
        trained it."""
        return self.model_copy(update={"prompt": None, "boundaries": None})


def require_week(calendar: Calendar, label: str, key: str) -> None:
    """Raise ValueError, as pydantic wants it, if the calendar has no such week."""
    try:
        calendar.week_no(label)
    except ConfigError as err:
        raise ValueError(f"{key}: {err.what}; {err.fix}") from err
