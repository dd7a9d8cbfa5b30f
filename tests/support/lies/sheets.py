"""The sheet of the week after a deployment's first run, brought as its next drop."""

from __future__ import annotations

import csv
from datetime import date

import pandas as pd
from support.drops import table_drop
from support.homes import Home
from support.lies.kinds import Sheet

from pipelines.data.drop_info import DropInfo

NEXT = DropInfo(received_date=date(2018, 12, 11), scene_period="month", source_note="test")


def bring(home: Home, sheet: Sheet) -> None:
    """The drop of 2018-12-11."""
    table = home.path / "week.csv"
    sheet.to_csv(table, index=False, quoting=csv.QUOTE_MINIMAL, lineterminator="\n")
    table_drop(table, None, home.path / "data" / "drops", NEXT)


def rows_of(home: Home, sheet: Sheet) -> Sheet:
    """Of the sheet the municipalities that the deployment's first drop has."""
    first = pd.read_csv(home.path / "data" / "drops" / "2018-12-04" / "metadata.csv", dtype=str)
    return sheet[sheet["Municipality code"].isin(first["Municipality code"])]
