"""Fused heads beside what they add to, row by row: the pairs that say what vectors bring."""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from pipelines.contracts import FUSED_HEADS

_PAIR = "base_probability"


def fused_heads(predictions: pd.DataFrame) -> list[str]:
    """Heads whose rows carry their base's probability; none of tables that did not keep it."""
    if _PAIR not in predictions.columns:
        return []
    known = predictions.loc[predictions[_PAIR].notna(), "head"].unique()
    return [head for head in map(str, known) if head in FUSED_HEADS]


def with_base(rows: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    """A head's rows, and the same rows as its base answers them."""
    return rows, rows.assign(probability=rows[_PAIR])


def by_horizon(rows: pd.DataFrame) -> Iterator[tuple[int, pd.DataFrame]]:
    """The rows of each horizon, the nearest first."""
    for horizon, own in rows.groupby("horizon_weeks", sort=True):
        yield int(str(horizon)), own
