"""Where the data come from, as a profile declares it: calendar, codes, language, and the files of a drop.

Belongs here: the shape of `place` and of `data.inputs` with their checks. Does not belong here:
reading files (pipelines/data/adapters).
"""

from __future__ import annotations

import re
import zoneinfo
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, field_validator, model_validator

from pipelines.code_changes import CodeChange, CodeChanges, CodesOfToday, DeliveredCodes
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
        system: UnitCodes = made(self.name, self.pattern, self.pad_to) if self.kind == "text" else made()  # fmt: skip
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


class PlaceConfig(Frozen):
    """The place that a deployment forecasts."""

    week: WeekConfig = WeekConfig()
    codes: CodesConfig = CodesConfig()
    language: str = Field("en", pattern=r"^[a-z]{2}$", description="of prompts, pages and alerts")
    prompt: Path | None = Field(None, description="a prompt template of one's own, beside the profile")  # fmt: skip
    time_zone: str = "UTC"
    boundaries: str | None = Field(None, description="GeoJSON of the units, for maps and scenes")

    @field_validator("time_zone")
    @classmethod
    def _known(cls, name: str) -> str:
        if name not in zoneinfo.available_timezones():
            raise ValueError(f"{name!r} is no time zone; write it as America/Bogota")
        return name


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
