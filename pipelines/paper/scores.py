"""Scores of class predictions and how sure they are: arrays in, plain numbers out.

Shape letters: N rows, C classes, G groups, R resamples.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from scipy.special import ndtri

from pipelines.arrays import AnyArray, Bools, Float64s, Int64s
from pipelines.errors import TrainingError
from pipelines.evaluate.bootstrap import calendar_blocks, expanded_tail
from pipelines.paper.study import Study
from pipelines.weeks import CDC

Score = Literal["accuracy", "macro_f1"]

CONFIDENCE = 0.95
POWER = 0.8  # of what an interval could have shown
_QUARTER_WEEKS = 13
_CELLS_AT_ONCE = 4_000_000  # drawn groups held in memory at a time


@dataclass(frozen=True)
class ScoreInterval:
    """A score, or the difference of two, with its 95 % interval and what it rests on.

    Attributes:
        spread: standard deviation over the resamples.
    """

    value: float
    lower: float
    upper: float
    rows: int
    groups: int
    spread: float

    @property
    def smallest_shown(self) -> float | None:
        """The smallest true difference whose interval would have left out 0 in 80 % of such draws
        of groups; None where the two sides never differ. Training anew is not in it."""
        reach = -ndtri(expanded_tail(self.groups, CONFIDENCE)) + ndtri(POWER)
        return float(reach * self.spread) if self.spread > 0 else None


def predict(logit: npt.ArrayLike) -> Int64s:
    """(N,) class of each row of logits (N, C): the largest; C = 1 is binary, class 1 above 0.

    Raises:
        TrainingError: not (N, C), or a logit is not a number.
    """
    values = np.asarray(logit)
    if values.ndim != 2:
        raise TrainingError(
            f"logits of shape {values.shape}", fix="give one row of C values a sample"
        )
    if not np.isfinite(values).all():
        raise TrainingError(
            f"{int((~np.isfinite(values)).any(axis=1).sum())} rows have a logit that is not a "
            "number",
            fix="look for missing values in the vectors, or lower the learning rate",
        )
    called = values[:, 0] > 0 if values.shape[1] == 1 else values.argmax(axis=1)
    return called.astype(np.int64)


def classification_scores(
    label: npt.ArrayLike, predicted: npt.ArrayLike, classes: tuple[str, ...]
) -> dict[str, Any]:
    """Accuracy, macro F1, and F1 and number of rows of each class.

    Macro F1 is the mean over the classes that occur among these labels or predictions, as
    scikit-learn counts: a class that is only predicted has F1 0, one that never occurs has None
    and is left out of the mean. No rows: every score is None.
    """
    actual, called = _checked(label, predicted, len(classes))
    counts = _confusion(actual, called, np.zeros(len(actual), np.int64), 1, len(classes))[0]
    f1, occurs = _f1(counts)
    return {
        "rows": len(actual),
        "accuracy": float(_value(counts, "accuracy")) if len(actual) else None,
        "macro_f1": float(_value(counts, "macro_f1")) if len(actual) else None,
        "per_class": {
            name: {"f1": float(f1[c]) if occurs[c] else None, "n": int(counts[c].sum())}
            for c, name in enumerate(classes)
        },
    }


def interval(
    label: npt.ArrayLike,
    predicted: npt.ArrayLike,
    group: npt.ArrayLike,
    score: Score,
    resamples: int = 1000,
    seed: int = 0,
) -> ScoreInterval | None:
    """95 % interval of a score, whole groups resampled; None where there is one group only.

    Few groups of a class make the interval of macro F1 too narrow: of seven equally common classes
    it covered 88 % at 42 groups in all and 92 % at 84; of two classes 93 % and more.

    Args:
        label: (N,) class indices.
        predicted: (N,) likewise, or (S, N) of S seeds: the score is then their mean.
        group: (N,) ids of what belongs together: patient, lesion, see `resampling_groups`.
    """
    return _interval(label, [predicted], group, score, resamples, seed)


def paired_interval(
    label: npt.ArrayLike,
    predicted_a: npt.ArrayLike,
    predicted_b: npt.ArrayLike,
    group: npt.ArrayLike,
    score: Score,
    resamples: int = 1000,
    seed: int = 0,
) -> ScoreInterval | None:
    """95 % interval of score(a) - score(b) on the same rows, the same groups drawn for both.

    Either side may be (S, N), as in `interval`.
    """
    return _interval(label, [predicted_a, predicted_b], group, score, resamples, seed)


def resampling_groups(study: Study) -> npt.NDArray[np.str_]:
    """(N,) what is drawn as one: the row's group, and in time the group's quarter of a year.

    Towns of one quarter are drawn apart although an epidemic joins them, so an interval over time
    is rather too narrow than too wide.
    """
    group = study.rows["group_id"].to_numpy(dtype=str)
    week = study.rows["week_no"]
    if (week < 0).any():
        return group
    quarter = calendar_blocks(week, _QUARTER_WEEKS, CDC).astype(str)
    return np.char.add(np.char.add(group, "@"), quarter)


def _interval(
    label: npt.ArrayLike,
    predictions: list[npt.ArrayLike],
    group: npt.ArrayLike,
    score: Score,
    resamples: int,
    seed: int,
) -> ScoreInterval | None:
    """Percentile interval of the first prediction's score, less that of the second if there is one.

    Percentiles are widened for few groups as in evaluate/bootstrap.py (Hesterberg 2015).
    """
    sides = [np.atleast_2d(np.asarray(p)) for p in predictions]
    pairs = [_checked(label, run) for side in sides for run in side]
    names, of_group = np.unique(np.asarray(group), return_inverse=True)
    if len(of_group) != len(pairs[0][0]):
        raise TrainingError(
            f"{len(of_group)} groups for {len(pairs[0][0])} labels",
            fix="give one group for each row",
        )
    if len(names) < 2:
        return None
    width = 1 + max(int(side.max()) for pair in pairs for side in pair)
    counts = np.stack([_confusion(a, p, of_group, len(names), width) for a, p in pairs], axis=1)
    flat = counts.reshape(len(names), -1).astype(np.float64)
    drawn = _resampled(flat, resamples, seed).reshape(resamples, len(pairs), width, width)
    seeds = [len(side) for side in sides]
    spread = _difference(_value(drawn, score), seeds)
    value = _difference(_value(counts.sum(axis=0), score), seeds)
    tail = expanded_tail(len(names), CONFIDENCE)
    lower, upper = np.quantile(spread, [tail, 1 - tail])
    return ScoreInterval(
        float(value), float(lower), float(upper), len(of_group), len(names), float(spread.std())
    )


def _difference(values: Float64s, seeds: list[int]) -> Float64s:
    """(...) mean over the seeds of the one side of scores (..., S), less that of the other
    if any."""
    first, *other = np.split(values, np.cumsum(seeds)[:-1], axis=-1)
    mean = np.asarray(first.mean(axis=-1))
    return np.asarray(mean - other[0].mean(axis=-1)) if other else mean


def _resampled(counts: Float64s, resamples: int, seed: int) -> Float64s:
    """(R, K) sums of G rows of counts (G, K) drawn with replacement, R times. Exact: whole
    numbers."""
    rng, groups = np.random.default_rng(seed), len(counts)
    out = np.empty((resamples, counts.shape[1]))
    step = max(1, _CELLS_AT_ONCE // groups)
    for first in range(0, resamples, step):
        some = min(step, resamples - first)
        drawn = rng.integers(0, groups, (some, groups)) + groups * np.arange(some)[:, None]
        weight = np.bincount(drawn.ravel(), minlength=some * groups).reshape(some, groups)
        out[first : first + some] = weight.astype(np.float64) @ counts
    return out


def _confusion(actual: Int64s, called: Int64s, group: Int64s, groups: int, width: int) -> Int64s:
    """(G, C, C) rows of each group by class and predicted class."""
    cell = (group * width + actual) * width + called
    return np.bincount(cell, minlength=groups * width * width).reshape(groups, width, width)


def _f1(counts: AnyArray) -> tuple[Float64s, Bools]:
    """F1 (..., C) of confusion counts (..., C, C), and whether the class occurs at all."""
    hit = np.diagonal(counts, axis1=-2, axis2=-1)
    either = counts.sum(axis=-1) + counts.sum(axis=-2)
    return 2.0 * hit / np.maximum(either, 1), either > 0


def _value(counts: AnyArray, score: Score) -> Float64s:
    """(...) score of confusion counts (..., C, C) that hold at least one row each."""
    if score == "accuracy":
        hit = np.diagonal(counts, axis1=-2, axis2=-1).sum(axis=-1)
        return np.asarray(hit / np.maximum(counts.sum(axis=(-2, -1)), 1), np.float64)
    f1, occurs = _f1(counts)
    return np.asarray(f1.sum(axis=-1) / np.maximum(occurs.sum(axis=-1), 1), np.float64)


def _checked(
    label: npt.ArrayLike, predicted: npt.ArrayLike, classes: int | None = None
) -> tuple[Int64s, Int64s]:
    """Both as (N,) class indices; refuses what would be counted in a wrong cell."""
    actual, called = np.asarray(label), np.asarray(predicted)
    if actual.ndim != 1 or actual.shape != called.shape:
        raise TrainingError(
            f"labels of shape {actual.shape} and predictions of {called.shape}",
            fix="give both for the same rows",
        )
    for side in (actual, called):
        most = classes if classes is not None else np.inf
        if len(side) and (
            not np.issubdtype(side.dtype, np.integer) or side.min() < 0 or side.max() >= most
        ):
            raise TrainingError(
                "a label or prediction is not the index of a class",
                fix="give whole numbers from 0 to classes - 1",
            )
    return actual.astype(np.int64), called.astype(np.int64)
