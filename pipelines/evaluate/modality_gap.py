"""The modality gap of the space that a fused head reads, before and after its shift.

Shape letters: N pairs.
"""

from __future__ import annotations

import numpy as np

from pipelines.arrays import Float32s
from pipelines.fusion.alignment import UNSHIFTED, Shift
from pipelines.fusion.examples import Examples
from pipelines.fusion.space import Pairs, gap_norm, pair_cosine, points_of, unit_pairs, variance

_MOST_PAIRS = 2_000  # evenly spaced: more say the same, and a nation's would fill the memory
_DRAWN = 300
_DECIMALS = 4


def gap_of_space(rows: Examples, shift: Shift | None) -> dict[str, object]:
    """Gap, cosine of pairs and variance after PCA before and after a shift, and points to draw;
    JSON-able. Empty for rows with fewer than two pairs.

    The pairs are those that the gap was estimated on, and newer ones without a label yet. The axes
    of the points are those of the unshifted vectors; each variance is on axes of its own, as the
    method has it.

    Args:
        rows: of one horizon, with raw vectors.
        shift: what the head applies; None or lambda 0 = it leaves the vectors where they are.
    """
    at = np.flatnonzero(rows.image.mask & rows.text.mask)
    if len(at) < 2:
        return {}
    shown = rows.take(_evenly(at, _MOST_PAIRS))
    pairs = unit_pairs(shown.image.dense(), shown.text.dense())
    moved = shift is not None and shift.lambda_shift != 0.0
    used = shift if shift is not None and moved else UNSHIFTED
    found: dict[str, object] = {
        "lambda_shift": used.lambda_shift,
        "shifted": moved,
        "pairs": len(at),
        "measured_pairs": len(pairs),
        "before": _measures(pairs),
        "points": _points(pairs, used),
    }
    return {**found, "after": _measures(pairs.at(used))} if moved else found


def _measures(pairs: Pairs) -> dict[str, float]:
    cosine = pair_cosine(pairs)
    return {
        "gap_norm": gap_norm(pairs),
        "pair_cosine": float(cosine["mean"]),
        "unpaired_cosine": float(cosine["unpaired_mean"]),
        **variance(pairs),
    }


def _points(pairs: Pairs, shift: Shift) -> dict[str, object]:
    made = points_of(pairs, shift, components=2)
    named = {"image": made.image, "text": made.text}
    if shift is not UNSHIFTED:
        named |= {"image_shifted": made.image_shifted, "text_shifted": made.text_shifted}
    few = _evenly(np.arange(len(pairs)), _DRAWN)
    return {
        "explained_share": list(made.explained_share),
        **{name: _listed(cloud[few]) for name, cloud in named.items()},
    }


def _evenly(at: np.ndarray, most: int) -> np.ndarray:
    """At most so many of the positions, evenly spaced."""
    if len(at) <= most:
        return at
    return at[np.linspace(0, len(at) - 1, most).round().astype(np.int64)]


def _listed(points: Float32s) -> list[list[float]]:
    return [[round(float(value), _DECIMALS) for value in row] for row in points]
