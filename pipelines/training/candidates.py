"""Candidate bundles: each head of a profile refitted on all labelled weeks, once per content."""

from __future__ import annotations

import importlib.metadata
import logging
import shutil
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_info

from pipelines.candidate_config import forecaster_kind
from pipelines.config import Profile
from pipelines.contracts import HeadKind, content_id
from pipelines.data.prompts import load_template
from pipelines.data.splits import deploy_cut
from pipelines.errors import ConfigError
from pipelines.features.build import thresholds_in
from pipelines.features.read import load_horizons
from pipelines.fusion.bundle import Bundle, bundle_id, load_bundle, write_bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.bundle_models import weights_id
from pipelines.fusion.examples import Examples
from pipelines.run.outputs import TrainedCandidate
from pipelines.storage import new_folder, read_json, write_json
from pipelines.training.recipe import FittedRecipe, Recipes

log = logging.getLogger(__name__)
BUNDLE, TUNING, RECEIPT = "bundle", "tuning.json", "receipt.json"
_VERSIONS_OF = ("torch", "scikit-learn", "lightgbm", "numpy", "safetensors")


def train_candidate(
    features_dir: Path, head: HeadKind, profile: Profile, root: Path, force: bool = False
) -> TrainedCandidate:
    """One of train_candidates."""
    (made,) = train_candidates(features_dir, (head,), profile, root, force)
    return made


def train_candidates(
    features_dir: Path,
    heads: Iterable[HeadKind],
    profile: Profile,
    root: Path,
    force: bool = False,
) -> Iterator[TrainedCandidate]:
    """Train heads for deployment, or find the candidates that the same inputs gave before; one
    after the other, from rows that are read once and a linear stage that is fitted once.

    Args:
        features_dir: a finished features folder.
        root: candidates are kept in `<root>/<hash of feature version and recipe>/`.
        force: train again even if the candidate exists.

    Raises:
        TrainingError, StoreError: as training and reading features do.
        ConfigError: the prompt template of the rows is missing.
    """
    trained = _Trained(features_dir, profile)
    for head in heads:
        inputs = {"feature_version": features_dir.name, "recipe_id": profile.recipe_id(head)}
        folder = root / content_id(inputs)
        if force:
            shutil.rmtree(folder, ignore_errors=True)
        if (folder / TUNING).is_file():
            log.info("%s: the candidate of this recipe and these features exists", head)
        else:
            trained.write(head, folder)
        yield _read(head, profile, folder)


def _read(head: HeadKind, profile: Profile, folder: Path) -> TrainedCandidate:
    made = load_bundle(folder / BUNDLE)
    named = {
        **read_json(folder / TUNING),
        "head": head,
        "recipe_id": profile.recipe_id(head),
        "folder": str(folder),
        "bundle_id": bundle_id(folder / BUNDLE),
        "weights_id": weights_id(head, made.models),
    }
    return TrainedCandidate.model_validate(named, extra="ignore")


class _Trained:
    """Candidates over one version of features; nothing is read before the first is asked for."""

    def __init__(self, features_dir: Path, profile: Profile) -> None:
        self._folder, self._profile = features_dir, profile

    def write(self, head: HeadKind, folder: Path) -> None:
        """Train one head and keep it as a candidate."""
        profile, features = self._profile, self._features
        reads_text = forecaster_kind(head).reads_vectors and features["text"]
        prompt = _template(profile, str(features["prompt_template_id"])) if reads_text else None
        fitted = self._recipes.train(head)
        differing = thresholds_in(self._folder, profile.calendar)
        meta = _describe(
            fitted, features, self._folder.name, self._examples, profile, differing is None
        )
        with new_folder(folder) as temp:
            varying = None if differing is None else lambda: differing
            write_bundle(Bundle(meta, fitted.models, (), prompt, varying), temp / BUNDLE)
            write_json(temp / RECEIPT, receipt(profile))
            write_json(temp / TUNING, _tuning(fitted, features))

    @cached_property
    def _features(self) -> Mapping[str, Any]:
        return read_json(self._folder / "features.json")

    @cached_property
    def _examples(self) -> dict[int, Examples]:
        return load_horizons(self._folder, self._profile.evaluate.horizons_weeks)

    @cached_property
    def _recipes(self) -> Recipes:
        newest = self._profile.calendar.week_no(str(self._features["as_of_week"]))
        cut = deploy_cut(newest, self._profile.data.outcome_delay_weeks)
        return Recipes.over(self._examples, self._profile, dict.fromkeys(self._examples, cut))


