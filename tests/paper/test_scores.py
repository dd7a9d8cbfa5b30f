"""Scores of classes and their intervals."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score

from pipelines.errors import TrainingError
from pipelines.evaluate.bootstrap import expanded_tail
from pipelines.paper.scores import (
    classification_scores,
    interval,
    paired_interval,
    predict,
    resampling_groups,
)
from pipelines.paper.study import STUDY_COLUMNS, Study
from pipelines.weeks import CDC

CLASSES = tuple("abcdefg")


def guesses(rows: int, seed: int, classes: int = 7) -> tuple[np.ndarray, np.ndarray]:
    """Labels and predictions that are right for half of the rows or so."""
    rng = np.random.default_rng(seed)
    label = rng.integers(0, classes, rows)
    return label, np.where(rng.random(rows) < 0.5, label, rng.integers(0, classes, rows))


@pytest.mark.parametrize("rows", [1, 5, 12, 400])
@pytest.mark.parametrize("seed", range(5))
def test_scores_are_those_of_scikit_learn_whatever_classes_occur(rows: int, seed: int) -> None:
    label, predicted = guesses(rows, seed)
    found = classification_scores(label, predicted, CLASSES)
    assert found["accuracy"] == pytest.approx(accuracy_score(label, predicted))
    assert found["macro_f1"] == pytest.approx(
        f1_score(label, predicted, average="macro", zero_division=0)
    )
    each = f1_score(label, predicted, labels=range(7), average=None, zero_division=0)
    for index, name in enumerate(CLASSES):
        occurs = index in label or index in predicted
        assert found["per_class"][name]["f1"] == (pytest.approx(each[index]) if occurs else None)
        assert found["per_class"][name]["n"] == (label == index).sum()


def test_no_rows_have_no_score() -> None:
    found = classification_scores(np.array([], np.int64), np.array([], np.int64), ("no", "yes"))
    assert (found["rows"], found["accuracy"], found["macro_f1"]) == (0, None, None)


def test_one_output_is_positive_above_zero_and_several_give_the_largest() -> None:
    assert predict(np.array([[-0.1], [0.0], [0.1]])).tolist() == [0, 0, 1]
    assert predict(np.array([[0.1, 0.3, 0.2], [5.0, -1.0, 4.0]])).tolist() == [1, 0]


def test_a_logit_that_is_not_a_number_is_no_class() -> None:
    with pytest.raises(TrainingError, match="1 rows have a logit that is not a number"):
        predict(np.array([[0.1, 0.2], [np.nan, 0.0]]))


def test_a_label_that_is_no_class_is_refused() -> None:
    for wrong in (np.array([0, 2]), np.array([0, -1]), np.array([0.0, 1.0])):
        with pytest.raises(TrainingError, match="not the index of a class"):
            classification_scores(wrong, np.array([0, 1]), ("no", "yes"))


@pytest.mark.parametrize("score", ["accuracy", "macro_f1"])
def test_the_interval_is_that_of_groups_drawn_one_by_one(score: str) -> None:
    label, predicted = guesses(120, seed=3)
    group = np.random.default_rng(4).integers(0, 15, 120)
    found = interval(label, predicted, group, score, resamples=40, seed=9)
    rows_of = [np.flatnonzero(group == g) for g in range(15)]
    by_hand = []
    for drawn in np.random.default_rng(9).integers(0, 15, (40, 15)):
        rows = np.concatenate([rows_of[g] for g in drawn])
        by_hand.append(
            accuracy_score(label[rows], predicted[rows])
            if score == "accuracy"
            else f1_score(label[rows], predicted[rows], average="macro", zero_division=0)
        )
    tail = expanded_tail(15, 0.95)
    assert found is not None and (found.rows, found.groups) == (120, 15)
    assert [found.lower, found.upper] == pytest.approx(np.quantile(by_hand, [tail, 1 - tail]))


def test_rows_of_one_group_are_not_taken_for_independent() -> None:
    label, predicted = guesses(60, seed=1)
    lesion = np.array([f"lesion {n}" for n in range(60)])
    once = interval(label, predicted, lesion, "macro_f1")
    tenfold = interval(*(np.repeat(a, 10) for a in (label, predicted, lesion)), "macro_f1")
    assert once is not None and tenfold is not None
    assert (tenfold.lower, tenfold.upper) == (once.lower, once.upper)


def test_the_same_prediction_differs_from_itself_by_nothing() -> None:
    label, predicted = guesses(80, seed=2)
    found = paired_interval(label, predicted, predicted, np.arange(80), "macro_f1")
    assert found is not None and (found.value, found.lower, found.upper) == (0, 0, 0)


def test_a_paired_difference_draws_the_same_groups_for_both() -> None:
    label, predicted = guesses(300, seed=5)
    slightly_better = predicted.copy()
    slightly_better[:20] = label[:20]
    group = np.arange(300) // 3
    found = paired_interval(label, slightly_better, predicted, group, "accuracy")
    alone = interval(label, predicted, group, "accuracy")
    assert found is not None and alone is not None
    assert found.value == pytest.approx(np.mean(slightly_better == label) - alone.value)
    assert found.lower >= 0  # it is nowhere worse, so no draw can say so
    assert found.upper - found.lower < alone.upper - alone.lower


def test_one_group_carries_no_interval() -> None:
    label, predicted = guesses(30, seed=6)
    assert interval(label, predicted, np.zeros(30), "accuracy") is None


def test_a_thousand_draws_of_the_largest_test_set_are_quick() -> None:
    label, predicted = guesses(3254, seed=7)
    start = time.process_time()  # of this process alone: others may be at work
    interval(label, predicted, np.arange(3254), "macro_f1", resamples=1000)
    assert time.process_time() - start < 5


def study(group_id: list[str], weeks: list[str | None]) -> Study:
    rows = pd.DataFrame(
        {
            "sample_id": [str(n) for n in range(len(weeks))],
            "group_id": group_id,
            "week_no": [-1 if w is None else CDC.week_no(w) for w in weeks],
            "label": 0,
            "image": None,
            "text": "a prompt",
        }
    )[list(STUDY_COLUMNS)]
    return Study("made", "safe", Path(), rows, ("no", "yes"), needs_image=False)


def test_in_time_a_town_is_drawn_by_the_quarter_and_a_patient_whole() -> None:
    weeks = ["2018-w01", "2018-w13", "2018-w14", "2018-w01"]
    in_time = resampling_groups(study(["05001", "05001", "05001", "76001"], weeks))
    assert in_time[0] == in_time[1]
    assert len(set(in_time)) == 3
    assert resampling_groups(study(["p1", "p1", "p2"], [None] * 3)).tolist() == ["p1", "p1", "p2"]


def test_the_score_of_several_seeds_is_their_mean_and_so_is_every_resample_of_it() -> None:
    rng = np.random.default_rng(3)
    label, group = rng.integers(0, 3, 60), np.repeat(np.arange(12), 5)
    seeds = rng.integers(0, 3, (4, 60))
    together = interval(label, seeds, group, "macro_f1")
    alone = [interval(label, one, group, "macro_f1") for one in seeds]
    assert together is not None and together.value == pytest.approx(
        np.mean([a.value for a in alone])
    )
    assert max(a.upper - a.lower for a in alone) > together.upper - together.lower
    same = interval(label, np.stack([seeds[0]] * 3), group, "macro_f1")
    assert (same.lower, same.upper) == pytest.approx((alone[0].lower, alone[0].upper))


def test_several_seeds_are_compared_with_one_prediction_by_their_mean() -> None:
    rng = np.random.default_rng(4)
    label, group = rng.integers(0, 2, 80), np.repeat(np.arange(16), 5)
    seeds, rival = rng.integers(0, 2, (3, 80)), rng.integers(0, 2, 80)
    found = paired_interval(label, seeds, rival, group, "accuracy")
    assert found.value == pytest.approx((seeds == label).mean() - (rival == label).mean())
    assert found.lower < found.value < found.upper
