"""The one visible training loop of the fused heads.

Only rows with at least one modality are in the loop: others have no gradient by construction.
Shape letters: M rows with at least one modality, V watched rows, B batch, C outputs, W width after
stretching.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Float32s, Float64s, Int64s
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import GapKind, Shift, add_noise, modality_gap
from pipelines.fusion.big_tensors import by_block, gather
from pipelines.fusion.examples import Examples
from pipelines.fusion.heads import FusedHead, FusedKind, HeadOutput, build_head, loss_terms
from pipelines.fusion.tensors import reproducible, unit_vectors
from pipelines.train_config import LoopConfig

State = dict[str, Float32s]


@dataclass(frozen=True)
class FusedRows:
    """Rows with at least one modality, as tensors made once.

    Attributes:
        at: (M,) their positions in the Examples they came from.
        image, text: (M, W) unit vectors, zero where missing; unshifted ones may differ in width.
        has_image, has_text: (M,) masks.
        base_logit: (M,) frozen log odds of the base; zeros where a head stands alone.
        label: (M,) known 0/1 floats, or class indices.
    """

    at: Int64s
    image: Tensor
    text: Tensor
    has_image: Tensor
    has_text: Tensor
    base_logit: Tensor
    label: Tensor

    def __len__(self) -> int:
        return len(self.label)

    @property
    def paired(self) -> Tensor:
        """(M,) rows with both modalities."""
        return self.has_image & self.has_text

    def take(self, chosen: Tensor) -> FusedRows:
        """The rows chosen by an index or a mask tensor."""
        return FusedRows(
            self.at[chosen.numpy()],
            gather(self.image, chosen),
            gather(self.text, chosen),
            *(getattr(self, n)[chosen] for n in ("has_image", "has_text", "base_logit", "label")),
        )

    def with_logit(self, base_logit: Float64s) -> FusedRows:
        """The same rows over other (N,) log odds of all Examples."""
        logit = torch.from_numpy(base_logit[self.at].astype(np.float32))
        return replace(self, base_logit=logit)

    def shifted(self, shift: Shift) -> FusedRows:
        """The same rows with shifted, renormalised vectors."""
        image, text = (
            by_block(partial(_moved, move, vectors, mask), *vectors.shape, vectors)
            for move, vectors, mask in (
                (shift.image, self.image, self.has_image),
                (shift.text, self.text, self.has_text),
            )
        )
        return replace(self, image=image, text=text)


def fused_rows(examples: Examples) -> FusedRows:
    """Rows with a known label and at least one modality; base logits are zero until set."""
    chosen = np.isfinite(examples.label) & (examples.image.mask | examples.text.mask)
    at = np.flatnonzero(chosen)
    rows = examples.take(at)
    width = max(examples.image.width, examples.text.width)
    image, has_image = unit_vectors(rows.image, width)
    text, has_text = unit_vectors(rows.text, width)
    label = torch.from_numpy(rows.label.astype(np.float32))
    return FusedRows(at, image, text, has_image, has_text, torch.zeros(len(at)), label)


def train_gap(rows: FusedRows, kind: GapKind = "vector") -> Tensor:
    """(W,) gap, or (1,) if scalar, over the clean pairs of these training rows."""
    return modality_gap(rows.image, rows.text, rows.paired, kind)


@dataclass(frozen=True)
class Task:
    """What the head's logits are: by default one residual on frozen log odds.

    Attributes:
        outputs: C; 1 is binary.
        residual: the output layer starts at zero, so that epoch 0 is the base; False is the
            paper's head, which stands alone.
        class_weight: (1,) weight of positives if binary, else (C,); the paper's protocol only.
    """

    outputs: int = 1
    residual: bool = True
    class_weight: tuple[float, ...] | None = None

    @property
    def weight(self) -> Tensor | None:
        """The class weights as the loss takes them."""
        return None if self.class_weight is None else torch.tensor(self.class_weight)


DENGUE = Task()


@dataclass(frozen=True)
class Epoch:
    """Mean training loss terms of an epoch (over batches), and how long its two halves took."""

    classification: float
    alignment: float
    total: float
    train_seconds: float
    inference_seconds: float  # over the watched rows


@dataclass(frozen=True)
class Trained:
    """A trained head and its history.

    Attributes:
        state: parameters and buffers by name.
        history: one entry an epoch.
        watched_logit: one (V, C) entry for epoch 0 and for each epoch.
        watched_label: (V,)
    """

    state: State
    history: tuple[Epoch, ...]
    watched_logit: tuple[Float64s, ...]
    watched_label: Tensor

    @property
    def curve(self) -> tuple[float, ...]:
        """Brier of a binary head on the watched rows after 0, 1, 2, ... epochs; NaN
        without rows."""
        return tuple(brier(logit[:, 0], self.watched_label) for logit in self.watched_logit)


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
    with reproducible(config.threads, config.seed):
        widths = rows.image.shape[1], rows.text.shape[1]
        head = build_head(kind, *widths, task.outputs, config.dropout, zero_output=task.residual)
        weight = task.weight
        seen = (watched if watched is not None else rows.take(_none())).shifted(shift)
        logits, history = [_validate(head, seen)], []
        optimizer = torch.optim.AdamW(
            head.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
        )
        generator = torch.Generator().manual_seed(config.seed)
        # Without noise the shifted vectors never change: made once, outside the loop.
        source = rows if config.noise_sigma else rows.shifted(shift)
        for _ in range(epochs):
            start = time.perf_counter()
            terms = torch.zeros(3)
            order = torch.randperm(len(rows), generator=generator)
            batches = order.split(config.batch_rows)
            for chosen in batches:
                batch = source.take(chosen)
                if config.noise_sigma:
                    batch = _noisy(batch, config.noise_sigma, generator).shifted(shift)
                optimizer.zero_grad(set_to_none=True)
                output, logit = _forward(head, batch)
                loss = loss_terms(
                    logit, batch.label, output, batch.paired, config.alignment_weight, weight
                )
                loss.total.backward()
                optimizer.step()
                terms += torch.stack([loss.classification, loss.alignment, loss.total]).detach()
            trained = time.perf_counter()
            logits.append(_validate(head, seen))
            seconds = trained - start, time.perf_counter() - trained
            history.append(_epoch(terms / max(len(batches), 1), *seconds))
    state = {name: t.detach().numpy().copy() for name, t in sorted(head.state_dict().items())}
    return Trained(state, tuple(history), tuple(logits), seen.label)


def brier(logit: Float64s, label: Tensor) -> float:
    """Mean squared difference of probability and label; NaN without rows."""
    if not len(logit):
        return float("nan")
    probability = 1.0 / (1.0 + np.exp(-logit))
    return float(np.mean((probability - label.numpy()) ** 2))


def _moved(
    move: Callable[[Tensor, Tensor], Tensor], vectors: Tensor, mask: Tensor, part: slice
) -> Tensor:
    return move(vectors[part], mask[part])


def _forward(head: FusedHead, batch: FusedRows) -> tuple[HeadOutput, Tensor]:
    """Head output, and (B, C) logits on top of the frozen log odds."""
    output: HeadOutput = head(batch.image, batch.text, batch.has_image, batch.has_text)
    return output, output.logit + batch.base_logit[:, None]


def _validate(head: FusedHead, rows: FusedRows) -> Float64s:
    head.eval()
    with torch.no_grad():
        logit = _forward(head, rows)[1].numpy().astype(np.float64)
    head.train()
    return np.asarray(logit)


def _noisy(batch: FusedRows, sigma: float, generator: torch.Generator) -> FusedRows:
    image = add_noise(batch.image, batch.has_image, sigma, generator)
    text = add_noise(batch.text, batch.has_text, sigma, generator)
    return replace(batch, image=image, text=text)


def _epoch(terms: Tensor, train_seconds: float, inference_seconds: float) -> Epoch:
    classification, alignment, total = (float(t) for t in terms)
    if not np.isfinite(total):
        raise TrainingError(
            "the training loss is not finite",
            where="fused head",
            fix="lower learning_rate, noise_sigma or alignment_weight",
        )
    return Epoch(classification, alignment, total, train_seconds, inference_seconds)


def _none() -> Tensor:
    return torch.zeros(0, dtype=torch.int64)
