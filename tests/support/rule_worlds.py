"""Small tables and a small road: counts that a test knows, and what the pipeline makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import Profile
from pipelines.data.tables import Tables
from pipelines.weeks import CDC, Calendar

RECEIVED = date(2030, 1, 2)
CENSUS = ("households_without_water_pct", "houses_per_km2")


def tables_of(
    series: Mapping[str, Callable[[int], float]],
    first: str = "2012-w01",
    last: str = "2018-w48",
    calendar: Calendar = CDC,
    **columns: Any,
) -> Tables:
    """Units whose cases follow from the week's ordinal; `columns` are further ones of the units."""
    weeks = range(calendar.week_no(first), calendar.week_no(last) + 1)
    rows = [
        (unit, week, float(cases(week)), RECEIVED)
        for unit, cases in series.items()
        for week in weeks
    ]
    units = pd.DataFrame({"unit_id": list(series), "name": list(series), **columns})
    return replace(
        Tables.empty(),
        cases=pd.DataFrame(rows, columns=["unit_id", "week_no", "cases", "received_date"]),
        units=units.assign(**{name: np.nan for name in CENSUS if name not in units}),
    )


def seasonal(size: float, seed: int) -> Callable[[int], float]:
    """Counts with a season and noise that a week always gives again."""

    def cases(week: int) -> float:
        noise = np.random.default_rng([seed, week])
        level = size * (1.0 + np.sin(2 * np.pi * week / 52 + seed)) + 0.3
        return float(noise.poisson(level * noise.gamma(4.0, 0.25)))

    return cases


def season_of(week: int) -> int:
    """1..52, written a second time on purpose."""
    return min(CDC.week_of_year(week), 52)


def profile_of(rule: Mapping[str, Any], **changes: Any) -> Profile:
    """A profile without encoders, by this rule."""
    raw: dict[str, Any] = {
        "profile": "small",
        "data": {"source": "sample"},
        "labels": {"rule": dict(rule), "min_reference_cases": 10},
        "evaluate": {"horizons_weeks": [1, 4], "test_years": {"last": 2}},
    }
    return Profile.model_validate({**raw, **changes})
