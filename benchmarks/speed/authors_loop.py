"""A training loop of the kind that multimodal benchmarks are published with: the sweep's rival.

A Dataset over the columns of a frame gives one row at a time; DataLoaders of 64 rows, for training
and for evaluation, with two worker processes each that every epoch starts anew, or without any;
AdamW as torch has it; evaluation after each epoch. One lambda after another. So is the published
code of Restrepo et al. 2024 (arXiv 2406.02601) set; nothing here is taken from it.

Shape letters: B batch, W vector width.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
import torch
import torch.nn.functional as functional
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Sampler

from pipelines.fusion.heads import FusedHead, FusedKind, HeadOutput, build_head, loss_terms
from pipelines.train_config import LoopConfig
from pipelines.training.rows import FusedRows

BATCH_ROWS = 64
WORKERS = 2
_Row = dict[str, Tensor]


@dataclass(frozen=True)
class EpochLoss:
    """Mean over the batches that were trained on, and Brier of the rows that were watched."""

    train: float
    brier: float


def frame_of(rows: FusedRows) -> pd.DataFrame:
    """The rows as such tables come from a CSV: a column of 64-bit numbers for each component."""
    own = {"text": rows.text, "image": rows.image}
    parts = [
        pd.DataFrame(part.numpy().astype(np.float64)).add_prefix(f"{name}_")
        for name, part in own.items()
    ]
    rest = pd.DataFrame({"label": rows.label.numpy(), "base_logit": rows.base_logit.numpy()})
    return pd.concat([*parts, rest], axis=1)


class Columns(Dataset[_Row]):
    """Rows of a frame, one at a time."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self._of = {
            name: frame[[c for c in frame if str(c).startswith(name)]].to_numpy()
            for name in ("text", "image", "label", "base_logit")
        }

    @property
    def widths(self) -> tuple[int, int]:
        """Of image and text."""
        return self._of["image"].shape[1], self._of["text"].shape[1]

    def __len__(self) -> int:
        return len(self._of["label"])

    def __getitem__(self, at: int) -> _Row:
        return {
            name: torch.tensor(part[at], dtype=torch.float32) for name, part in self._of.items()
        }


class _OurOrder(Sampler[int]):
    """The order of rows of pipelines/training/train.py, so that losses can be compared."""

    def __init__(self, count: int, seed: int) -> None:
        self._count, self._generator = count, torch.Generator().manual_seed(seed)

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[int]:
        return iter(torch.randperm(self._count, generator=self._generator).tolist())


def train(
    kind: FusedKind,
    data: Columns,
    held: Columns,
    config: LoopConfig,
    epochs: int,
    workers: int = WORKERS,
) -> list[EpochLoss]:
    """Train a head on rows that have both modalities, their vectors shifted already."""
    order = _OurOrder(len(data), config.seed)
    train_loader = DataLoader(data, batch_size=BATCH_ROWS, sampler=order, num_workers=workers)
    test_loader = DataLoader(held, batch_size=BATCH_ROWS, num_workers=workers)
    torch.manual_seed(config.seed)
    head = build_head(kind, *data.widths)
    optimizer = torch.optim.AdamW(
        head.parameters(), lr=config.learning_rate, weight_decay=config.weight_decay
    )
    made = []
    for _ in range(epochs):
        head.train()
        losses = []
        for batch in train_loader:
            optimizer.zero_grad()
            loss = _loss(head, batch, config.alignment_weight)
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
        made.append(EpochLoss(float(np.mean(losses)), _brier(head, test_loader)))
    return made


def _loss(head: FusedHead, batch: _Row, alignment_weight: float) -> Tensor:
    output, logit = _forward(head, batch)
    both = torch.ones(len(logit), dtype=torch.bool)
    return loss_terms(logit, batch["label"][:, 0], output, both, alignment_weight).total


def _brier(head: FusedHead, loader: DataLoader[_Row]) -> float:
    head.eval()
    said: list[float] = []
    label: list[float] = []
    with torch.no_grad():
        for batch in loader:
            said.extend(functional.sigmoid(_forward(head, batch)[1][:, 0]).numpy())
            label.extend(batch["label"][:, 0].numpy())
    return float(np.mean((np.array(said) - np.array(label)) ** 2))


def _forward(head: FusedHead, batch: _Row) -> tuple[HeadOutput, Tensor]:
    """Head output, and (B, 1) logits on top of the base's log odds."""
    both = torch.ones(len(batch["label"]), dtype=torch.bool)
    output: HeadOutput = head(batch["image"], batch["text"], both, both)
    return output, output.logit + batch["base_logit"]
