"""How far the image and text vectors of the same rows lie apart, before and after the shift.

The measures themselves are in fusion/space.py, since a weekly run reports some of them.

Shape letters: N pairs, D_i/D_t widths of raw image and text vectors.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GroupKFold, cross_val_score
from threadpoolctl import threadpool_limits

from pipelines.arrays import Bools, Float32s
from pipelines.errors import TrainingError
from pipelines.fusion.alignment import GapKind, Shift
from pipelines.fusion.space import Pairs, gap_norm, pair_cosine, unit_pairs, variance

_FOLDS, _SEED = 5, 0
# More would take minutes over a grid of lambdas and say the same.
_SEPARABILITY_PAIRS = 1000
# With 1, the solver does not converge on a thousand vectors that a plane all but parts.
_SEPARABILITY_C = 0.1


def linear_separability(pairs: Pairs) -> dict[str, Any]:
    """How well a logistic regression tells image from text vectors: cross-validated accuracy.

    1 = a plane parts the modalities; 0.5 or less = no plane does. Below 0.5 comes from a shift that
    was fitted on these very pairs: the means of the folds then balance each other. A pair stays in
    one fold. L2 with C = 0.1 on vectors times sqrt(W), so that a component is of the size of 1; at
    most 1,000 pairs, evenly spaced.
    """
    n_used = min(len(pairs), _SEPARABILITY_PAIRS)
    rows = np.linspace(0, len(pairs) - 1, n_used).round().astype(np.int64)
    both = torch.cat([pairs.image[rows], pairs.text[rows]]).numpy()
    is_text, pair = np.repeat([0, 1], n_used), np.tile(np.arange(n_used), 2)
    folds = GroupKFold(min(_FOLDS, n_used), shuffle=True, random_state=_SEED)
    classifier = LogisticRegression(C=_SEPARABILITY_C, max_iter=1000)
    scaled = both * np.float32(np.sqrt(both.shape[1]))
    with threadpool_limits(limits=1):  # faster, too: each fit takes milliseconds
        accuracy = cross_val_score(classifier, scaled, is_text, groups=pair, cv=folds)
    return {
        "accuracy": float(accuracy.mean()),
        "worst_fold": float(accuracy.min()),
        "best_fold": float(accuracy.max()),
        "n_pairs": n_used,
    }


# --- The whole record ---------------------------------------------------------------------------
def gap_record(
    image: Float32s,
    text: Float32s,
    lambdas: Sequence[float],
    kind: GapKind = "vector",
    train: Bools | None = None,
    measured: Bools | None = None,
) -> dict[str, Any]:
    """Every measure at every lambda, JSON-able; `fitted_on_measured` says whether any pair that is
    measured took part in the gap: then separability may fall below 0.5.

    Args:
        image, text: raw (N, D_i) and (N, D_t) vectors of N pairs.
        lambdas: shifts to measure; 0, the vectors as they are, is always among them.
        train: (N,) pairs that the gap is estimated on; None = all, as the paper's code does.
        measured: (N,) pairs that are measured, such as the test rows; None = all.

    Raises:
        TrainingError: fewer than two pairs to fit or to measure, or a value that is not finite.
    """
    pairs = unit_pairs(image, text)
    fitted, seen = pairs.take(train), pairs.take(measured)
    for what, some in (("estimate the gap on", fitted), ("measure", seen)):
        if len(some) < 2:
            raise TrainingError(
                f"{len(some)} pairs to {what}", fix="choose at least 2 rows with image and text"
            )
    gap = fitted.gap(kind)
    widths = {"image_width": image.shape[1], "text_width": text.shape[1]}
    narrow = min(widths, key=lambda name: widths[name]).removesuffix("_width")
    return {
        "n_pairs": len(seen),
        "n_pairs_fitted": len(fitted),
        "fitted_on_measured": bool((_mask(train, pairs) & _mask(measured, pairs)).any()),
        "gap_kind": kind,
        **widths,
        "stretched": narrow if len(set(widths.values())) > 1 else None,
        "fitted_gap_norm": gap_norm(fitted),
        **variance(seen),
        "shifts": [
            _measures(seen, Shift(at, gap, kind)) for at in sorted({0.0, *map(float, lambdas)})
        ],
    }


def _mask(rows: Bools | None, pairs: Pairs) -> Bools:
    return np.ones(len(pairs), dtype=bool) if rows is None else rows


def _measures(pairs: Pairs, shift: Shift) -> dict[str, Any]:
    after = pairs.at(shift)
    return {
        "lambda_shift": shift.lambda_shift,
        "gap_norm": gap_norm(after),
        "pair_cosine": pair_cosine(after),
        "linear_separability": linear_separability(after),
    }
