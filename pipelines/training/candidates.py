"""Candidate bundles: each head of a profile refitted on all labelled weeks, once per content."""

from __future__ import annotations

import importlib.metadata
import logging
import shutil
from collections.abc import Mapping
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
from pipelines.features.read import load_examples
from pipelines.fusion.bundle import Bundle, bundle_id, load_bundle, write_bundle
from pipelines.fusion.bundle_meta import BundleMeta
from pipelines.fusion.bundle_models import weights_id
from pipelines.fusion.examples import Examples
from pipelines.run.outputs import TrainedCandidate
from pipelines.storage import new_folder, read_json, write_json
from pipelines.training.recipe import FittedRecipe, train_recipe

log = logging.getLogger(__name__)
BUNDLE, TUNING, RECEIPT = "bundle", "tuning.json", "receipt.json"
_VERSIONS_OF = ("torch", "scikit-learn", "lightgbm", "numpy", "safetensors")


def train_candidate(
    features_dir: Path, head: HeadKind, profile: Profile, root: Path, force: bool = False
) -> TrainedCandidate:
    """Train one head for deployment, or find the candidate that the same inputs gave before.

    Args:
        features_dir: a finished features folder.
        root: candidates are kept in `<root>/<hash of feature version and recipe>/`.
        force: train again even if the candidate exists.

    Raises:
        TrainingError, StoreError: as training and reading features do.
        ConfigError: the prompt template of the rows is missing.
    """
    recipe_id = profile.recipe_id(head)
    folder = root / content_id({"feature_version": features_dir.name, "recipe_id": recipe_id})
    if force:
        shutil.rmtree(folder, ignore_errors=True)
    if (folder / TUNING).is_file():
        log.info("%s: the candidate of this recipe and these features exists", head)
    else:
        _train(features_dir, head, profile, folder)
    tuning = read_json(folder / TUNING)
    named = {"head": head, "recipe_id": recipe_id, "folder": str(folder)}
    made = load_bundle(folder / BUNDLE)
    ids = {
        "bundle_id": bundle_id(folder / BUNDLE),
        "weights_id": weights_id(head, made.models),
    }
    return TrainedCandidate.model_validate({**named, **ids, **tuning}, extra="ignore")


def _train(features_dir: Path, head: HeadKind, profile: Profile, folder: Path) -> None:
    features = read_json(features_dir / "features.json")
    examples = {h: load_examples(features_dir, h) for h in profile.evaluate.horizons_weeks}
    cut = deploy_cut(
        profile.calendar.week_no(str(features["as_of_week"])), profile.data.outcome_delay_weeks
    )
    reads_text = forecaster_kind(head).reads_vectors and features["text"]
    prompt = _template(profile, str(features["prompt_template_id"])) if reads_text else None
    fitted = train_recipe(examples, head, profile, dict.fromkeys(examples, cut))
    differing = thresholds_in(features_dir, profile.calendar)
    meta = _describe(fitted, features, features_dir.name, examples, profile, differing is None)
    with new_folder(folder) as temp:
        varying = None if differing is None else lambda: differing
        write_bundle(Bundle(meta, fitted.models, (), prompt, varying), temp / BUNDLE)
        write_json(temp / RECEIPT, receipt(profile))
        write_json(temp / TUNING, _tuning(fitted, features))


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
