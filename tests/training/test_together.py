"""Heads that are trained together, and on several cores, are what they are alone."""

from __future__ import annotations

import threading
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
import pytest
import torch

from pipelines.config import load_profile
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import Shift, shift_scale, unit_normalise
from pipelines.fusion.heads import early
from pipelines.fusion.tensors import seeded, still
from pipelines.run.cores import CORES, each_on_a_core
from pipelines.testing.rows import make_examples
from pipelines.train_config import TrainConfig
from pipelines.training.fused import HeadConfig, out_of_fold
from pipelines.training.head_folds import head_folds
from pipelines.training.inner import LinearStage, linear_stage
from pipelines.training.rows import FusedRows, fused_rows, train_gap
from pipelines.training.season_curves import SeasonCurves, _parts, best_epochs, best_scores
from pipelines.training.train import Watched, train_fixed, train_shifts
from pipelines.training.tune import one_standard_error, tune
from pipelines.weeks import CDC

KINDS = ("early", "late_joint")
GRID = (-1.0, -0.3, 0.0, 0.7, 1.0)
# What losses may differ by over so many epochs, since products round otherwise: seen were 2e-5 and
# 2e-3, and another processor may round more.
SIX, THIRTY = 5e-4, 1e-2
CUT = CDC.week_no("2018-w01")
PROFILE = load_profile("sample", **{"evaluate.horizons_weeks": (4,), "train.tuned": {}})


def _config(**changed: Any) -> TrainConfig:
    return TrainConfig.model_validate({"max_epochs": 3, **changed})


@pytest.fixture(scope="module")
def stage() -> LinearStage:
    return linear_stage(make_examples(planted=3.0), PROFILE, CUT)


@pytest.fixture(scope="module")
def split() -> tuple[FusedRows, FusedRows]:
    """Made vectors whose common part is small: where it is all but all of a vector, the rounding of
    a single training is off by more than is held here."""
    rng = np.random.default_rng(5)
    count, width = 1248, 64
    hidden = rng.normal(size=count)
    tables, masks = [], []
    for _ in range(2):
        signal, gap = (one / np.linalg.norm(one) for one in rng.normal(size=(2, width)))
        noise = rng.normal(size=(count, width)) / np.sqrt(width)
        tables.append(torch.from_numpy(noise + hidden[:, None] * signal + 0.3 * gap).float())
        masks.append(torch.from_numpy(rng.random(count) < 0.8))
    masks[1] |= ~masks[0]  # a row without either is in no training
    image, text = (unit_normalise(*own) for own in zip(tables, masks, strict=True))
    label = torch.from_numpy(rng.random(count) < 1 / (1 + np.exp(-3 * hidden))).float()
    base = torch.from_numpy(0.3 * rng.normal(size=count)).float()
    rows = FusedRows(np.arange(count), image, text, masks[0], masks[1], base, label)
    return rows.take(torch.arange(936)), rows.take(torch.arange(936, count))


def _both(
    kind: str, split: tuple[FusedRows, FusedRows], config: TrainConfig, epochs: int
) -> list[tuple[Watched, Watched]]:
    train, watched = split
    shifts = [Shift(value, train_gap(train)) for value in GRID]
    together = train_shifts(kind, train, shifts, config, epochs, watched)
    alone = [train_fixed(kind, train, shift, config, epochs, watched) for shift in shifts]
    return list(zip(together, alone, strict=True))


def _apart(one: Watched, other: Watched) -> float:
    """The largest difference of the Brier after an epoch or of a loss term; as a share of L_reg,
    which is a sum of squares and may be large."""
    terms, others = (
        np.array([(e.classification, e.alignment, e.total) for e in own.history])
        for own in (one, other)
    )
    curves = np.abs(np.subtract(one.curve, other.curve))
    return float(max(curves.max(), (np.abs(terms - others) / np.maximum(1, others)).max()))


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize(
    "changed",
    [{}, {"noise_sigma": 0.1}, {"alignment_weight": 0.1}, {"dropout": 0.2}],
    ids=["plain", "noise", "l_reg", "dropout"],
)
def test_each_of_several_lambdas_is_trained_as_if_it_were_alone(
    kind: str, changed: dict[str, float], split: tuple[FusedRows, FusedRows]
) -> None:
    pairs = _both(kind, split, _config(**changed), 6)
    assert max(_apart(*pair) for pair in pairs) < SIX
    curves = [one.curve for one, _ in pairs]
    assert len(set(curves)) == len(GRID)  # and no lambda is another's


@pytest.mark.timeout(300)
@pytest.mark.parametrize("kind", KINDS)
def test_over_thirty_epochs_what_is_chosen_is_as_good_alone(
    kind: str, split: tuple[FusedRows, FusedRows]
) -> None:
    pairs = _both(kind, split, _config(), 30)
    assert max(_apart(*pair) for pair in pairs) < THIRTY
    together, alone = (
        {value: np.array([one.curve]) for value, one in zip(GRID, own, strict=True)}
        for own in zip(*pairs, strict=True)
    )
    value, _ = one_standard_error({v: best_scores(c) for v, c in together.items()})
    chosen = alone[value][0, best_epochs(together[value])]
    assert chosen - min(own.min() for own in alone.values()) < 2 * THIRTY


