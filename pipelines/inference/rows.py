"""A row in plain fields made into what a model reads.

Covariates and prompt come from the very code that made the training rows.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Float32s, Float64s
from pipelines.config import TextWindow
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.availability import Matrices, known_lag_weeks, month_no
from pipelines.data.covariates import covariate_array
from pipelines.data.prompt_rows import prompt_texts
from pipelines.data.prompts import load_template
from pipelines.data_config import NotesPolicy
from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_notes import asked_notes
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.vectors import VectorInput
from pipelines.weeks import Calendar


def vector_input(
    bundle: Bundle, row: PredictionRow, image: Float32s | None = None, text: Float32s | None = None
) -> VectorInput:
    """Covariates of a row, with its raw encoder vectors.

    Its newest count is that of the origin week less the bundle's reporting delay (at horizon 0, of
    the week before the origin at the latest).

    Raises:
        ConfigError: its climate is not known yet.
    """
    origin = bundle.calendar.week_no(row.origin_week)
    values = covariate_array(
        _matrices(bundle, row), _units(row, bundle.calendar), np.array([origin]), row.horizon_weeks
    )[0, 0]
    covariates = dict(zip(COVARIATE_NAMES, values.tolist(), strict=True))
    return VectorInput(row.municipality_code, covariates, image, text, origin)


def prompt_of(bundle: Bundle, row: PredictionRow) -> str | None:
    """The prompt that the bundle's text encoder was given for such rows.

    None without a name, and outside the bundle's text window, where text is missing by design.

    Raises:
        ConfigError: the bundle was trained with another prompt template than the one installed, or
            a note is of a later week than the origin's or became known after it.
    """
    template = load_template(bundle.meta.language, bundle.prompt_file)
    if template.template_id != bundle.meta.prompt_template_id:
        raise ConfigError(
            "the bundle was trained with another prompt template",
            where=f"template {bundle.meta.prompt_template_id}",
            fix="install the denguard version that trained it, or train again",
        )
    if row.municipality_name is None:
        return None
    origin = np.array([bundle.calendar.week_no(row.origin_week)])
    window = TextWindow.model_validate(_data_recipe(bundle).get("text_window", {}))
    policy = NotesPolicy.model_validate(bundle.meta.recipe.get("notes", {}))
    found = prompt_texts(
        replace(_matrices(bundle, row), notes=asked_notes(row, bundle.calendar)),
        _units(row, bundle.calendar),
        origin,
        row.horizon_weeks,
        window,
        template,
        policy,
    )[0, 0]
    return None if found is None else str(found)


def _data_recipe(bundle: Bundle) -> Mapping[str, Any]:
    data = bundle.meta.recipe.get("data", {})
    return data if isinstance(data, Mapping) else {}


def _matrices(bundle: Bundle, row: PredictionRow) -> Matrices:
    """The row as matrices of one municipality, columns ending in the newest known week and
    month."""
    delay = int(_data_recipe(bundle).get("reporting_delay_weeks", 0))
    origin = bundle.calendar.week_no(row.origin_week)
    newest = origin - known_lag_weeks(row.horizon_weeks, delay)
    cases = _floats(row.recent_cases)[None, :]
    month = _newest_month(row, bundle.calendar)
    climate = np.array(
        [[_nan(m.temp_mean_c), _nan(m.rainfall_mm)] for m in row.climate], dtype=np.float64
    ).reshape(-1, 2)
    return Matrices(
        unit_ids=(row.municipality_code,),
        first_week_no=newest - cases.shape[1] + 1,
        cases=cases,
        first_month_no=month - len(climate) + 1,
        climate={"temp_mean_c": climate[None, :, 0], "rainfall_mm": climate[None, :, 1]},
        climate_known_from=np.full((1, len(climate)), origin, dtype=np.int64),
        delay_weeks=delay,
        calendar=bundle.calendar,
    )


def _newest_month(row: PredictionRow, calendar: Calendar) -> int:
    after = calendar.week_end(calendar.week_no(row.origin_week)) + timedelta(days=1)
    newest_ended = month_no(after.year, after.month) - 1
    if row.climate_month is None:
        return newest_ended
    year, month_of_year = row.climate_month.split("-")
    month = month_no(int(year), int(month_of_year))
    if month > newest_ended:
        raise ConfigError(
            f"climate of {row.climate_month} is not known in {row.origin_week}",
            where=row.municipality_code,
            fix="send months that have ended by the origin week",
        )
    return month


def _units(row: PredictionRow, calendar: Calendar) -> pd.DataFrame:
    year = calendar.epi_year(calendar.week_no(row.origin_week))
    return pd.DataFrame(
        {
            "unit_id": [row.municipality_code],
            "name": [row.municipality_name],
            f"population_{year}": [_nan(row.population)],
            "households_without_water_pct": [_nan(row.households_without_water_pct)],
            "houses_per_km2": [_nan(row.houses_per_km2)],
            # the prompt adds these two up; callers know the sum
            "age_0_4_pct": [0.0],
            "age_5_14_pct": [_nan(row.age_0_14_pct)],
        }
    )


def _floats(values: Sequence[float | None]) -> Float64s:
    return np.array([_nan(v) for v in values], dtype=np.float64)


def _nan(value: float | None) -> float:
    return float("nan") if value is None else float(value)
