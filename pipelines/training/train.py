"""The one visible training loop of the fused heads.

Only rows with at least one modality are in the loop: others have no gradient by construction.
Shape letters: M rows with at least one modality, V watched rows, B batch, C outputs, W width after
stretching.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Float32s, Float64s
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import Shift
from pipelines.fusion.heads import FusedHead, FusedKind, build_head, build_stack, can_stack
from pipelines.fusion.tensors import seeded, still
from pipelines.run.cores import go_on
from pipelines.train_config import LoopConfig
from pipelines.training.learners import DENGUE, Learner, OneHead, Seen, StackedHeads, Task
from pipelines.training.rows import FusedRows

State = dict[str, Float32s]


@dataclass(frozen=True)
class Epoch:
    """Mean training loss terms of an epoch (over batches), and how long its two halves took."""

    classification: float
    alignment: float
    total: float
    train_seconds: float
    inference_seconds: float  # over the watched rows


@dataclass(frozen=True)
class Watched:
    """What a training was like.

    Attributes:
        history: one entry an epoch.
        watched_logit: one (V, C) entry for epoch 0 and for each epoch.
        watched_label: (V,)
    """

    history: tuple[Epoch, ...]
    watched_logit: tuple[Float64s, ...]
    watched_label: Tensor

    @property
    def curve(self) -> tuple[float, ...]:
        """Brier of a binary head on the watched rows after 0, 1, 2, ... epochs; NaN
        without rows."""
        return tuple(brier(logit[:, 0], self.watched_label) for logit in self.watched_logit)


@dataclass(frozen=True)
class Trained(Watched):
    """A trained head and its history.

    Attributes:
        state: parameters and buffers by name.
    """

    state: State


def train_fixed(
    kind: FusedKind,
    rows: FusedRows,
    shift: Shift,
    config: LoopConfig,
    epochs: int,
    watched: FusedRows | None = None,
    task: Task = DENGUE,
) -> Trained:
    """Train a head for a fixed number of epochs; equal inputs and threads give equal bits.

    Args:
        rows: training rows with clean unit vectors and frozen base logits.
        shift: applied here, after noise, as at inference.
        watched: rows with clean unit vectors, scored after each epoch, never trained on.

    Raises:
        TrainingError: the loss is no longer finite.
    """
    with _held(kind, rows, config, task) as head:
        one = OneHead(head, shift, task.weight)
        history, logits = _loop(one, rows, config, epochs, _seen(watched, rows))
    state = {name: t.detach().numpy().copy() for name, t in sorted(head.state_dict().items())}
    label = _seen(watched, rows).label
    return Trained(tuple(own for (own,) in history), tuple(logits), label, state)


def train_shifts(
    kind: FusedKind,
    rows: FusedRows,
    shifts: Sequence[Shift],
    config: LoopConfig,
    epochs: int,
    watched: FusedRows,
) -> list[Watched]:
    """What train_fixed sees of each shift along one gap, equal within rounding: as one computation
    where the head can, else one after another."""
    if not can_stack(kind):
        return [train_fixed(kind, rows, shift, config, epochs, watched) for shift in shifts]
    with _held(kind, rows, config, DENGUE) as head:
        heads = StackedHeads.of(build_stack(kind, head, len(shifts)), shifts, rows.image.shape[1])
        history, logits = _loop(heads, rows, config, epochs, watched)
    return [
        Watched(
            tuple(epoch[k] for epoch in history),
            tuple(logit[:, k : k + 1] for logit in logits),
            watched.label,
        )
        for k in range(len(shifts))
    ]


@contextmanager
def _held(kind: FusedKind, rows: FusedRows, config: LoopConfig, task: Task) -> Iterator[FusedHead]:
    """A head as the seed has it, and torch held still for its training."""
    widths = rows.image.shape[1], rows.text.shape[1]
    with still(config.threads), ExitStack() as generator:
        generator.enter_context(seeded(config.seed))
        head = build_head(kind, *widths, task.outputs, config.dropout, zero_output=task.residual)
        if can_stack(kind) and not config.dropout:
            generator.close()  # nothing else is drawn from it: another thread may have it
        yield head


def _loop(
    learner: Learner[Seen], rows: FusedRows, config: LoopConfig, epochs: int, watched: FusedRows
) -> tuple[list[list[Epoch]], list[Float64s]]:
    """The loop: for each epoch an entry for each model, and the logits of the watched rows."""
    seen = learner.see(watched)
    logits, history = [_validate(learner, seen)], []
    optimizer = torch.optim.AdamW(
        learner.module.parameters(),
        lr=config.learning_rate,
        weight_decay=config.weight_decay,
        fused=learner.fused,
    )
    generator = torch.Generator().manual_seed(config.seed)
    # Without noise the shifted vectors never change: made once, outside the loop.
    source = None if config.noise_sigma else learner.see(rows)
    for _ in range(epochs):
        go_on()
        start = time.perf_counter()
        terms = torch.zeros(3, 1)
        order = torch.randperm(len(rows), generator=generator)
        batches = order.split(config.batch_rows)
        for chosen in batches:
            if source is None:
                noisy = rows.take(chosen).with_noise(config.noise_sigma, generator)
                batch = learner.see(noisy)
            else:
                batch = source.take(chosen)
            optimizer.zero_grad(set_to_none=True)
            loss = learner.loss(batch, config.alignment_weight)
            loss.total.sum().backward()
            optimizer.step()
            each = [loss.classification, loss.alignment, loss.total]
            terms = terms + torch.stack(each).detach().view(3, -1)
        trained = time.perf_counter()
        logits.append(_validate(learner, seen))
        seconds = trained - start, time.perf_counter() - trained
        means = (terms / max(len(batches), 1)).T
        history.append([_epoch(own, *seconds) for own in means])
    return history, logits


def brier(logit: Float64s, label: Tensor) -> float:
    """Mean squared difference of probability and label; NaN without rows."""
    if not len(logit):
        return float("nan")
    probability = 1.0 / (1.0 + np.exp(-logit))
    return float(np.mean((probability - label.numpy()) ** 2))


def _validate(learner: Learner[Seen], rows: Seen) -> Float64s:
    learner.module.eval()
    with torch.no_grad():
        logit = learner.logit(rows).numpy().astype(np.float64)
    learner.module.train()
    return np.asarray(logit)


def _epoch(terms: Tensor, train_seconds: float, inference_seconds: float) -> Epoch:
    classification, alignment, total = (float(t) for t in terms)
    if not np.isfinite(total):
        raise TrainingError(
            "the training loss is not finite",
            where="fused head",
            fix="lower learning_rate, noise_sigma or alignment_weight",
        )
    return Epoch(classification, alignment, total, train_seconds, inference_seconds)


def _seen(watched: FusedRows | None, rows: FusedRows) -> FusedRows:
    return rows.take(torch.zeros(0, dtype=torch.int64)) if watched is None else watched
