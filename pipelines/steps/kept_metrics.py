"""An evaluation of the same predictions and candidates is not computed again.

    artifacts/cache/metrics/<content>/metrics.json   as the evaluation wrote it
                                      about.json     its hash

It is looked for before anything heavy is imported.
"""

from __future__ import annotations

import importlib.metadata
import logging
from collections.abc import Callable, Sequence
from pathlib import Path

from pipelines.contracts import FORECASTERS, FUSED_HEADS, content_id
from pipelines.errors import StoreError
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.storage import (
    discard,
    new_folder,
    read_json,
    sha256_file,
    write_atomic,
    write_json,
)
from pipelines.storage.code import code_id
from pipelines.storage.kept import note_use, write_in_use

log = logging.getLogger(__name__)
_METRICS, _ABOUT = "metrics.json", "about.json"
# Whose code and versions an evaluation follows from.
_ROOMS = ("data", "evaluate", "features", "fusion", "inference", "models", "steps", "training")
_LIBRARIES = ("numpy", "pandas", "scikit-learn", "scipy", "torch")


def metrics_file(
    run: Run, predictions: Sequence[Path], made: Callable[[], dict[str, object]]
) -> Path:
    """The run's metrics.json, as it was computed before or as `made` computes it now.

    Args:
        predictions: files that it is computed of.
    """
    to, folder = run.folder / _METRICS, _folder(run, predictions)
    text = None if folder is None or run.params.force else _kept(folder)
    if text is not None:
        log.info("these predictions and candidates were evaluated before")
        write_atomic(to, text)
    else:
        write_json(to, made(), spaced=False)
        if folder is not None:
            _keep(to, folder)
    if folder is not None:
        write_in_use(folder.parent, [folder.name])
    return to


def _folder(run: Run, predictions: Sequence[Path]) -> Path | None:
    """Where it is kept; None where another distribution brings a forecaster, whose code may change
    unseen."""
    heads = run.profile.train.names
    if not all(FORECASTERS.built_in(head) or FUSED_HEADS.built_in(head) for head in heads):
        return None
    candidates = run.output(out.TrainOutput).candidates
    name = content_id(
        {
            "predictions": [sha256_file(path) for path in predictions],
            "profile": run.profile.model_dump(mode="json"),
            "features": run.output(out.FeaturesOutput).feature_version,
            "candidates": {head: one.bundle_id for head, one in sorted(candidates.items())},
            "code": code_id(*_ROOMS),
            "versions": {name: importlib.metadata.version(name) for name in _LIBRARIES},
        }
    )
    return run.paths.artifacts / "cache" / "metrics" / name


def _kept(folder: Path) -> bytes | None:
    """What was kept; None if nothing was, or it is damaged."""
    if not folder.is_dir():
        return None
    try:
        if read_json(folder / _ABOUT).get("sha256") == sha256_file(folder / _METRICS):
            note_use(folder)
            return (folder / _METRICS).read_bytes()
    except (StoreError, OSError) as err:
        log.warning("a kept evaluation cannot be read and is made again: %s", err)
    return None


def _keep(made: Path, folder: Path) -> None:
    discard(folder)  # a damaged one
    with new_folder(folder) as temp:
        write_atomic(temp / _METRICS, made.read_bytes())
        write_json(temp / _ABOUT, {"sha256": sha256_file(made)})
