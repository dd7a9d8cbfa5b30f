"""Recipes of models, compared across versions of denguard: what was recorded under earlier names
and what is written today must hash alike where they mean the same model.

A recipe is compared in its canonical form: earlier keys translated, and a key at its default left
out, so that a key that a later version adds does not turn every champion into a stranger.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from pydantic import ValidationError

from pipelines.candidate_config import forecaster_kind
from pipelines.contracts import HeadKind, content_id
from pipelines.data_config import DataConfig
from pipelines.encoder_config import EmbedConfig
from pipelines.errors import ConfigError
from pipelines.evaluation_config import EvaluateConfig
from pipelines.label_config import LabelConfig
from pipelines.place_config import PlaceConfig, WeekConfig
from pipelines.plain_yaml import sentence
from pipelines.train_config import TrainConfig

_DATA = ("first_week", "reporting_delay_weeks", "maturity", "text_window", "scenes")
_FIRST_LANGUAGE = "es"  # of prompts, where a recipe of the first version named none


def recipe_id(recipe: Mapping[str, Any]) -> str:
    """Hash of a recipe, equal for equal models whichever version of denguard recorded it.

    Raises:
        ConfigError: the recipe holds what no version wrote.
    """
    try:
        return content_id(canonical(recipe))
    except ValidationError as err:
        raise ConfigError(
            f"a recipe cannot be read: {sentence(err)}",
            fix="use the denguard version that wrote it, or train again",
        ) from err


class Choices(Protocol):
    """The parts of a profile that decide a model."""

    @property
    def place(self) -> PlaceConfig: ...
    @property
    def data(self) -> DataConfig: ...
    @property
    def labels(self) -> LabelConfig: ...
    @property
    def embed(self) -> EmbedConfig | None: ...
    @property
    def train(self) -> TrainConfig: ...
    @property
    def evaluate(self) -> EvaluateConfig: ...


def recipe_of(profile: Choices, head: HeadKind) -> dict[str, Any]:
    """The choices of a profile that a head's model follows from; see Profile.recipe."""
    data = {"first_week", "reporting_delay_weeks", "maturity"}
    reads_vectors = forecaster_kind(head).reads_vectors
    if reads_vectors:
        data |= {"text_window", "scenes"}
    if profile.data.scenes.indices:  # which they are stands among the covariates
        data.add("scenes")
    recipe: dict[str, Any] = {
        "head": head,
        "week": profile.place.week.model_dump(mode="json"),
        "labels": profile.labels.model_dump(mode="json"),
        "horizons_weeks": list(profile.evaluate.horizons_weeks),
        "primary_horizon_weeks": profile.evaluate.primary_horizon_weeks,
        "train": profile.train.for_recipe(head),
        "data": profile.data.model_dump(mode="json", include=data),
    }
    recipe["data"].get("scenes", {}).pop("indices", None)
    if reads_vectors:
        recipe |= _of_vectors(profile)
    if settings := profile.train.candidate(head).spoken():
        recipe["settings"] = settings
    if profile.data.covariates:
        recipe["covariates"] = list(profile.data.covariates)
    return recipe


def _of_vectors(profile: Choices) -> dict[str, object]:
    """What a model that reads vectors follows from beside the rest."""
    found: dict[str, object] = {
        "language": profile.place.language,
        "embed": profile.embed.recipe() if profile.embed else None,
    }
    if profile.train.bases:
        found["bases"] = [
            {"kind": one.kind, "settings": one.spoken()} for one in profile.train.bases
        ]
    if profile.place.prompt is not None:
        found["prompt"] = {"sha256": profile.place.prompt_sha256()}
    if profile.data.has_notes:
        found["notes"] = profile.data.notes.model_dump(mode="json")
    return found


def canonical(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe under today's names, keys at their defaults left out.

    Raises:
        pydantic.ValidationError: the recipe holds what no version wrote.
    """
    data = {key: value for key, value in recipe.get("data", {}).items() if key in _DATA}
    fused = forecaster_kind(str(recipe.get("head"))).reads_vectors
    language = recipe.get("language", recipe.get("data", {}).get("language", _FIRST_LANGUAGE))
    found: dict[str, Any] = {
        "head": recipe.get("head"),
        "horizons_weeks": sorted(recipe.get("horizons_weeks", ())),
        "primary_horizon_weeks": recipe.get("primary_horizon_weeks"),
        "week": _beyond_defaults(WeekConfig, recipe.get("week") or {}),
        "labels": _beyond_defaults(LabelConfig, recipe.get("labels", {})),
        "train": _beyond_defaults(TrainConfig, recipe.get("train", {})),
        "settings": dict(recipe.get("settings", {})),
        "data": _beyond_defaults(DataConfig, data),
        "covariates": sorted(recipe.get("covariates", ())) or None,
        "language": language if fused else None,
        "prompt": recipe.get("prompt"),
        "bases": recipe.get("bases"),
        "notes": recipe.get("notes"),
        "embed": recipe.get("embed"),
    }
    return {key: value for key, value in found.items() if value not in (None, {})}


def _beyond_defaults(model: type[Any], keys: Mapping[str, Any]) -> dict[str, Any]:
    """What a part of a profile says beyond its defaults."""
    written: dict[str, Any] = model.model_validate(keys).model_dump(
        mode="json", exclude_defaults=True
    )
    return written
