"""What a bundle says of itself: bundle.json."""

from __future__ import annotations

from typing import Any

from pydantic import Field, model_validator

from pipelines.contracts import HeadKind
from pipelines.encoder_config import Frozen
from pipelines.place_config import CodesConfig, PlaceConfig

FORMAT = 2


# Bundles that name no place were made when there was one: DANE codes and the CDC's weeks.
FIRST_PLACE = PlaceConfig(codes=CodesConfig(kind="dane"), language="es")


class BundleMeta(Frozen):
    """What a person or a program must know about a model before using it.

    `horizons_weeks`, `lambda_shift` and `decision_thresholds` describe the models; threshold_cases
    maps municipality codes to the label rule's weekly cases; where these differ by origin year or
    season it is empty and thresholds.parquet holds them. Ask Bundle.thresholds for either.
    image_encoder and text_encoder are contracts.EncoderSpec as dicts. Defaults are for FORMAT 1;
    FORMAT 2 has every key.
    """

    head: HeadKind
    recipe: dict[str, Any]
    recipe_id: str
    lambda_shift: float
    lambda_reason: str
    epochs: int = Field(0, ge=0)
    horizons_weeks: tuple[int, ...]
    classes: tuple[str, ...] = ("no outbreak week", "outbreak week")
    decision_thresholds: dict[int, float]
    threshold_cases: dict[str, float] = Field(default_factory=dict)
    image_encoder: dict[str, Any]
    text_encoder: dict[str, Any]
    prompt_template_id: str
    language: str
    label_rule_id: str
    dataset_version: str
    embedding_version: str
    feature_version: str
    as_of_week: str
    synthetic_scenes: bool
    covariate_names: tuple[str, ...]
    place: PlaceConfig = FIRST_PLACE
    metrics: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _consistent(self) -> BundleMeta:
        if set(self.decision_thresholds) != set(self.horizons_weeks):
            raise ValueError("decision_thresholds must have one entry for each horizon")
        return self