def _describe(
    fitted: FittedRecipe,
    features: Mapping[str, Any],
    feature_version: str,
    examples: Mapping[int, Examples],
    profile: Profile,
    plain: bool,
) -> BundleMeta:
    rows = next(iter(examples.values()))
    limits = zip(rows.unit_id.tolist(), rows.threshold_cases.tolist(), strict=True) if plain else ()
    return BundleMeta(
        head=fitted.head,
        recipe=profile.recipe(fitted.head),
        recipe_id=profile.recipe_id(fitted.head),
        lambda_shift=fitted.lambda_shift,
        lambda_reason=fitted.lambda_reason,
        epochs=fitted.epochs,
        horizons_weeks=tuple(sorted(fitted.models)),
        decision_thresholds={h: m.decision_threshold for h, m in sorted(fitted.models.items())},
        threshold_cases=dict(sorted(dict(limits).items())),
        image_encoder=features["image"] or {},
        text_encoder=features["text"] or {},
        prompt_template_id=features["prompt_template_id"],
        language=profile.place.language,
        label_rule_id=features["label_rule_id"],
        dataset_version=features["dataset_version"],
        embedding_version=features["embedding_version"],
        feature_version=feature_version,
        as_of_week=features["as_of_week"],
        synthetic_scenes=features["synthetic_scenes"],
        covariate_names=rows.covariate_names,
        place=profile.place.portable(),
        metrics=_scores(fitted),
    )


def _scores(fitted: FittedRecipe) -> dict[str, object]:
    """What people may read of the inner seasons; what was chosen only where there was a choice."""
    found: dict[str, object] = {"validation": {str(h): s for h, s in fitted.validation.items()}}
    if fitted.base is not None and fitted.base.brier:
        found["base"] = fitted.base.to_json()
    if fitted.settings:
        found["settings"] = fitted.settings
    return found


def _template(profile: Profile, template_id: str) -> Path:
    """The file that the rows' prompts were made from: the place's own, or the shipped one.

    Raises:
        ConfigError: neither is; the bundle could not make the prompts that its model reads.
    """
    file = profile.prompt_file
    if (
        file is not None
        and file.is_file()
        and load_template(profile.place.language, file).template_id == template_id
    ):
        return file
    raise ConfigError(
        f"the prompt template {template_id} that the rows were made from is not here any more",
        where=f"place.prompt, language {profile.place.language}",
        fix="put it back, or run the pipeline again from the snapshot step",
    )


def _tuning(fitted: FittedRecipe, features: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "as_of_week": features["as_of_week"],
        "dataset_version": features["dataset_version"],
        "lambda_shift": fitted.lambda_shift,
        "lambda_reason": fitted.lambda_reason,
        "lambda_curve": fitted.lambda_curve,
        "epochs": fitted.epochs,
        "base": {} if fitted.base is None else fitted.base.to_json(),
        "settings": fitted.settings,
        "validation": {str(h): scores for h, scores in fitted.validation.items()},
    }


def receipt(profile: Profile) -> dict[str, object]:
    """What decides the bits of a bundle but is not part of it: threads, CPU, libraries.

    Processors with the same instructions may have other kernels of linear algebra, hence `blas`.
    """
    import torch

    return {
        "threads": profile.train.threads,
        "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "blas": sorted({p["architecture"] for p in threadpool_info() if "architecture" in p}),
        "versions": {name: importlib.metadata.version(name) for name in _VERSIONS_OF},
    }
