"""Fused heads beside what they add to, row by row: the pairs that say what vectors bring."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from pipelines.contracts import FUSED_HEADS

_PAIR = "base_probability"


def fused_heads(predictions: pd.DataFrame) -> list[str]:
    """Heads of which every row carries its base's probability.

    Tables of earlier versions did not keep it, and a run that such a version began has years of
    both kinds.
    """
    if _PAIR not in predictions.columns:
        return []
    whole = predictions[_PAIR].notna().groupby(predictions["head"], sort=False).all()
    return [str(head) for head in whole.index[whole] if head in FUSED_HEADS]


def with_base(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A head's rows, and the same rows as its base answers them."""
    return rows, rows.assign(probability=rows[_PAIR])


def by_horizon(rows: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """The rows of each horizon, the nearest first."""
    for horizon, own in rows.groupby("horizon_weeks", sort=True):
        yield int(str(horizon)), own
