"""Where the data come from, as a profile declares it: calendar, codes, language, and the files of a drop.

Belongs here: the shape of `place` and of `data.inputs` with their checks. Does not belong here:
reading files (pipelines/data/adapters).
"""

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

from pipelines.codes import UnitCodes
from pipelines.contracts import CALENDARS, UNIT_CODES, AdapterName, CalendarName, CodesName
from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError
from pipelines.weeks import Calendar

Weekday = Literal["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"]


class WeekConfig(Frozen):
    """How the place numbers its weeks."""

    numbering: CalendarName = "cdc"
    starts: Weekday | None = Field(None, description="first day of a week; none = the numbering's own")  # fmt: skip

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

    @field_validator("pattern")
    @classmethod
    def _compiles(cls, pattern: str | None) -> str | None:
        try:
            re.compile(pattern or "")
        except re.error as err:
            raise ValueError(f"not a regular expression: {err}") from err
        return pattern

    @cached_property
    def system(self) -> UnitCodes:
        made = UNIT_CODES.load(self.kind)
        system: UnitCodes = made(self.name, self.pattern, self.pad_to) if self.kind == "text" else made()  # fmt: skip
        return system


@cache
def shipped_prompts() -> dict[str, Path]:
    """Language -> prompt template, of those that ship: a language is added by its file alone."""
    folder = Path(str(resources.files("pipelines.data") / "templates"))
    return {f.stem.removeprefix("prompt_"): f for f in sorted(folder.glob("prompt_??.yaml"))}


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
    language: str = Field("en", pattern=r"^[a-z]{2}$", description="of prompts, pages and alerts")
    prompt: Path | None = Field(None, description="a prompt template of one's own, beside the profile")  # fmt: skip
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
        if name not in zoneinfo.available_timezones():
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
        """What a model needs to know of its place, without a path of the machine that trained it."""
        return self.model_copy(
            update={"prompt": self.prompt and Path(self.prompt.name), "boundaries": None}
        )


def require_week(calendar: Calendar, label: str, key: str) -> None:
    """Raise ValueError, as pydantic wants it, if the calendar has no such week."""
    try:
        calendar.week_no(label)
    except ConfigError as err:
        raise ValueError(f"{key}: {err.what}; {err.fix}") from err


class InputConfig(Frozen):
    """One file of a drop, and how it is read.

    Attributes:
        columns: our name -> the file's column, or several whose texts are joined with "/". Names
            that an adapter knows are listed in docs/formats.md.
        keep, leave_out: column -> values; of a line list, only such records count, or such do not.
        transform: our name -> named conversion into our unit, such as kelvin_to_celsius.
        options: what only this adapter asks for.
    """

    table: Literal["cases", "climate", "units"] = "cases"
    adapter: AdapterName = "long"
    file: str = Field(min_length=1, max_length=200, description="name in the drop")
    columns: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    separator: Literal[",", ";", "\t", "|"] | None = Field(None, description="none = as found")
    decimal: Literal[".", ","] = "."
    encoding: Literal["utf-8", "latin-1", "cp1252"] = "utf-8"
    sheet: str | None = Field(None, description="of a workbook with several")
    header_row: int | None = Field(None, ge=1, description="row that names the columns, where lines stand above it")  # fmt: skip
    optional: bool = Field(False, description="a drop may come without this file")
    dates: Literal["iso", "ymd", "dmy", "mdy"] | None = Field(None, description="order of day and month; none = ISO 8601")  # fmt: skip
    how: Literal["sum", "mean"] | None = Field(None, description="of a daily or weekly series, in a month")  # fmt: skip
    latency_days: int = Field(0, ge=0, le=366)
    transform: dict[str, str] = Field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    leave_out: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    missing: tuple[str, ...] = Field(("", "NA", "\\N", "null"), description="texts that mean: not known")  # fmt: skip
    options: dict[str, Any] = Field(default_factory=dict)

    @field_validator("file")
    @classmethod
    def _plain_name(cls, name: str) -> str:
        if Path(name).name != name or name.startswith("."):
            raise ValueError("the name of a file in the drop, without a folder")
        return name

    @model_validator(mode="after")
    def _separator_and_decimal(self) -> InputConfig:
        if self.separator == "," and self.decimal == ",":
            raise ValueError("separator and decimal cannot both be a comma")
        return self
