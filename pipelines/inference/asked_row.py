"""A row in plain fields, as a person or a program outside asks about it: units, limits, examples.

What the endpoint is sent is this very row; no copy of it is made on the way to the model.
"""

from __future__ import annotations

from datetime import date
from typing import Annotated

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, StringConstraints

from pipelines.cell_limits import PER_KM2, PERCENT, RAIN_MM, TEMP_C
from pipelines.weeks import WeekLabel

# The mean around the target week of a year before reaches back this far at horizon 1.
MOST_CASE_WEEKS = 53

# How a code is written is the champion's own rule (bundle.codes); the endpoint asks it.
Code = Annotated[str, StringConstraints(pattern=r"^[^\x00-\x1f\x7f]{1,64}$")]


def _whole(count: float) -> float:
    """A count of cases; the rule of a drop. Raises ValueError for a rate or an estimate."""
    if count % 1:
        raise ValueError("a count that is not a whole number: send counts, not rates")
    return count


Count = Annotated[
    float,
    Field(ge=0, le=1_000_000, json_schema_extra={"multipleOf": 1}),
    AfterValidator(_whole),
]
Percent = Annotated[float, Field(ge=PERCENT[0], le=PERCENT[1])]


class Strict(BaseModel):
    """Base of what is sent: unknown fields, NaN, infinity and numbers as text are refused."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, strict=True)


class ClimateMonth(Strict):
    """One calendar month's climate; null where not measured."""

    temp_mean_c: float | None = Field(
        None, ge=TEMP_C[0], le=TEMP_C[1], description="degree Celsius"
    )
    rainfall_mm: float | None = Field(
        None, ge=RAIN_MM[0], le=RAIN_MM[1], description="millimetres in the month"
    )


def _day(text: str) -> str:
    """A day of the calendar. Raises ValueError for another text."""
    date.fromisoformat(text)
    return text


class AskedNote(Strict):
    """Free text about the municipality and a week. No names of persons."""

    week: WeekLabel = Field(description="that it is about")
    text: str = Field(min_length=1, max_length=4000)
    kind: str = Field(
        "", max_length=40, description="such as entomology; of one week and kind the last is used"
    )
    known: Annotated[str, AfterValidator(_day)] | None = Field(
        None,
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$",
        description="day from which it was known; null = by the end of the origin week",
    )


class PredictionRow(Strict):
    """One municipality at one origin week, in plain fields."""

    municipality_code: Code = Field(description="code of the unit, as its place writes it")
    origin_week: WeekLabel = Field(
        description=(
            "epidemiological week that the prediction is made in, by the champion's calendar (GET "
            "/model, place.week)"
        )
    )
    horizon_weeks: int = Field(
        ge=0, le=12, description="weeks ahead; GET /model lists the known ones"
    )
    recent_cases: list[Count | None] = Field(
        min_length=4,
        max_length=MOST_CASE_WEEKS,
        description="weekly cases, newest known week last, null if missing; 53 are best",
    )
    climate: list[ClimateMonth] = Field(
        default_factory=list, max_length=12, description="newest known month last; 3 are used"
    )
    climate_month: str | None = Field(
        None,
        pattern=r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])$",
        description="newest month of `climate`, for the prompt",
    )
    municipality_name: str | None = Field(None, max_length=100, description="for the prompt")
    population: float | None = Field(None, ge=1, le=1e8, description="persons")
    households_without_water_pct: Percent | None = None
    houses_per_km2: float | None = Field(None, ge=PER_KM2[0], le=PER_KM2[1])
    age_0_14_pct: Percent | None = Field(None, description="for the prompt")
    notes: list[AskedNote] = Field(
        default_factory=list,
        max_length=50,
        description="for the prompt, where the model's template asks for notes",
    )
    text: str | None = Field(
        None,
        min_length=1,
        max_length=4000,
        description="a prompt of your own instead of the rendered one",
    )
