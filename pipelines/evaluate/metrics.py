"""Scores of probability forecasts: arrays in, plain numbers out.

Shape letters: N rows. `label` is 0.0 or 1.0, `probability` within 0..1; a score that the rows do
not define (no positive row, say) is None, never NaN and never 0.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from pipelines.arrays import Bools, Float64s

Number = float | None
CALIBRATION_BINS = 10
HALF = 0.5


def finite(value: float) -> Number:
    """The value as a float, or None where it is not a number that JSON can hold."""
    return float(value) if math.isfinite(value) else None


def brier(label: Float64s, probability: Float64s) -> Number:
    """Mean squared error of the probability. Brier 1950, doi:10.1175/1520-0493(1950)078<0001>."""
    return finite(float(np.mean((probability - label) ** 2))) if len(label) else None


def skill(score: Number, reference: Number) -> Number:
    """1 - score/reference on the same rows: 1 is perfect, 0 is no better, below 0 is worse."""
    if score is None or reference is None or reference <= 0:
        return None
    return 1.0 - score / reference


def auprc(label: Float64s, probability: Float64s) -> Number:
    """Average precision; to be read against the prevalence, which a blind forecast reaches.

    Own counting, as of macro_f1: the same sums in scikit-learn's order, so the same bits.
    """
    if len(label) == 0 or label.max() == label.min() or not np.isfinite(probability).all():
        return None
    falling = np.argsort(-probability, kind="stable")
    ends = np.append(np.flatnonzero(np.diff(probability[falling])), len(label) - 1)  # of ties
    hits = np.cumsum(label[falling] > HALF)[ends]
    recall = np.append((hits / hits[-1])[::-1], 0.0)
    precision = (hits / (ends + 1))[::-1]
    return max(0.0, float(-np.sum(np.diff(recall) * precision)))


@dataclass(frozen=True)
class Counts:
    """How often it was an outbreak, an alarm, and both: all that scores of alarms follow from."""

    rows: int
    outbreaks: int
    alarms: int
    hits: int

    @property
    def one_class(self) -> bool:
        """Whether the rows are all of one kind, or none."""
        return self.outbreaks in (0, self.rows)

    def macro_f1(self) -> Number:
        """Mean of the F1 of both classes; None where the rows hold one class only."""
        if self.one_class:
            return None
        wrong = self.alarms + self.outbreaks - 2 * self.hits
        both, neither = self.hits, self.rows - self.hits - wrong
        return (2 * both / (2 * both + wrong) + 2 * neither / (2 * neither + wrong)) / 2


def counted(outbreak: Bools, alarm: Bools) -> Counts:
    """Counts of (N,) outbreaks and alarms."""
    found = (np.count_nonzero(these) for these in (outbreak, alarm, outbreak & alarm))
    return Counts(len(outbreak), *map(int, found))


def macro_f1(label: Float64s, alarm: Bools) -> Number:
    """Mean of the F1 of both classes; None where the rows hold one class only.

    Own counting: scikit-learn's takes milliseconds of checks a call, and a summary asks for
    thousands; a test holds the two equal.
    """
    return counted(label > HALF, alarm).macro_f1()


def _share(hit: int, of: int) -> Number:
    return hit / of if of else None


def alarm_scores(found: Counts) -> dict[str, Number]:
    """Sensitivity, specificity, PPV and the share of weeks with an alarm."""
    quiet = found.rows - found.outbreaks
    return {
        "sensitivity": _share(found.hits, found.outbreaks),
        "specificity": _share(quiet - (found.alarms - found.hits), quiet),
        "ppv": _share(found.hits, found.alarms),
        "alarm_rate": _share(found.alarms, found.rows),
    }


def calibration_table(
    label: Float64s, probability: Float64s, bins: int = CALIBRATION_BINS
) -> list[dict[str, Number]]:
    """Equal-width bins of the probability with counts, mean probability and observed rate.

    Empty bins are left out; a probability that is not finite falls in no bin.
    """
    known = np.isfinite(probability)
    label, probability = label[known], probability[known]
    which = np.minimum((probability * bins).astype(np.int64), bins - 1)
    rows = np.bincount(which, minlength=bins)
    mean = np.bincount(which, probability, bins) / np.maximum(rows, 1)
    rate = np.bincount(which, label, bins) / np.maximum(rows, 1)
    return [
        {
            "low": b / bins,
            "high": (b + 1) / bins,
            "rows": int(rows[b]),
            "mean_probability": float(mean[b]),
            "observed_rate": float(rate[b]),
        }
        for b in np.flatnonzero(rows)
    ]


def expected_calibration_error(table: list[dict[str, Number]]) -> Number:
    """Row-weighted mean of |mean probability - observed rate| over the bins of calibration_table.

    Naeini et al. 2015, https://ojs.aaai.org/index.php/AAAI/article/view/9602.
    """
    rows = np.array([b["rows"] for b in table], dtype=np.float64)
    if rows.sum() == 0:
        return None
    gap = np.array(
        [abs((b["mean_probability"] or 0.0) - (b["observed_rate"] or 0.0)) for b in table]
    )
    return float(np.sum(gap * rows) / rows.sum())


def scores(
    label: Float64s, probability: Float64s, decision_threshold: Float64s
) -> dict[str, Number]:
    """Every single-number score of one group of rows; see the module docstring for None."""
    outbreak = label > HALF
    found = counted(outbreak, probability >= decision_threshold)
    table = calibration_table(label, probability)
    return {
        "rows": found.rows,
        "outbreak_rows": found.outbreaks,
        "prevalence": finite(float(label.mean())) if len(label) else None,
        "mean_probability": finite(float(probability.mean())) if len(label) else None,
        "brier": brier(label, probability),
        "auprc": None if found.one_class else auprc(label, probability),
        "macro_f1": found.macro_f1(),
        "macro_f1_at_half": counted(outbreak, probability >= HALF).macro_f1(),
        "ece": expected_calibration_error(table),
        **alarm_scores(found),
    }
