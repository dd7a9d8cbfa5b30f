"""The real table read with plain pandas, a small place with its features, and the registry of
tests/registry."""

from __future__ import annotations

import pandas as pd
import pytest
from support.municipal import municipal_tables
from support.rule_worlds import Prepared, prepare

from pipelines.data.sources.sample import package_table
from pipelines.data.tables import Tables


@pytest.fixture(scope="session")
def wide() -> pd.DataFrame:
    """The package's table as it is: one row a municipality, columns as 2018/w48 and
    Population2018."""
    raw = pd.read_csv(package_table(), low_memory=False)
    codes = raw["Municipality code"].astype(str).str.replace(".0", "", regex=False).str.zfill(5)
    return raw.set_index(codes.rename("unit_id"))


@pytest.fixture(scope="session")
def real() -> Tables:
    """The same as clean tables."""
    return municipal_tables(package_table())


@pytest.fixture(scope="session")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Prepared:
    rule = {"kind": "endemic_channel", "years": 3, "half_window_weeks": 1}
    return prepare(rule, tmp_path_factory.mktemp("prepared"))
