"""What is sent and what comes back, with units, limits and examples; OpenAPI is made from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    StringConstraints,
    model_validator,
)

from pipelines.cell_limits import PER_KM2, PERCENT, RAIN_MM, TEMP_C
from pipelines.contracts import COVARIATE_NAMES, HeadKind
from pipelines.weeks import WeekLabel

# Whatever DENGUARD_MAX_ROWS says: a million bad rows must not become a million errors in memory.
MOST_ROWS = 10_000
_MOST_LOG = 50  # exp(50) is beyond any count, exp(100) beyond a 32-bit float
Use = Literal["used", "missing", "not used by this head"]


# How a code is written is the champion's own rule (bundle.codes); requests.py asks it.
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
Covariate = Annotated[float, Field(ge=-1000, le=1000)]  # they are logs, percents and degrees
Percent = Annotated[float, Field(ge=PERCENT[0], le=PERCENT[1])]
Vector = Annotated[
    list[Annotated[float, Field(ge=-1e6, le=1e6)]], Field(min_length=1, max_length=8192)
]


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
        max_length=53,
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
    text: str | None = Field(
        None,
        min_length=1,
        max_length=4000,
        description="a prompt of your own instead of the rendered one",
    )


class VectorRow(Strict):
    """One row of encoder vectors and covariates, as in the features folder."""

    municipality_code: Code = Field(description="gives the threshold that cases are compared with")
    horizon_weeks: int = Field(ge=0, le=12)
    origin_week: WeekLabel | None = Field(
        None, description="needed where the label rule's thresholds differ by year or season"
    )
    covariates: dict[str, Covariate | None] = Field(
        description=(
            f"those that GET /model names as covariate_names, such as {COVARIATE_NAMES[0]}; null "
            "or absent counts as missing"
        )
    )
    image: Vector | None = Field(
        None, description="raw image vector, not normalised; null if missing"
    )
    text: Vector | None = Field(
        None, description="raw text vector, not normalised; null if missing"
    )

    @model_validator(mode="after")
    def _logarithms(self) -> VectorRow:
        high = [
            n for n, x in self.covariates.items() if n.startswith("log1p_") and x and x > _MOST_LOG
        ]
        if high:
            raise ValueError(f"{high[0]} is a logarithm and at most {_MOST_LOG}")
        return self


class PredictionRequest(Strict):
    """Rows of fields or rows of vectors, one or many."""

    rows: list[PredictionRow] | None = Field(None, min_length=1, max_length=MOST_ROWS)
    vectors: list[VectorRow] | None = Field(None, min_length=1, max_length=MOST_ROWS)

    @model_validator(mode="after")
    def _one_kind(self) -> PredictionRequest:
        if (self.rows is None) == (self.vectors is None):
            raise ValueError('send either {"rows": [...]} or {"vectors": [...]}')
        return self


# Of every answer: what it is an answer to, where the question was changed since.
Rule = Annotated[str, Field(description="label rule that thresholds and probabilities are of")]
Adopted = Annotated[
    str | None,
    Field(description="label rule adopted since, whose first champion is awaited; null if none"),
]


class Mask(BaseModel):
    """What became of each modality."""

    image: Use
    text: Use


class PredictionBody(BaseModel):
    """The answer for one row, with everything needed to trace it back."""

    municipality_code: str
    horizon_weeks: int
    origin_week: str | None = Field(description="null for rows of vectors that give none")
    target_week: str | None
    probability: float = Field(description="calibrated, that the target week is an outbreak week")
    outbreak: bool = Field(description="probability at or above decision_threshold")
    decision_threshold: float
    threshold_cases: float = Field(
        description="weekly cases above which a week is an outbreak week"
    )
    lambda_shift: float
    mask: Mask
    scene_quality: str | None = Field(description="of the uploaded scene; only `ok` ones are used")
    model_version: str
    bundle_id: str
    head: HeadKind
    label_rule_id: Rule
    adopted_rule_id: Adopted
    data_version: str
    weeks_beyond_data: int | None = Field(
        description="weeks from the model's newest data to the origin week; null without one"
    )
    synthetic_scenes: bool = Field(description="trained on drawn scenes, not on satellite images")
    trace_id: str


class PredictionsBody(BaseModel):
    """Answers in the order of the rows sent."""

    trace_id: str
    predictions: list[PredictionBody]
    notes: list[str] | None = Field(
        None,
        description=(
            "there if old codes were sent: which ones they are today; or if weeks are far beyond "
            "the model's data"
        ),
    )


class ForecastBody(BaseModel):
    """Rows of one published forecast; their columns are in docs/data-dictionary.md."""

    trace_id: str
    forecast_version: str
    origin_week: str = Field(description="what the forecast knows ends with this week")
    label_rule_id: Rule
    adopted_rule_id: Adopted
    data_state: str = Field(
        description=(
            "`current`, or what is missing: then no run has finished for this week, and the "
            "champion forecast from the last accepted data"
        )
    )
    why: str | None = Field(None, description="there if data_state is not `current`")
    rows: list[dict[str, Any]]
    note: str | None = Field(
        None,
        description=(
            "there if an old code was asked: which one it is today; or if a newer forecast was "
            "withdrawn"
        ),
    )
    withdrawn: dict[str, str] | None = Field(
        None, description="there if this forecast was withdrawn: when (`at`) and why (`reason`)"
    )


class ModelBody(BaseModel):
    """The champion; everything but the errors is null or absent before there is one."""

    model_config = ConfigDict(extra="allow")

    version: str | None = None
    bundle_id: str | None = None
    head: HeadKind | None = None
    mlflow_run_id: str | None = None
    provisional: bool | None = Field(
        None, description="history was too short to judge it: few blocks of weeks or test years"
    )
    label_rule_id: Rule | None = None
    adopted_rule_id: Adopted = None
    lone_row: bool | None = Field(
        None, description="POST /predictions answers it; else ask GET /forecast"
    )
    municipalities: int | None = Field(None, description="how many can be asked about")
    candidate_error: dict[str, Any] | None = Field(
        None, description="why the version that the registry names does not serve"
    )
    last_error: str | None = None


class ProblemBody(BaseModel):
    """An error (RFC 9457) with what to do about it."""

    type: str
    title: str
    status: int
    detail: str
    fix: str
    errors: list[dict[str, str]]
    trace_id: str
