"""A candidate without some of its horizons: the same models, and a bundle of its own.

It is made once per content.

A bundle has one recipe and one kind of model, and says itself which horizons it forecasts. So that
endpoint, forecast, `trace` and `promote` need not know of horizons that may not serve, these are
not in the bundle that is registered.
"""

from __future__ import annotations

import shutil
from collections.abc import Collection
from dataclasses import replace
from pathlib import Path

from pipelines.contracts import content_id
from pipelines.fusion.bundle import bundle_id, load_bundle, write_bundle
from pipelines.storage import new_folder
from pipelines.training.candidates import BUNDLE, RECEIPT, TUNING


def left_out(candidate: Path, horizons_weeks: Collection[int]) -> Path:
    """The candidate's folder without these horizons, made if it is not there; itself for none.

    Args:
        candidate: a folder of training/candidates.py. Some horizon of it stays: the primary one.

    Raises:
        StoreError: the candidate's bundle cannot be read.
    """
    left_out_horizons = sorted(horizons_weeks)
    if not left_out_horizons:
        return candidate
    named = {"bundle": bundle_id(candidate / BUNDLE), "without": left_out_horizons}
    folder = candidate.with_name(content_id(named))
    if (folder / TUNING).is_file():
        return folder
    bundle = load_bundle(candidate / BUNDLE)
    models = {h: model for h, model in bundle.models.items() if h not in left_out_horizons}
    thresholds = {h: model.decision_threshold for h, model in models.items()}
    meta = bundle.meta.model_copy(
        update={"horizons_weeks": tuple(sorted(models)), "decision_thresholds": thresholds}
    )
    with new_folder(folder) as temp:
        write_bundle(replace(bundle, meta=meta, models=models), temp / BUNDLE)
        for name in (RECEIPT, TUNING):
            shutil.copyfile(candidate / name, temp / name)
    return folder
