"""The lambda sweep of both fused heads beside the authors' kind of loop, at two widths.

    PYTHONPATH=. python -m benchmarks.speed.sweep

Ours is what a weekly run does: SeasonCurves, every lambda, both heads, all epochs, on all cores.
The rival trains one lambda after another, so that it is timed on one, some epochs of it, and
multiplied. Its tables are made beforehand and are not counted.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as functional

from benchmarks.speed.authors_loop import Columns, frame_of, train
from benchmarks.speed.row import Row, timed_row
from benchmarks.speed.side_by_side import Took, took, wait_until_quiet
from pipelines.arrays import Float32s, Float64s
from pipelines.data.splits import Season
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import ModalityVectors
from pipelines.fusion.tensors import still, unit_vectors
from pipelines.run.cores import cores
from pipelines.train_config import TrainConfig
from pipelines.training.head_folds import HeadFold, fold_rows
from pipelines.training.rows import FusedRows, train_gap
from pipelines.training.season_curves import SeasonCurves

HEADS = ("early", "late_joint")
TRAINED, WATCHED, EPOCHS = 936, 312, 30
LAMBDAS = tuple(round(-1 + 0.1 * step, 1) for step in range(21))
CONFIG = TrainConfig(lambda_grid=LAMBDAS, max_epochs=EPOCHS)
HIDDEN = {"early": 128, "late_joint": 64}
_SHOWN = LAMBDAS.index(0.5)  # the lambda that the rival trains
_GAP, _SIGNAL, _WEIGHT = 0.3, 1.0, 3.0  # lengths beside vectors of length 1; log odds a unit


@dataclass(frozen=True)
class Size:
    """Widths of a comparison, and what is run of it."""

    image: int
    text: int
    goal: float
    rounds: int
    rival_epochs: int

    @property
    def width(self) -> int:
        """After stretching, which a shift needs."""
        return max(self.image, self.text)


SIZES = (Size(512, 512, 40.0, 3, 10), Size(4096, 768, 7.0, 2, 4))


def planted(size: Size) -> tuple[FusedRows, HeadFold]:
    """Rows with both modalities, a gap between these and a signal in both; one season."""
    rng = np.random.default_rng(5)
    count = TRAINED + WATCHED
    hidden = rng.normal(size=count)
    of_image, of_text = (_vectors(rng, hidden, width) for width in (size.image, size.text))
    label = torch.from_numpy(rng.random(count) < 1 / (1 + np.exp(-_WEIGHT * hidden)))
    every, base = torch.ones(count, dtype=torch.bool), 0.3 * rng.normal(size=count)
    image, text = (unit_vectors(own, size.width)[0] for own in (of_image, of_text))
    at = np.arange(count)
    rows = FusedRows(at, image, text, every, every, torch.zeros(count), label.float())
    first = at < TRAINED
    return rows, HeadFold(Season(0, 1, 0), first, ~first, base)


def _vectors(rng: np.random.Generator, hidden: Float64s, width: int) -> ModalityVectors:
    signal, gap = (one / np.linalg.norm(one) for one in rng.normal(size=(2, width)))
    table = rng.normal(size=(len(hidden), width)) / np.sqrt(width)
    table += _SIGNAL * hidden[:, None] * signal + _GAP * gap
    at = np.arange(len(hidden), dtype=np.int32)
    return ModalityVectors(table.astype(np.float32), at)


def sweep(rows: FusedRows, fold: HeadFold) -> list[Float64s]:
    """Ours: (lambdas, 1 + epochs) Brier of each head."""
    asked = [(CONFIG, value) for value in LAMBDAS]
    return [np.concatenate(SeasonCurves(kind, rows, [fold]).make(asked, "sweep")) for kind in HEADS]


def rows() -> list[Row]:
    """Both ratios at both widths."""
    return [row for size in SIZES for row in _of(size)]


def _of(size: Size) -> list[Row]:
    every, fold = planted(size)
    before, season = fold_rows(every, fold)
    shift = Shift(LAMBDAS[_SHOWN], train_gap(before))
    data, held = (Columns(frame_of(own.shifted(shift))) for own in (before, season))
    curves: list[list[float]] = []

    def rival(workers: int, epochs: int = size.rival_epochs) -> None:
        with still(threads=1):  # two take longer here, with and without workers
            curves[:] = [
                [one.brier for one in train(kind, data, held, CONFIG, epochs, workers)]
                for kind in HEADS
            ]

    found: list[Float64s] = []

    def ours() -> None:
        found[:] = sweep(every, fold)

    own, loaded, plain = _in_turn([ours, lambda: rival(2), lambda: rival(0)], size.rounds)
    rival(0, EPOCHS)
    apart = [np.abs(own[_SHOWN, 1:] - curve) for own, curve in zip(found, curves, strict=True)]
    note = (
        f"the rival on one thread, lambda {LAMBDAS[_SHOWN]:g}, {size.rival_epochs} epochs, times "
        f"{len(LAMBDAS)} lambdas; Brier there differs by {max(a[:6].max() for a in apart):.0e} "
        f"over 6 epochs, {max(a.max() for a in apart):.0e} over {EPOCHS}"
    )
    limit = _limit(size, float(np.median([one.wall for one in own])))
    factor = len(LAMBDAS) * EPOCHS / size.rival_epochs
    work = (
        f"{len(LAMBDAS)} lambdas x {' and '.join(HEADS)}, {EPOCHS} epochs, {TRAINED} / {WATCHED} "
        f"rows, {size.image} + {size.text}"
    )
    named = "a plain loop with a DataLoader"
    return [
        timed_row(
            work,
            own,
            [Took(one.wall * factor, one.cpu * factor) for one in took_],
            rival_is=rival_is,
            goal=goal,
            limit=limit,
            note=note,
        )
        for took_, rival_is, goal in (
            (loaded, f"{named} of two workers", size.goal),
            (plain, f"{named} without workers", None),
        )
    ]


def _in_turn(works: Sequence[Callable[[], object]], rounds: int) -> list[list[Took]]:
    """Seconds of each work, round by round; every round begins with another."""
    made: list[list[Took]] = [[] for _ in works]
    for number in range(rounds):
        wait_until_quiet()
        for at in range(len(works)):
            which = (at + number) % len(works)
            made[which].append(took(works[which]))
    return made


def _limit(size: Size, wall: float) -> str:
    """The products that the sweep is made of, beside what one large product reaches on each
    core."""
    hidden = sum(HIDDEN.values())
    multiplied = 2 * 2 * size.width * hidden * (2 * TRAINED + WATCHED) * EPOCHS * len(LAMBDAS)
    rate = _product_rate() * cores()
    return (
        f"fp32 products at {rate / 1e9:.0f} GFLOP/s on {cores()} cores: "
        f"{multiplied / wall / rate:.0%} reached"
    )


def _product_rate(width: int = 2048, seconds: float = 1.0) -> float:
    """Floating-point operations a second of a square product on one thread, by oneDNN."""
    table: Float32s = np.random.default_rng(0).normal(size=(width, width)).astype(np.float32)
    one = torch.from_numpy(table)
    with still(threads=1), torch.no_grad():
        functional.linear(one.to_mkldnn(), one)
        best, until = float("inf"), time.perf_counter() + seconds
        while time.perf_counter() < until:
            start = time.perf_counter()
            functional.linear(one.to_mkldnn(), one)
            best = min(best, time.perf_counter() - start)
    return 2 * width**3 / best


if __name__ == "__main__":
    print(json.dumps([row.to_json() for row in rows()], indent=2))  # noqa: T201
