"""Days of onset and report are kept as counts by delay, with vintages; no record is."""

from __future__ import annotations

from datetime import date, timedelta

import pandas as pd
from support.ministry import Ministry

from pipelines.data.tables import Tables
from pipelines.weeks import CDC

COLUMNS = {"unit": "place", "onset": "onset", "reported": "reported"}
PEOPLE = {"adapter": "line_list", "file": "cases.csv", "columns": COLUMNS}
MONDAY = date(2018, 1, 1)
HEADER = "place,onset,reported,age\n"


def person(unit: str, week: int, delay: int | None) -> str:
    """A record with its onset on the Monday of a week of 2018, reported so many weeks later.

    A list's newest record is of a week that had not ended: it shows that the one before is whole.
    """
    onset = MONDAY + timedelta(weeks=week - 1)
    reported = "" if delay is None else onset + timedelta(weeks=delay)
    return f"{unit},{onset},{reported},34\n"


def delays(tables: Tables) -> list[tuple[str, str, int, float, str]]:
    return [
        (u, CDC.week_label(w)[5:], d, c, f"{day:%m-%d}")
        for u, w, d, c, day in tables.delays.itertuples(index=False)
    ]


def test_line_lists_leave_counts_by_delay_as_of_each_drop(tmp_path):
    ministry = Ministry(tmp_path, PEOPLE)
    early = person("A", 1, 0) * 2 + person("A", 1, 1) + person("B", 2, 0) + person("B", 3, None)
    ministry.bring("2018-01-22", cases_csv=HEADER + early + person("B", 4, 0))
    late = early.replace(person("A", 1, 1), "") + person("A", 1, 2) + person("A", 4, 0)
    ministry.bring("2018-01-29", cases_csv=HEADER + late + person("B", 5, 0))
    tables = ministry.validate().tables
    assert delays(tables) == [
        ("A", "w01", 0, 2, "01-22"),
        ("A", "w01", 1, 1, "01-22"),
        ("A", "w01", 1, 0, "01-29"),
        ("A", "w01", 2, 1, "01-29"),
        ("A", "w04", 0, 1, "01-29"),
        ("B", "w02", 0, 1, "01-22"),
    ]
    assert tables.cases.query("unit_id == 'B' and cases > 0")["cases"].sum() == 2
    saved = tables.save(tmp_path / "tables")
    again = Tables.load(saved).delays
    assert list(again.columns) == ["unit_id", "week_no", "delay_weeks", "cases", "received_date"]
    pd.testing.assert_frame_equal(again, tables.delays.astype(again.dtypes.to_dict()))


def test_a_list_of_the_newest_weeks_leaves_earlier_delays_as_they_were(tmp_path):
    ministry = Ministry(tmp_path, PEOPLE)
    ministry.bring(
        "2018-01-22", cases_csv=HEADER + person("A", 1, 1) + person("A", 3, 0) + person("A", 4, 0)
    )
    ministry.bring(
        "2018-01-29", cases_csv=HEADER + person("A", 3, 1) + person("A", 4, 0) + person("A", 5, 0)
    )
    assert delays(ministry.validate().tables) == [
        ("A", "w01", 1, 1, "01-22"),
        ("A", "w03", 0, 1, "01-22"),
        ("A", "w03", 0, 0, "01-29"),
        ("A", "w03", 1, 1, "01-29"),
        ("A", "w04", 0, 1, "01-29"),
    ]


def test_tables_without_delays_have_no_file_of_them(tmp_path):
    folder = Tables.empty().save(tmp_path)
    assert sorted(p.stem for p in folder.iterdir()) == ["cases", "climate", "scenes", "units"]
    assert Tables.load(folder).delays.empty
