"""The numbers that models read: contracts.COVARIATES, then what the place declares, vectorised over
rows.

Shape letters: U units, O origins, K covariates. Lag 0 is the newest week that is known at the
origin.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.availability import Matrices
from pipelines.data.declared import declared_covariates
from pipelines.data.known_series import partial_mean
from pipelines.weeks import Calendar

LAGS = 52  # weeks of past cases that the covariates look back on
_MEANS = {"lag04_07": slice(4, 8), "lag08_11": slice(8, 12), "lag00_51": slice(0, LAGS)}
_POPULATION = re.compile(r"^population_(\d{4})$")


def covariate_array(
    matrices: Matrices, units: pd.DataFrame, origins: Int64s, horizon_weeks: int
) -> Float64s:
    """(U, O, K) covariates in the order of contracts.COVARIATE_NAMES, NaN where missing."""
    columns = covariates(matrices, units, origins, horizon_weeks)
    return np.stack(list(columns.values()), axis=-1)


def covariates(
    matrices: Matrices,
    units: pd.DataFrame,
    origins: Int64s,
    horizon_weeks: int,
    figures: Sequence[str] = (),
) -> dict[str, Float64s]:
    """Covariate -> (U, O), NaN where missing: contracts.COVARIATES in their order, then the
    place's.

    Args:
        figures: columns of `units` that the place declares; series come with the matrices.
    """
    lags = matrices.lagged_cases(origins, LAGS, horizon_weeks)
    columns = case_covariates(lags)
    columns["log1p_cases_last_year"] = np.log1p(_last_year(matrices, origins, horizon_weeks))
    for name, season in season_covariates(origins + horizon_weeks, matrices.calendar).items():
        columns[name] = np.broadcast_to(season, lags.shape[:2])
    columns |= _climate(matrices, origins)
    columns |= _demographics(units, matrices, origins)
    built_in = {name: columns[name] for name in COVARIATE_NAMES}
    return built_in | declared_covariates(matrices, units, figures, origins)


def case_covariates(lags: Float64s) -> dict[str, Float64s]:
    """Covariates of past cases from (..., LAGS) weekly cases, the newest known week first."""
    out = {f"log1p_cases_lag{k:02d}": np.log1p(lags[..., k]) for k in range(4)}
    for name, weeks in _MEANS.items():
        out[f"log1p_cases_mean_{name}"] = np.log1p(partial_mean(lags[..., weeks]))
    return out


def season_covariates(target_week_no: Int64s, calendar: Calendar) -> dict[str, Float64s]:
    """Two harmonics of the target's epidemiological week over the length of its year (52 or 53)."""
    share = np.array([_year_share(calendar, int(week)) for week in target_week_no.ravel()])
    angle = 2 * np.pi * share.reshape(target_week_no.shape)
    return {
        f"season_{kind}{k}": getattr(np, kind)(k * angle) for k in (1, 2) for kind in ("sin", "cos")
    }


def population(units: pd.DataFrame, unit_ids: tuple[str, ...], years: Int64s) -> Float64s:
    """(U, len(years)) persons: the newest population_<year> column not after each year."""
    table = units.set_index("unit_id").reindex(list(unit_ids))
    columns = sorted((int(m[1]), c) for c in table.columns if (m := _POPULATION.match(str(c))))
    out = np.full((len(unit_ids), len(years)), np.nan)
    for year, name in columns:
        values = table[name].to_numpy(np.float64)[:, None]
        out = np.where((years >= year)[None, :] & np.isfinite(values), values, out)
    return out


def _last_year(matrices: Matrices, origins: Int64s, horizon_weeks: int) -> Float64s:
    """(U, O) mean cases around the target week of one year (52 weeks) before."""
    weeks = (origins + horizon_weeks)[:, None] - np.array([53, 52, 51])
    return partial_mean(matrices.known_cases(weeks, origins[:, None], horizon_weeks))


def _climate(matrices: Matrices, origins: Int64s) -> dict[str, Float64s]:
    temp = matrices.climate_lags("temp_mean_c", origins, 3)
    rain = matrices.climate_lags("rainfall_mm", origins, 3)
    return {f"temp_mean_c_lag{k + 1}": temp[..., k] for k in range(3)} | {
        f"log1p_rainfall_mm_lag{k + 1}": np.log1p(rain[..., k]) for k in range(3)
    }


def _demographics(units: pd.DataFrame, matrices: Matrices, origins: Int64s) -> dict[str, Float64s]:
    table = units.set_index("unit_id").reindex(list(matrices.unit_ids))
    years = np.array([matrices.calendar.epi_year(week) for week in origins], dtype=np.int64)
    persons = population(units, matrices.unit_ids, years)

    def fixed(name: str) -> Float64s:
        if name not in table.columns:  # the place does not deliver it
            return np.full(persons.shape, np.nan)
        values = table[name].to_numpy(np.float64)[:, None]
        return np.broadcast_to(values, persons.shape)

    return {
        "log10_population": np.log10(np.where(persons > 0, persons, np.nan)),
        "households_without_water_pct": fixed("households_without_water_pct"),
        "log1p_houses_per_km2": np.log1p(fixed("houses_per_km2")),
    }


def _year_share(calendar: Calendar, number: int) -> float:
    return calendar.week_of_year(number) / calendar.weeks_in_year(calendar.epi_year(number))
