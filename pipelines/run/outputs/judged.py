"""What the steps from the features to the decision hand on."""

from __future__ import annotations

from pydantic import Field

from pipelines.run.outputs.base import Free, Record, StepOutput


class TrainedCandidate(Record):
    """A trained bundle; its folder holds bundle/, tuning.json and receipt.json."""

    head: str
    bundle_id: str
    weights_id: str = ""
    recipe_id: str
    folder: str
    as_of_week: str
    dataset_version: str
    lambda_shift: float
    lambda_reason: str
    lambda_curve: list[Free]
    epochs: int
    base: Free = Field(default_factory=dict)  # what a fused head starts from, and why
    settings: list[Free] = Field(default_factory=list)  # what was tuned before lambda
    validation: Free


class TrainOutput(StepOutput):
    """Head -> candidate."""

    step = "train"
    candidates: dict[str, TrainedCandidate]


class NamedVersion(Record):
    """The version that the champion's alias names."""

    version: str
    bundle_id: str


class ServingModel(NamedVersion):
    """The champion as its bundle describes it; `withdrawn_drops` are known to the gate alone."""

    weights_id: str = ""
    head: str
    provisional: bool = False
    recipe_id: str
    recipe: Free
    horizons_weeks: tuple[int, ...] | None = None
    label_rule_id: str = ""
    as_of_week: str
    dataset_version: str
    feature_version: str
    image_encoder: Free
    text_encoder: Free
    withdrawn_drops: tuple[str, ...] = ()


class ChampionOutput(StepOutput):
    """Who serves, and what may not serve again.

    Attributes:
        champion: None if there is none or it cannot be read.
        named: what the alias names, readable or not; None if it names none.
        problem: why nobody can say who serves or what it is; None if that is known.
        rolled_back: ids of the bundles that a person took out of service.
    """

    step = "champion"
    champion: ServingModel | None
    named: NamedVersion | None
    problem: str | None
    rolled_back: tuple[str, ...]


class BacktestOutput(StepOutput):
    """Predictions of one test year; the champion's only if its recipe differs and can be
    trained."""

    step = "backtest_{}"
    year: int
    candidates: str
    champion: str | None = None


class EvaluateOutput(StepOutput):
    """Metrics, and the predictions that they were computed from."""

    step = "evaluate"
    metrics: str
    predictions: tuple[str, ...]
    champion_predictions: tuple[str, ...]


class JudgedAgainst(Record):
    """The champion that a decision was made against."""

    head: str
    bundle_id: str
    recipe_id: str
    as_of_week: str
    version: str


class GateOutput(StepOutput):
    """The gate's decision; evaluate/decision.py says what its fields mean."""

    step = "gate"
    decision: str
    head: str | None
    bundle_id: str | None
    first_line: str
    reasons: tuple[str, ...]
    fusion_beats_linear: bool
    primary_horizon_weeks: int
    confidence: float
    rules: Free
    blocks: int | None
    origins: int | None
    champion: JudgedAgainst | None
    comparisons: tuple[Free, ...]
    sanity: Free
    reference: str = "linear"
    provisional: bool = False
    new_weeks: Free = Field(default_factory=dict)
    waits_for_person: bool = False
    withheld: dict[str, str] = Field(default_factory=dict)
