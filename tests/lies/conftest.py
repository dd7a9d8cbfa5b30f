"""Deployments of which a champion serves, and the true sheet of the week after."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from e2e.roads import Home
from e2e.tabular import INFO, copied_tabular, tabular, tabular_profile, walk_tabular  # noqa: F401
from lies.kinds import NEWEST, Sheet, week_columns
from support.drops import table_drop

from pipelines.data.drop_info import DropInfo
from pipelines.data.sources.sample import package_table

NEXT = DropInfo(received_date=date(2018, 12, 11), scene_period="month", source_note="test")
_KNOWN_LATER = ("PRECIPITATION_dec_18", "TEMPERATURE_dec_18")


@pytest.fixture(scope="session")
def every_sheet() -> Sheet:
    """All 1,121 municipalities, weeks up to w49."""
    whole = pd.read_csv(str(package_table()), dtype=str, keep_default_na=False)
    later = set(week_columns(whole, "9999/w99")) - set(week_columns(whole, NEWEST))
    return whole.drop(columns=[*later, *_KNOWN_LATER]).replace("", np.nan)


def bring(home: Home, sheet: Sheet) -> None:
    """The drop of 2018-12-11."""
    table = home.path / "week.csv"
    sheet.to_csv(table, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    table_drop(table, None, home.path / "data" / "drops", NEXT)


def rows_of(home: Home, sheet: Sheet) -> Sheet:
    """Of the sheet the municipalities that the deployment's first drop has."""
    first = pd.read_csv(home.path / "data" / "drops" / "2018-12-04" / "metadata.csv", dtype=str)
    return sheet[sheet["Municipality code"].isin(first["Municipality code"])]


@pytest.fixture(scope="session")
def every_unit(tmp_path_factory: pytest.TempPathFactory) -> Home:
    """A deployment of all municipalities after one run. Change nothing in it."""
    home = Home(tmp_path_factory.mktemp("every"))
    tabular_profile(home.path / "tabular.yaml")
    table_drop(
        Path(str(package_table())), None, home.path / "data" / "drops", INFO, until="2018-w48"
    )
    walk_tabular(home, "first")
    return home
