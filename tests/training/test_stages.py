"""The linear stage of several horizons: the same bits on any number of cores."""

from __future__ import annotations

from collections.abc import Callable
from threading import Event
from unittest import mock

import numpy as np
import pytest

from pipelines.config import Profile
from pipelines.fusion import linear
from pipelines.fusion.design import deviations
from pipelines.fusion.examples import Examples
from pipelines.fusion.linear import fit_linear, side_by_side
from pipelines.run.cores import CORES, each_on_a_core
from pipelines.training import start
from pipelines.training.inner import LinearStage, linear_stages
from pipelines.training.recipe import train_recipes
from pipelines.weeks import CDC

CUTS = dict.fromkeys((1, 4), CDC.week_no("2018-w01"))
Rows = dict[int, Examples]


@pytest.fixture(scope="module")
def rows(make_examples: Callable[..., Examples]) -> Rows:
    return {h: make_examples(h, planted=3.0) for h in CUTS}


def numbers(stages: dict[int, LinearStage]) -> list[bytes]:
    found = []
    for stage in stages.values():
        models = [stage.linear, *(fold.linear for fold in stage.folds)]
        found += [stage.linear_logit.tobytes(), *(m.weight.tobytes() for m in models)]
    return found


def test_stages_on_two_cores_are_those_on_one(
    rows: Rows, quick: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = []
    for cores in ("1", "2"):
        monkeypatch.setenv(CORES, cores)
        made.append(numbers(linear_stages(rows, quick, CUTS)))
    assert made[0] == made[1]
    assert len(made[0]) == 2 * 5


def threads() -> set[int]:
    return {p["num_threads"] for p in linear._pools().info() if p["user_api"] == "blas"}


def test_a_fit_that_ends_leaves_the_others_beside_it_one_thread(
    rows: Rows, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CORES, "2")
    one_is_in, both_are_in, one_is_out = (Event() for _ in range(3))

    def ends_first() -> set[int]:
        with linear._pools().limit(limits=1):
            one_is_in.set()
            assert both_are_in.wait(timeout=60)
        one_is_out.set()
        return {1}

    def goes_on() -> set[int]:
        assert one_is_in.wait(timeout=60)
        with linear._pools().limit(limits=1):
            both_are_in.set()
            assert one_is_out.wait(timeout=60)
            return threads()

    fit_linear(rows[4], 0.05)  # the pools are known
    with linear._pools().limit(limits=2):
        before = threads()
        with side_by_side():
            assert each_on_a_core([ends_first, goes_on]) == [{1}, {1}]
        assert threads() == before


def test_heads_over_one_base_are_calibrated_once(rows: Rows, quick: Profile) -> None:
    with mock.patch.object(start, "choose_platt", wraps=start.choose_platt) as asked:
        train_recipes({4: rows[4]}, ("linear",), quick, {4: CUTS[4]})
    assert asked.call_count == 1, "its own log odds, as a candidate and as what others start from"


def test_deviations_are_the_bits_of_a_standardisation() -> None:
    rng = np.random.default_rng(4)
    raw = rng.normal(3.0, 2.0, size=(5000, 7))
    raw[rng.random(raw.shape) < 0.1] = np.nan
    raw[:, 5], raw[3, 6] = np.nan, np.inf
    mean, variance, away = deviations(raw)
    known = np.isfinite(raw)
    count = np.maximum(known.sum(axis=0), 1)
    assert (mean == np.where(known, raw, 0.0).sum(axis=0) / count).all()
    square = np.where(known, (raw - mean) ** 2, 0.0)
    assert (variance == square.sum(axis=0) / count).all()
    scale = np.where(variance > 1e-12, np.sqrt(variance), 1.0)
    assert (away / scale == linear._standardised(raw, mean, scale)).all()
