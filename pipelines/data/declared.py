"""Covariates beyond contracts.COVARIATES: what a place declares in `data.inputs` under names of its
own.

Shape letters: U units, O origins.

    figure of a unit     altitude_m                        as it is
    weekly series        humidity_pct_lag00                newest known week
                         humidity_pct_mean_lag00_03        mean of it and the three weeks before
    monthly series       ocean_index_lag1 .. _lag3         newest known month, and the two before it
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.availability import Matrices
from pipelines.data.known_series import KnownSeries, partial_mean

_MONTHS, _WEEKS = 3, 4
_SUFFIX = re.compile(r"(?:_lag00|_mean_lag00_03|_lag[1-3])$")


def declared_covariates(
    matrices: Matrices, units: pd.DataFrame, figures: Sequence[str], origins: Int64s
) -> dict[str, Float64s]:
    """Covariate -> (U, O), NaN where missing: figures by name, then series by name.

    Args:
        figures: names that the place declares; those of which no unit ever had a cell stay away.
    """
    table = units.set_index("unit_id").reindex(list(matrices.unit_ids))
    shape = (len(matrices.unit_ids), len(origins))
    out = {
        name: np.broadcast_to(table[name].to_numpy(np.float64)[:, None], shape)
        for name in figures
        if name in table.columns
    }
    for (name, _), series in matrices.series.items():
        out |= _of_series(name, series, origins)
    return out


def _of_series(name: str, series: KnownSeries, origins: Int64s) -> dict[str, Float64s]:
    if series.step == "month":
        lags = series.lags(origins, _MONTHS)
        return {f"{name}_lag{k + 1}": lags[..., k] for k in range(_MONTHS)}
    lags = series.lags(origins, _WEEKS)
    return {f"{name}_lag00": lags[..., 0], f"{name}_mean_lag00_03": partial_mean(lags)}


def of_the_place(names: Iterable[str], declared: Iterable[str]) -> tuple[str, ...]:
    """Those covariates that are built in, or made from one of the declared names."""
    known = {*COVARIATE_NAMES, *declared}
    return tuple(n for n in names if n in known or _SUFFIX.sub("", n) in known)
