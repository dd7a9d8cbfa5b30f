"""The raw-data baseline under one fusion: fine-tuned once, with the first seed, and recorded as a
cell."""

from __future__ import annotations

import contextlib
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.contracts import content_id
from pipelines.embed.weights import Weights
from pipelines.paper.approaches import folders_of
from pipelines.paper.cells import (
    costs,
    find_or_make,
    parts_of,
    score_best_epoch,
    task_of,
    watched_parts,
)
from pipelines.paper.config import RawApproach, StudyConfig
from pipelines.paper.cost.efficiency import Meter, batch_bytes
from pipelines.paper.prepared import Prepared
from pipelines.paper.raw import RawConfig, RawRows, train_raw
from pipelines.storage import read_json


def train_raw_group(
    approach: RawApproach,
    fusion: str,
    towers: tuple[Weights, Weights],
    prepared: Prepared,
    study: StudyConfig,
) -> dict[str, Any]:
    """Fine-tune, go on with, or find the baseline of one fusion: {approach, fusion, printed:
    [record]}.
    """
    config = _config(approach, fusion, towers, prepared, study)
    about = {
        "fusion": fusion,
        "seed": config.seed,
        "weights": [w.sha256 for w in towers],
        "epochs": config.epochs,
        "learning_rate": config.learning_rate,
        "micro_rows": config.micro_rows,
        "loop": study.loop.model_dump(),
    }
    identity = [prepared.rows_id, about]
    checkpoints = prepared.folder / "raw" / content_id(identity)
    record = find_or_make(
        prepared.folder, identity, lambda: _train(about, config, prepared, checkpoints)
    )
    shutil.rmtree(checkpoints, ignore_errors=True)  # the record is on disk: nothing to go on with
    with contextlib.suppress(OSError):  # not there, or another fusion is at work in it
        checkpoints.parent.rmdir()
    return {"approach": approach.id, "fusion": fusion, "printed": [record]}


def _config(
    approach: RawApproach,
    fusion: str,
    towers: tuple[Weights, Weights],
    prepared: Prepared,
    study: StudyConfig,
) -> RawConfig:
    image_folder, text_folder = folders_of(towers)
    return RawConfig(
        image_folder=image_folder,
        text_folder=text_folder,
        kind=fusion,
        outputs=prepared.outputs,
        epochs=approach.epochs,
        batch_rows=study.loop.batch_rows,
        micro_rows=approach.micro_rows,
        learning_rate=approach.learning_rate,
        weight_decay=study.loop.weight_decay,
        dropout=study.loop.dropout,
        class_weight=task_of(prepared).class_weight,
        threads=study.loop.threads,
        seed=study.seeds[0],
    )


def _train(
    about: dict[str, Any], config: RawConfig, prepared: Prepared, checkpoints: Path
) -> dict[str, Any]:
    rows, parts = raw_rows(prepared), parts_of(prepared)
    train = np.flatnonzero(parts == "train")
    selection, test = watched_parts(prepared)
    watched = np.concatenate([selection, test])
    with Meter() as meter:
        trained = train_raw(rows.take(train), rows.take(watched), config, checkpoints)
    share = len(test) / len(watched)
    values = pixel_values(config.image_folder)  # the paper counts pixels and labels, no tokens
    return {
        **about,
        **score_best_epoch(trained.watched_logit, selection, test, prepared),
        **costs(trained.train_seconds, [s * share for s in trained.inference_seconds], meter.usage),
        "loss": list(trained.loss),
        "truncated": trained.truncated,
        "model_bytes": trained.parameters_bytes,
        "train_bytes": batch_bytes(len(train), values, config.outputs),
        "test_bytes": batch_bytes(len(test), values, config.outputs),
    }


def pixel_values(image_folder: Path) -> int:
    """Numbers of one image as the ViT reads it: 3 x side x side, from the checkpoint's own side."""
    side: Any = read_json(image_folder / "config.json")["image_size"]
    return 3 * int(side) ** 2


def raw_rows(prepared: Prepared) -> RawRows:
    """The usable rows as files and prompts."""
    rows = prepared.usable
    return RawRows(
        [Path(f) if isinstance(f, str) else None for f in rows["image_file"]],
        [t if isinstance(t, str) else None for t in rows["text"]],
        rows["label"].to_numpy(np.int64),
    )
