"""Small tables and a small place: counts that a test knows, and what the pipeline makes of them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.config import DeploymentPaths, Profile
from pipelines.data.samples import build_dataset
from pipelines.data.tables import Tables
from pipelines.features.build import build_features
from pipelines.weeks import CDC, Calendar
from support.registries import three as three
from support.registries import three_versions as three_versions

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


@dataclass(frozen=True)
class Prepared:
    """Dataset and features of six small units, and one whose cases ended, by an endemic channel."""

    paths: DeploymentPaths
    profile: Profile
    tables: Tables
    dataset: Path
    features: Path


def prepare(rule: dict[str, Any], home: Path) -> Prepared:
    paths, profile = DeploymentPaths(home=home), profile_of(rule)
    sizes = (0.4, 2.0, 4.0, 6.0, 9.0, 15.0)
    series = {f"unit-{i}": seasonal(size, i) for i, size in enumerate(sizes)}
    ended, before = CDC.week_no("2015-w01"), seasonal(5.0, 9)
    series["gone"] = lambda week: before(week) if week < ended else 0.0
    tables = tables_of(series)
    dataset = build_dataset(tables, profile, None, [], paths.artifacts / "datasets")
    return Prepared(paths, profile, tables, dataset, build_features(dataset, profile, paths))
