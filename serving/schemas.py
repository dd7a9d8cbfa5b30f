"""What is sent and what comes back, with units, limits and examples; OpenAPI is made from it."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from pipelines.contracts import COVARIATE_NAMES, HeadKind
from pipelines.inference.asked_row import Code, PredictionRow, Strict
from pipelines.weeks import WeekLabel

# Whatever DENGUARD_MAX_ROWS says: a million bad rows must not become a million errors in memory.
MOST_ROWS = 10_000
_MOST_LOG = 50  # exp(50) is beyond any count, exp(100) beyond a 32-bit float
Use = Literal["used", "missing", "not used by this head"]


Covariate = Annotated[float, Field(ge=-1000, le=1000)]  # they are logs, percents and degrees
Vector = Annotated[
    list[Annotated[float, Field(ge=-1e6, le=1e6)]], Field(min_length=1, max_length=8192)
]


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
            "the model's data; or if the registry is away: of when the champion is"
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
            "withdrawn, or the champion has none of its own yet: which one stands in; or if the "
            "registry is away: of when the champion is"
        ),
    )
    made_by: dict[str, str] | None = Field(
        None,
        description=(
            "there if another than the champion of GET /model made this forecast: its "
            "`model_version` and `bundle_id`, as in the rows"
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
    encoders: str | None = Field(
        None,
        description=(
            "of a champion that reads vectors: `ready`, `loading`, `failed` or `not installed`; "
            "rows that need one wait, or get 503 `no-encoder`. Vectors and forecasts need none"
        ),
    )
    municipalities: int | None = Field(None, description="how many can be asked about")
    champion_as_of: str | None = Field(
        None, description="when the registry last named this champion, UTC"
    )
    registry_away_since: str | None = Field(
        None, description="since when the registry does not answer; null while it does"
    )
    stale: bool = Field(
        False, description="so long nobody confirmed the champion that another one may serve"
    )
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
