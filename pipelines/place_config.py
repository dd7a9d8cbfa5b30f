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

from pipelines.code_changes import CodeChange, CodeChanges, CodesOfToday, DeliveredCodes
from pipelines.codes import UnitCodes
from pipelines.contracts import (
    CALENDARS,
    COVARIATE_NAMES,
    FEATURE_COLUMNS,
    SAMPLE_INPUTS,
    SAMPLE_KEYS,
    UNIT_CODES,
    AdapterName,
    CalendarName,
    CodesName,
)
from pipelines.encoder_config import Frozen
from pipelines.errors import ConfigError
from pipelines.weeks import Calendar

# Our names of columns that have a meaning of their own; any other name is a covariate of the place.
BUILT_IN_COLUMNS = (
    "unit", "name", "parent", "year", "week", "date", "start", "end", "month", "cases", "population",
    "onset", "reported", "temp_mean_c", "rainfall_mm",
)  # fmt: skip
_BUILT_IN_FIGURES = (
    "households_without_water_pct",
    "houses_per_km2",
)  # built-in covariates read them
_OF_A_YEAR = re.compile(r"population_[0-9]{4}")
_TAKEN = {*SAMPLE_KEYS, *SAMPLE_INPUTS, *FEATURE_COLUMNS, *COVARIATE_NAMES} - {*_BUILT_IN_FIGURES}
_TAKEN_SHAPE = re.compile(r"anscombe_.*|.*_lag[0-9]+(_[0-9]+)?")  # what covariates are called
_WITHOUT = (
    "line_list",
    "wide",
    "dhis2",
    "tabnet",
)  # adapters of layouts that have cases and population alone

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


@cache  # a look through some six hundred files
def _time_zones() -> frozenset[str]:
    return frozenset(zoneinfo.available_timezones())


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
        return self.model_copy(update={"prompt": None, "boundaries": None})


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
        series: of a table of cases, our names of covariates that have a value a week; others are
            figures of the unit that do not change. In a table of climate all of them are series.
        transform: our name -> named conversion into our unit, such as kelvin_to_celsius.
        options: what only this adapter asks for.
    """

    table: Literal["cases", "climate", "units"] = "cases"
    adapter: AdapterName = "long"
    file: str = Field(min_length=1, max_length=200, description="name in the drop")
    columns: dict[str, str | tuple[str, ...]] = Field(default_factory=dict)
    series: tuple[str, ...] = Field(
        (), description="covariates of a table of cases that have a value a week"
    )
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

    @field_validator("columns")
    @classmethod
    def _names_are_free(
        cls, columns: dict[str, str | tuple[str, ...]]
    ) -> dict[str, str | tuple[str, ...]]:
        taken = [our for our in columns if our in _TAKEN or _TAKEN_SHAPE.fullmatch(our)]
        if taken := [our for our in taken if our not in BUILT_IN_COLUMNS]:
            raise ValueError(f"{taken[0]!r} is the name of a column or covariate that denguard makes; call yours otherwise, such as own_{taken[0].split('_lag')[0]}")  # fmt: skip
        return columns

    @model_validator(mode="after")
    def _series_are_columns_of_cases(self) -> InputConfig:
        if self.series and (self.table != "cases" or self.in_time):
            raise ValueError(f"series: in a table of {self.table} nothing is chosen; leave the key out, and deliver what changes as `table: climate`")  # fmt: skip
        if absent := [our for our in self.series if our not in self.covariates]:
            raise ValueError(f"series: {absent[0]!r} is no covariate of this input; name its column: `columns: {{{absent[0]}: ...}}`")  # fmt: skip
        return self

    @property
    def covariates(self) -> tuple[str, ...]:
        """Our names of its columns that are covariates beyond the built-in ones."""
        known = (*BUILT_IN_COLUMNS, *_BUILT_IN_FIGURES)
        own = (n for n in self.columns if n not in known and not _OF_A_YEAR.fullmatch(n))
        return () if self.adapter in _WITHOUT else tuple(own)

    @property
    def figures(self) -> tuple[str, ...]:
        """Those of its covariates that do not change: one number a unit."""
        if self.in_time:
            return ()
        return tuple(n for n in self.covariates if n not in self.series)

    @property
    def in_time(self) -> bool:
        """Whether it is a table of climate or other series, in which every value has its time."""
        return self.table == "climate" or self.adapter == "series"

    @model_validator(mode="after")
    def _separator_and_decimal(self) -> InputConfig:
        if self.separator == "," and self.decimal == ",":
            raise ValueError("separator and decimal cannot both be a comma")
        return self