def test_a_last_batch_of_one_row_is_trained_together_too(
    split: tuple[FusedRows, FusedRows],
) -> None:
    odd = split[0].take(torch.arange(2 * 64 + 1)), split[1]
    assert max(_apart(*pair) for pair in _both("late_joint", odd, _config(), 2)) < SIX


def test_a_head_that_cannot_be_stacked_is_trained_one_lambda_after_another(
    split: tuple[FusedRows, FusedRows], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(early, "Stack")
    for one, other in _both("early", split, _config(), 2):
        assert one.curve == other.curve


def test_a_loss_that_is_not_finite_is_an_error_of_the_whole_sweep(stage: LinearStage) -> None:
    rows, folds = stage.for_fit()
    wild = _config(lambda_grid=GRID).model_copy(update={"learning_rate": 1e30})
    with pytest.raises(TrainingError, match="not finite"):
        tune("early", rows, head_folds(folds), wild)


def test_lengths_of_shifted_vectors_are_those_that_the_shift_divides_by(
    split: tuple[FusedRows, FusedRows],
) -> None:
    rows, gap = split[0], train_gap(split[0])
    shares = torch.tensor([-0.5, 0.0, 0.5])
    scale = shift_scale(rows.image, rows.has_image, gap, shares)
    for at, share in enumerate(shares.tolist()):
        moved = Shift(-2 * share, gap).image(rows.image, rows.has_image)
        own = (rows.image + share * gap) * scale[:, at, None]
        torch.testing.assert_close(own, moved, atol=1e-6, rtol=0)
    assert not scale[~rows.has_image].any()


def test_a_vector_that_the_shift_takes_to_nothing_stays_finite() -> None:
    gap = torch.tensor([2.0, 0.0])
    scale = shift_scale(torch.tensor([[1.0, 0.0]]), torch.tensor([True]), gap, torch.tensor([-0.5]))
    assert torch.isfinite(scale).all()


@pytest.mark.parametrize("kind", KINDS)
def test_the_bits_of_a_sweep_do_not_follow_from_the_number_of_cores(
    kind: str, stage: LinearStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, folds = stage.for_fit()
    config = _config(lambda_grid=(*GRID, 0.1, 0.2, 0.4), tuned={"seeds": 2})
    made = []
    for count in ("1", "3"):
        monkeypatch.setenv(CORES, count)
        curves = SeasonCurves(kind, fused_rows(rows), head_folds(folds))
        made.append(np.array(curves.make([(config, v) for v in config.lambda_grid], "sweep")))
    np.testing.assert_array_equal(made[0], made[1])


@pytest.mark.parametrize("dropout", [0.0, 0.2])
def test_the_bits_of_kept_heads_do_not_follow_from_the_number_of_cores(
    dropout: float, stage: LinearStage, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows, folds = stage.for_fit()
    config = HeadConfig(_config(dropout=dropout), 0.7, 3)
    made = []
    for count in ("1", "3"):
        monkeypatch.setenv(CORES, count)
        made.append(out_of_fold("late_joint", rows, folds, config))
    np.testing.assert_array_equal(made[0], made[1])
    for fold in head_folds(folds):
        assert np.isfinite(made[0][fold.validation]).all()


def test_parts_of_a_sweep_are_alike_in_length_and_hold_every_lambda_once() -> None:
    grid = [round(-1 + 0.1 * step, 1) for step in range(21)]
    for most in (1, 6, 48):
        parts = _parts(grid, most)
        assert [value for part in parts for value in part] == grid
        assert max(map(len, parts)) <= most
        assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert [len(part) for part in _parts(grid, 48)] == [11, 10]
    assert _parts(grid[:4], 48) == [tuple(grid[:4])]


def test_threads_that_hold_torch_still_leave_it_as_it_was(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, "2")
    first_is_in, second_is_in = threading.Event(), threading.Event()
    strict = []

    def first() -> None:
        with still(threads=1):
            first_is_in.set()
            assert second_is_in.wait(60)

    def second() -> None:
        assert first_is_in.wait(60)
        with still(threads=1):
            second_is_in.set()
            strict.append(torch.are_deterministic_algorithms_enabled())

    before = torch.get_num_threads()
    each_on_a_core([first, second])
    assert strict == [True]
    assert not torch.are_deterministic_algorithms_enabled()
    assert torch.get_num_threads() == before


def test_two_threads_draw_what_each_seed_gives_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(CORES, "2")

    def draw(seed: int) -> list[float]:
        with seeded(seed):
            return torch.cat([torch.randn(1) for _ in range(500)]).tolist()

    alone = [draw(seed) for seed in range(8)]
    assert each_on_a_core([partial(draw, seed) for seed in range(8)]) == alone


def test_a_row_without_a_modality_weighs_nothing_in_any_model(
    split: tuple[FusedRows, FusedRows],
) -> None:
    train, watched = split
    shifts = [Shift(value, train_gap(train)) for value in GRID]
    dirty = replace(train, image=torch.where(train.has_image[:, None], train.image, 9.0))
    one, other = (
        train_shifts("late_joint", t, shifts, _config(), 2, watched) for t in (train, dirty)
    )
    assert [w.curve for w in one] == [w.curve for w in other]
