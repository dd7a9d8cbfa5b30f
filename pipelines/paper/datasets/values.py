"""Cells of a metadata table as words, numbers and columns of numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s

NOT_REPORTED = "not reported"


def numbers(cells: pd.Series) -> Float64s:
    """(N,) numbers, NaN where a cell is empty or none; "O" is a typed zero, a comma a point."""
    plain = cells.astype(str).str.replace("O", "0").str.replace(",", ".")
    values = pd.to_numeric(plain, errors="coerce").to_numpy(dtype=np.float64)
    return np.where(np.isfinite(values), values, np.nan)


def spelled(value: float, unit: str = "") -> str:
    """A number as a prompt says it: "57 years", "12.5 years", or that it is not reported."""
    return NOT_REPORTED if not np.isfinite(value) else f"{value:g}{unit}"


def worded(cells: pd.Series, words: Mapping[str, str]) -> list[str]:
    """Codes as words by their number or lower-case text; anything else is not reported."""
    plain = cells.astype(str).str.lower().str.removesuffix(".0")
    return [words.get(cell, NOT_REPORTED) for cell in plain]


def given(cells: pd.Series) -> list[str]:
    """Text as it is, or that it is not reported."""
    return [cell or NOT_REPORTED for cell in cells.astype(str)]


def one_hot(cells: Sequence[str], prefix: str) -> pd.DataFrame:
    """(N, distinct values) 0.0 or 1.0, columns "<prefix>_<value>" in sorted order."""
    names = sorted(set(cells))
    values = np.asarray(cells, dtype=object)
    return pd.DataFrame({f"{prefix}_{n}": (values == n).astype(np.float64) for n in names})


def others(cells: pd.Series) -> pd.Series:
    """The column with another of its values in every row; a lone value becomes one never seen."""
    distinct = sorted(cells.unique())
    following = dict(zip(distinct, [*distinct[1:], distinct[0]], strict=True))
    return cells.map(following) if len(distinct) > 1 else cells.map(lambda cell: f"not {cell}")
