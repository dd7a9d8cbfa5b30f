"""The files of a drop, as a profile declares them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, Literal

from pydantic import Field, ValidationInfo, field_validator, model_validator

from pipelines.contracts import (
    COVARIATE_NAMES,
    FEATURE_COLUMNS,
    SAMPLE_INPUTS,
    SAMPLE_KEYS,
    AdapterName,
)
from pipelines.encoder_config import Frozen

# Our names of columns that have a meaning of their own; any other name is a covariate of the place.
BUILT_IN_COLUMNS = (
    "unit", "name", "parent", "year", "week", "date", "start", "end", "month", "cases", "population",
    "onset", "reported", "temp_mean_c", "rainfall_mm",
)  # fmt: skip
# of units, which built-in covariates read
_BUILT_IN_FIGURES = ("households_without_water_pct", "houses_per_km2")
_OF_A_YEAR = re.compile(r"population_[0-9]{4}")
_TAKEN = {*SAMPLE_KEYS, *SAMPLE_INPUTS, *FEATURE_COLUMNS, *COVARIATE_NAMES} - {*_BUILT_IN_FIGURES}
_TAKEN_SHAPE = re.compile(r"anscombe_.*|.*_lag[0-9]+(_[0-9]+)?")  # what covariates are called
# Columns of free text about a unit and week; a name such as `text` is free elsewhere.
NOTE_COLUMNS = ("unit", "year", "week", "date", "text", "kind", "written")
_WITHOUT = (
    "line_list",
    "wide",
    "dhis2",
    "tabnet",
)  # adapters of layouts that have cases and population alone


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

    table: Literal["cases", "climate", "units", "notes"] = "cases"
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
    header_row: int | None = Field(
        None, ge=1, description="row that names the columns, where lines stand above it"
    )
    optional: bool = Field(False, description="a drop may come without this file")
    dates: Literal["iso", "ymd", "dmy", "mdy"] | None = Field(
        None, description="order of day and month; none = ISO 8601"
    )
    how: Literal["sum", "mean"] | None = Field(
        None, description="of a daily or weekly series, in a month"
    )
    latency_days: int = Field(0, ge=0, le=366)
    transform: dict[str, str] = Field(default_factory=dict)
    keep: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    leave_out: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    missing: tuple[str, ...] = Field(
        ("", "NA", "\\N", "null"), description="texts that mean: not known"
    )
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
        cls, columns: dict[str, str | tuple[str, ...]], about: ValidationInfo
    ) -> dict[str, str | tuple[str, ...]]:
        if about.data.get("table") == "notes":
            return columns
        taken = [our for our in columns if our in _TAKEN or _TAKEN_SHAPE.fullmatch(our)]
        if taken := [our for our in taken if our not in BUILT_IN_COLUMNS]:
            raise ValueError(
                f"{taken[0]!r} is the name of a column or covariate that denguard makes; call "
                f"yours otherwise, such as own_{taken[0].split('_lag')[0]}"
            )
        return columns

    @model_validator(mode="after")
    def _series_are_columns_of_cases(self) -> InputConfig:
        if self.series and (self.table != "cases" or self.in_time):
            raise ValueError(
                f"series: in a table of {self.table} nothing is chosen; leave the key out, and "
                "deliver what changes as `table: climate`"
            )
        if absent := [our for our in self.series if our not in self.covariates]:
            raise ValueError(
                f"series: {absent[0]!r} is no covariate of this input; name its column: "
                f"`columns: {{{absent[0]}: ...}}`"
            )
        return self

    @model_validator(mode="after")
    def _notes_have_text_and_time(self) -> InputConfig:
        if self.table != "notes":
            return self
        if self.adapter != "long":
            raise ValueError(f"adapter: notes are read by `long`, not by {self.adapter!r}")
        if unknown := [our for our in self.columns if our not in NOTE_COLUMNS]:
            raise ValueError(
                f"columns: {unknown[0]!r} is no column of notes; known ones are "
                f"{', '.join(NOTE_COLUMNS)}"
            )
        if "text" not in self.columns or not {"week", "date"} & set(self.columns):
            raise ValueError("columns: notes need `text`, and `date`, or `week` (with `year`)")
        return self

    @property
    def covariates(self) -> tuple[str, ...]:
        """Our names of its columns that are covariates beyond the built-in ones."""
        known = (*BUILT_IN_COLUMNS, *_BUILT_IN_FIGURES)
        own = (n for n in self.columns if n not in known and not _OF_A_YEAR.fullmatch(n))
        return () if self.adapter in _WITHOUT or self.table == "notes" else tuple(own)

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
