"""The visible loop of the raw-data baseline: train an epoch, watch, keep a checkpoint.

The clocks here measure how long an epoch takes, which is a result of its own (table 3); nothing
else depends on them.
"""

from __future__ import annotations

import logging
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Float64s
from pipelines.errors import TrainingError
from pipelines.fusion.tensors import reproducible
from pipelines.paper.raw.checkpoint import Checkpoints
from pipelines.paper.raw.identity import identity_of
from pipelines.paper.raw.inputs import Reader
from pipelines.paper.raw.model import RawModel, load_raw, reader_of
from pipelines.paper.raw.rows import RawConfig, RawRows, RawTrained
from pipelines.paper.raw.step import add_gradients, logits
from pipelines.run.progress import Progress

log = logging.getLogger(__name__)


def train_raw(rows: RawRows, watched: RawRows, config: RawConfig, folder: Path) -> RawTrained:
    """Fine-tune both towers and a head; equal inputs and threads give equal bits, killed or not.

    Args:
        rows: trained on.
        watched: scored after each epoch, never trained on.
        folder: of this training's checkpoints; it goes on after the newest. The caller deletes it.

    Raises:
        TrainingError: rows or labels that cannot be trained on, or a loss that is not finite.
        EncoderError: a checkpoint of the towers does not fit.
        SceneError: an image cannot be read.
        StoreError: `folder` holds another training's checkpoint, a damaged one, or has no room.
    """
    _check(rows, watched, config)
    checkpoints = Checkpoints(folder, identity_of(rows, watched, config))
    trained = checkpoints.history()
    if trained is not None and trained.epochs == config.epochs:
        return trained
    with reproducible(config.threads, config.seed):
        return _train(rows, watched, config, checkpoints, trained)


def _train(
    rows: RawRows,
    watched: RawRows,
    config: RawConfig,
    checkpoints: Checkpoints,
    trained: RawTrained | None,
) -> RawTrained:
    """The loop, from the start or from the newest checkpoint."""
    model = load_raw(
        config.image_folder,
        config.text_folder,
        config.kind,
        config.outputs,
        config.dropout,
        config.seed,
    )
    read = reader_of(model, config)
    checkpoints.check_room(model)
    optimizer = torch.optim.AdamW(
        model.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    if trained is None:
        trained = _untrained(model, read, rows, watched)
    else:
        log.info("Going on after epoch %d of %d.", trained.epochs, config.epochs)
        checkpoints.restore(model, optimizer)
    left = (config.epochs - trained.epochs) * (len(rows) + len(watched))
    progress = Progress(f"raw data, {config.kind}: rows trained on and watched", left)
    for epoch in range(trained.epochs, config.epochs):
        begun = time.perf_counter()
        loss, train_bytes = _epoch(model, optimizer, rows, read, config, epoch, progress)
        halfway = time.perf_counter()
        logit, watched_bytes = _watch(model, watched, read, config, progress)
        ended = time.perf_counter()
        trained = replace(
            trained,
            watched_logit=(*trained.watched_logit, logit),
            train_seconds=(*trained.train_seconds, halfway - begun),
            inference_seconds=(*trained.inference_seconds, ended - halfway),
            loss=(*trained.loss, loss),
            # Padding follows the order of the rows; the first epoch stands for all.
            batch_bytes_train=trained.batch_bytes_train or train_bytes,
            batch_bytes_watched=trained.batch_bytes_watched or watched_bytes,
        )
        checkpoints.save(model, optimizer, trained)
        log.info("Epoch %d of %d: loss %.4f", epoch + 1, config.epochs, loss)
    return trained


def _check(rows: RawRows, watched: RawRows, config: RawConfig) -> None:
    if not len(rows) or not len(watched):
        raise TrainingError(
            f"{len(rows)} rows to train on, {len(watched)} to watch",
            where="raw-data baseline",
            fix="give at least one of each",
        )
    classes = max(config.outputs, 2)
    label = np.concatenate([rows.label, watched.label])
    if label.min() < 0 or label.max() >= classes:
        raise TrainingError(
            f"labels {label.min()}..{label.max()} for {classes} classes",
            where="raw-data baseline",
            fix="number the classes from 0 and set outputs to their number, 1 if binary",
        )


def _untrained(model: RawModel, read: Reader, rows: RawRows, watched: RawRows) -> RawTrained:
    truncated = read.truncated(rows) + read.truncated(watched)
    if truncated:
        log.warning(
            "%d of %d texts are longer than %d tokens and are cut there.",
            truncated,
            len(rows) + len(watched),
            read.max_tokens,
        )
    return RawTrained((), (), (), (), model.parameters_bytes, 0, 0, truncated)


def _epoch(
    model: RawModel,
    optimizer: torch.optim.Optimizer,
    rows: RawRows,
    read: Reader,
    config: RawConfig,
    epoch: int,
    progress: Progress,
) -> tuple[float, int]:
    """One pass over the rows in an order of its own; mean loss, and bytes of its batches."""
    order = np.random.default_rng((config.seed, epoch)).permutation(len(rows))
    weight = (
        None
        if config.class_weight is None
        else torch.tensor(config.class_weight, dtype=torch.float32)
    )
    total, nbytes = 0.0, 0
    for number, batch in enumerate(rows.take(order).split(config.batch_rows)):
        optimizer.zero_grad(set_to_none=True)
        seed = (config.seed, epoch, number)
        loss, of_batch = add_gradients(model, batch.split(config.micro_rows), read, seed, weight)
        total += _finite(loss.total, epoch) * len(batch)
        nbytes += of_batch
        optimizer.step()
        progress.advance(len(batch))
    return total / len(rows), nbytes


def _finite(loss: Tensor, epoch: int) -> float:
    value = float(loss.detach())
    if not np.isfinite(value):
        raise TrainingError(
            "the training loss is not finite",
            where=f"raw-data baseline, epoch {epoch + 1}",
            fix="lower learning_rate: pretrained towers are usually tuned with 1e-5 to 5e-5",
        )
    return value


def _watch(
    model: RawModel, watched: RawRows, read: Reader, config: RawConfig, progress: Progress
) -> tuple[Float64s, int]:
    """(V, C) logits of the watched rows, and bytes of their batches."""
    made, nbytes = [], 0
    for logit, of_part in logits(model, watched.split(config.micro_rows), read):
        made.append(logit)
        nbytes += of_part
        progress.advance(len(logit))
    return np.concatenate(made), nbytes
