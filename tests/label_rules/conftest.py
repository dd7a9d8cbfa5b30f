"""The real table read with plain pandas, a walked small road, and the registry of
tests/registry."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from label_rules.worlds import profile_of, seasonal, tables_of
from registry.conftest import three as three
from registry.conftest import three_versions as three_versions

from pipelines.config import Places, Profile
from pipelines.data.samples import build_dataset
from pipelines.data.sources.sample import package_table
from pipelines.data.tables import Tables
from pipelines.features.build import build_features
from pipelines.weeks import CDC


@pytest.fixture(scope="session")
def wide() -> pd.DataFrame:
    """The package's table as it is: one row a municipality, columns as 2018/w48 and
    Population2018."""
    raw = pd.read_csv(package_table(), low_memory=False)
    codes = raw["Municipality code"].astype(str).str.replace(".0", "", regex=False).str.zfill(5)
    return raw.set_index(codes.rename("unit_id"))


@pytest.fixture(scope="session")
def real(wide: pd.DataFrame) -> Tables:
    """The same as clean tables."""
    weeks = {
        name: CDC.week_no(name.replace("/", "-"))
        for name in wide
        if re.fullmatch(r"\d{4}/w\d{2}", name)
    }
    cases = wide[list(weeks)].rename(columns=weeks).rename_axis(columns="week_no").stack()
    people = {c: f"population_{c[-4:]}" for c in wide if re.fullmatch(r"Population\d{4}", c)}
    units = wide[list(people)].rename(columns=people).astype(float).reset_index()
    counts = cases.rename("cases").astype(float).reset_index()
    return replace(
        Tables.empty(),
        cases=counts.assign(received_date=date(2020, 1, 7)),
        units=units.assign(name=units["unit_id"]),
    )


@dataclass(frozen=True)
class Walked:
    """Dataset and features of six small units, and one whose cases ended, by an endemic channel."""

    where: Places
    profile: Profile
    tables: Tables
    dataset: Path
    features: Path


@pytest.fixture(scope="session")
def walked(tmp_path_factory: pytest.TempPathFactory) -> Walked:
    rule = {"kind": "endemic_channel", "years": 3, "half_window_weeks": 1}
    return walk(rule, tmp_path_factory.mktemp("walked"))


def walk(rule: dict[str, Any], home: Path) -> Walked:
    where, profile = Places(home=home), profile_of(rule)
    sizes = (0.4, 2.0, 4.0, 6.0, 9.0, 15.0)
    series = {f"unit-{i}": seasonal(size, i) for i, size in enumerate(sizes)}
    ended, before = CDC.week_no("2015-w01"), seasonal(5.0, 9)
    series["gone"] = lambda week: before(week) if week < ended else 0.0
    tables = tables_of(series)
    dataset = build_dataset(tables, profile, None, [], where.artifacts / "datasets")
    return Walked(where, profile, tables, dataset, build_features(dataset, profile, where))
