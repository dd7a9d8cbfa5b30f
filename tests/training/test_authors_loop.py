"""The sweep's rival trains what we train: the same losses from a loop that shares no line with ours
but the heads."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.speed.authors_loop import Columns, frame_of, train
from benchmarks.speed.sweep import Size, planted
from pipelines.fusion.alignment import Shift
from pipelines.train_config import TrainConfig
from pipelines.training.head_folds import fold_rows
from pipelines.training.rows import FusedRows, train_gap
from pipelines.training.train import train_shifts

GRID = (-0.5, 0.0, 0.5)
CONFIG = TrainConfig(alignment_weight=0.1)


@pytest.fixture(scope="module")
def split() -> tuple[FusedRows, FusedRows]:
    rows, fold = planted(Size(32, 32, 1.0, 1, 1))
    return fold_rows(rows, fold)


@pytest.mark.parametrize("kind", ["early", "late_joint"])
def test_the_rival_has_our_losses_after_each_of_six_epochs(
    kind: str, split: tuple[FusedRows, FusedRows]
) -> None:
    rows, watched = split
    shifts = [Shift(value, train_gap(rows)) for value in GRID]
    ours = train_shifts(kind, rows, shifts, CONFIG, 6, watched)
    for shift, own in zip(shifts, ours, strict=True):
        data, held = (Columns(frame_of(part.shifted(shift))) for part in split)
        rival = train(kind, data, held, CONFIG, 6, workers=0)
        # Products round otherwise, on another processor perhaps more: 2e-5 was seen.
        losses = [e.total for e in own.history]
        np.testing.assert_allclose(losses, [e.train for e in rival], rtol=2e-4, atol=0)
        np.testing.assert_allclose(own.curve[1:], [e.brier for e in rival], rtol=0, atol=1e-4)


def test_its_workers_change_no_loss(split: tuple[FusedRows, FusedRows]) -> None:
    data, held = (Columns(frame_of(part)) for part in split)
    alone, helped = (train("early", data, held, CONFIG, 1, workers=n) for n in (0, 1))
    assert alone == helped
