"""Deployments of which a champion serves, and the true sheet of the week after."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.drops import table_drop
from support.homes import Home
from support.lies.kinds import NEWEST, Sheet, week_columns
from support.tabular import INFO, run_tabular, tabular_profile

from pipelines.data.sources.sample import package_table

_KNOWN_LATER = ("PRECIPITATION_dec_18", "TEMPERATURE_dec_18")


@pytest.fixture(scope="session")
def every_sheet() -> Sheet:
    """All 1,121 municipalities, weeks up to w49."""
    whole = pd.read_csv(str(package_table()), dtype=str, keep_default_na=False)
    later = set(week_columns(whole, "9999/w99")) - set(week_columns(whole, NEWEST))
    return whole.drop(columns=[*later, *_KNOWN_LATER]).replace("", np.nan)


@pytest.fixture(scope="session")
def every_unit(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment of all municipalities after one run. Change nothing in it."""
    home = Home(tmp_path_factory.mktemp("every"))
    tabular_profile(home.path / "tabular.yaml")
    table_drop(
        Path(str(package_table())), None, home.path / "data" / "drops", INFO, until="2018-w48"
    )
    run_tabular(home, "first")
    return home
