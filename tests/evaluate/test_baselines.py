from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from pipelines.contracts import COVARIATE_NAMES
from pipelines.evaluate.baselines import (
    BASELINES,
    class_at_origin,
    climatology,
    persistence,
    persistence_calibrated,
    prevalence,
)
from pipelines.fusion.examples import Examples
from pipelines.weeks import CDC

LAG = [COVARIATE_NAMES.index(f"log1p_cases_lag{k:02d}") for k in range(4)]


@pytest.fixture
def rows(examples: dict[int, Examples]) -> tuple[Examples, Examples]:
    every = examples[4]
    known, split = np.isfinite(every.label), CDC.week_no("2015-w01")
    before, after = every.target_week_no < split - 4, every.target_week_no >= split
    return every.take(known & before), every.take(known & after)


def _with_lags(rows: Examples, lags: list[float], threshold: float) -> Examples:
    one = rows.take(np.array([0]))
    covariates = one.covariates.copy()
    covariates[0, LAG] = np.log1p(lags)
    return replace(
        one, covariates=covariates, threshold_cases=np.array([threshold], dtype=np.float32)
    )


@pytest.mark.parametrize(
    ("lags", "threshold", "expected"),
    [
        ([5.0, 0.0, 0.0, 0.0], 4.0, 1.0),
        ([4.0, 9.0, 9.0, 9.0], 4.0, 0.0),  # equal to the threshold is not above it
        ([839.0, 0.0, 0.0, 0.0], 838.5, 1.0),
        ([np.nan, 5.0, 0.0, 0.0], 4.0, 1.0),  # the week before, where the newest is missing
        ([np.nan] * 4, 4.0, np.nan),
    ],
)
def test_the_class_at_origin_is_that_of_the_last_known_week(
    rows: tuple[Examples, Examples], lags: list[float], threshold: float, expected: float
) -> None:
    found = class_at_origin(_with_lags(rows[0], lags, threshold))
    np.testing.assert_array_equal(found, [expected])


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_baseline_never_reads_the_labels_it_is_judged_on(
    rows: tuple[Examples, Examples], name: str
) -> None:
    train, test = rows
    turned = replace(test, label=1 - test.label)
    np.testing.assert_array_equal(BASELINES[name](train, test), BASELINES[name](train, turned))


@pytest.mark.parametrize("name", list(BASELINES))
def test_a_baseline_gives_a_probability_for_every_row(
    rows: tuple[Examples, Examples], name: str
) -> None:
    found = BASELINES[name](*rows)
    assert found.shape == (len(rows[1]),)
    assert ((found >= 0) & (found <= 1)).all()


def test_calibrated_persistence_is_the_transition_rate_seen_in_training(
    rows: tuple[Examples, Examples],
) -> None:
    train, test = rows
    was = class_at_origin(train) == 1
    now = class_at_origin(test) == 1
    found = persistence_calibrated(train, test)
    assert found[now][0] == pytest.approx(train.label[was].mean())
    assert found[~now][0] == pytest.approx(train.label[~was].mean())


def test_calibrated_persistence_beats_hard_persistence_and_both_beat_prevalence_on_a_slow_process(
    rows: tuple[Examples, Examples],
) -> None:
    label = rows[1].label

    def score(p: np.ndarray) -> float:
        return float(np.mean((p - label) ** 2))

    assert score(persistence_calibrated(*rows)) < score(persistence(*rows))
    assert score(persistence_calibrated(*rows)) < score(prevalence(*rows))


def test_climatology_is_the_towns_own_rate_in_the_weeks_around_shrunk_to_the_prevalence(
    rows: tuple[Examples, Examples],
) -> None:
    train, test = rows
    at = int(np.flatnonzero(test.target_week_no == CDC.week_no("2015-w20"))[0])
    near = [CDC.week_no(f"{year}-w{w}") for year in range(2010, 2015) for w in (19, 20, 21)]
    own = (train.unit_id == test.unit_id[at]) & np.isin(train.target_week_no, near)
    rate = float(train.label.mean(dtype=np.float64))
    expected = (train.label[own].sum() + 4 * rate) / (own.sum() + 4)
    assert climatology(train, test)[at] == pytest.approx(expected)


def test_a_town_without_a_past_gets_the_prevalence(rows: tuple[Examples, Examples]) -> None:
    train, test = rows
    other = train.take(train.unit_id != test.unit_id[0])
    assert climatology(other, test)[0] == pytest.approx(prevalence(other, test)[0])


def test_gradient_boosting_gives_the_same_bits_twice(rows: tuple[Examples, Examples]) -> None:
    fit = BASELINES["gradient_boosting"]
    np.testing.assert_array_equal(fit(*rows), fit(*rows))


@pytest.mark.parametrize("name", list(BASELINES))
def test_an_all_empty_column_is_no_reason_to_fail(
    rows: tuple[Examples, Examples], name: str
) -> None:
    """A ministry without census or climate has such columns."""
    empty = [
        replace(
            one,
            covariates=np.where(
                np.arange(one.covariates.shape[1]) >= 12, np.nan, one.covariates
            ).astype(np.float32),
        )
        for one in rows
    ]
    found = BASELINES[name](*empty)
    assert np.isfinite(found).all()
