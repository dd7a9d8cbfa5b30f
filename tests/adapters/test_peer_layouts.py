"""The layouts of peers, field case 01: each file is read to the right cells, or refused by name.

What is right is worked out here from the files with pandas, epiweeks and Python's own ISO calendar.
"""

from __future__ import annotations

import json
from collections import Counter
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from epiweeks import Week
from support.adapter_kit import read_file, refusals, stopped, the, weekly

from pipelines.weeks import CDC, ISO

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def peers(real_data: Path) -> Path:
    return real_data / "field-cases" / "01-layouts-of-peers"


def cdc(day: date) -> str:
    week = Week.fromdate(day)
    return f"{week.year}-w{week.week:02d}"


def iso(day: date) -> str:
    year, week, _ = day.isocalendar()
    return f"{year}-w{week:02d}"


def of(path: Path) -> pd.DataFrame:
    return pd.read_csv(path, dtype=str, keep_default_na=False)


def day(text: str) -> date:
    return date.fromisoformat(text)


def clean(path: Path, **how):
    reading = read_file(path, **how)
    assert refusals(reading) == []
    return reading


def test_chap_cores_table_with_its_weeks_by_days_kelvin_and_metres(peers):
    transform = {"rainfall_mm": "m_to_mm", "temp_mean_c": "kelvin_to_celsius"}
    reading = clean(
        peers / "chapcore_weekly.csv", calendar=ISO, adapter="chapcore", transform=transform
    )
    table = of(peers / "chapcore_weekly.csv")
    expected = {
        (r.location, iso(day(r.time_period[:10]))): float(r.disease_cases)
        for r in table.itertuples()
    }
    got = weekly(reading, ISO)
    assert got == expected and len(got) == 96 and sum(filter(None, got.values())) == 720
    assert got["north", "2018-w01"] == 5 and got["north", "2018-w06"] == 10
    assert set(reading.units["unit_id"]) == {"north", "south"}
    kinds = reading.cells.set_index(["unit_id", "kind", "when"])["number"]
    january = 2018 * 12
    # 1.2 + 1.3 + 1.4 + 1.5 mm in four weeks, and three sevenths of the fifth week's 1.6
    assert kinds["north", "rain", january] == pytest.approx(5.4 + 1.6 * 3 / 7)
    assert kinds["north", "temp", january] == pytest.approx(
        (296 * 7 + 296.1 * 7 + 296.2 * 7 + 296.3 * 7 + 296.4 * 3) / 31 - 273.15
    )
    assert kinds["north", "population", 2018] == 100000


def test_chap_cores_kelvin_is_named_where_it_is_not_declared(peers):
    found = stopped(
        read_file(peers / "chapcore_weekly.csv", calendar=ISO, adapter="chapcore"), "kelvin"
    )
    assert "kelvin_to_celsius" in found.fix


def test_chap_cores_iso_weeks_are_never_read_as_cdc_weeks(peers):
    found = stopped(
        read_file(peers / "chapcore_weekly.csv", calendar=CDC, adapter="chapcore"),
        "other-week-days",
    )
    assert "Monday" in found.message and "{numbering: iso}" in found.fix


@pytest.mark.parametrize("name", ["dhis2_analytics.json", "dhis2_pulled.csv"])
def test_dhis2_as_json_and_as_pulled(peers, name):
    path = peers / name
    reading = clean(path, calendar=ISO, adapter="dhis2")
    if path.suffix == ".json":
        rows = [(ou, pe, v) for _, ou, pe, v in json.loads(path.read_text())["rows"]]
    else:
        rows = of(path)[["location", "time_period", "disease_cases"]].itertuples(index=False)
    expected = {(ou, f"2018-w{int(pe[5:]):02d}"): float(v) if v else None for ou, pe, v in rows}
    assert weekly(reading, ISO) == expected and len(expected) in (96, 48)
    assert expected["OrgUnit0001", "2018-w04"] == 7
    assert (
        "{numbering: iso}"
        in stopped(read_file(path, calendar=CDC, adapter="dhis2"), "other-weeks").fix
    )


def test_a_week_without_a_value_in_the_pulled_table_is_missing(peers):
    got = weekly(clean(peers / "dhis2_pulled.csv", calendar=ISO, adapter="dhis2"), ISO)
    assert got["OrgUnit0001", "2018-w09"] is None and got["OrgUnit0001", "2018-w18"] is None


def test_ewars_with_population_and_weekly_climate(peers):
    reading = clean(peers / "ewars_prospective.csv", adapter="ewars")
    table = of(peers / "ewars_prospective.csv")
    expected = {
        (r.district, f"{r.year}-w{int(r.week):02d}"): None
        if r.weekly_hospitalised_cases == "NA"
        else float(r.weekly_hospitalised_cases)
        for r in table.itertuples()
    }
    assert weekly(reading) == expected and len(expected) == 104
    assert expected["3", "2018-w04"] == 8 and list(expected.values()).count(None) == 8
    got = reading.cells.set_index(["unit_id", "kind", "when"])["number"]
    assert got["3", "temp", 2018 * 12] == pytest.approx(24.1)
    assert got["3", "population", 2018] == 1138000


def test_infodengue_newest_first_with_its_municipality_declared(peers):
    path = peers / "infodengue_alertcity.csv"
    reading = clean(path, adapter="infodengue", options={"unit": "3304557"})
    expected = {
        ("3304557", f"{r.SE[:4]}-w{r.SE[4:]}"): float(r.casos) for r in of(path).itertuples()
    }
    assert weekly(reading) == expected and expected["3304557", "2018-w48"] == 20
    assert reading.cells.loc[reading.cells["kind"] == "population", "value"].tolist() == ["1234567"]
    found = stopped(read_file(path, adapter="infodengue"), "missing-column")
    assert "options: {unit:" in found.fix


def test_opendengue_with_weeks_by_days(peers):
    path = peers / "opendengue_spatial.csv"
    reading = clean(path, adapter="opendengue")
    expected = {
        (r.full_name, cdc(day(r.calendar_start_date))): float(r.dengue_total)
        for r in of(path).itertuples()
    }
    assert weekly(reading) == expected and len(expected) == 48
    assert expected["COLOMBIA, ANTIOQUIA, MEDELLIN", "2018-w01"] == 30
    assert reading.units[["name", "parent"]].values.tolist() == [["MEDELLIN", "ANTIOQUIA"]]


def test_a_hubs_target_data_by_last_days(peers):
    path = peers / "hubverse_target.csv"
    expected = {(r.location, cdc(day(r.date))): float(r.observation) for r in of(path).itertuples()}
    assert weekly(clean(path, adapter="hubverse_target")) == expected
    assert expected["05001", "2018-w01"] == 21 and len(expected) == 48
    assert stopped(read_file(path, calendar=ISO, adapter="hubverse_target"), "other-week-days")


@pytest.mark.parametrize(
    "adapter", ["long", "hubverse_target", "line_list", "series", "opendengue"]
)
def test_a_hubs_submission_is_refused_with_what_reads_target_data(peers, adapter):
    found = stopped(read_file(peers / "hubverse_submission.csv", adapter=adapter), "not-counts")
    assert "forecasts" in found.message and "adapter: hubverse_target" in found.fix


def test_sinans_line_list_without_discarded_cases(peers):
    path = peers / "sinan_linelist.csv"
    reading = clean(path, adapter="line_list", leave_out={"CLASSI_FIN": ("5",)})
    table = of(path)
    valid = table[table["CLASSI_FIN"] != "5"]
    expected = Counter(cdc(day(d)) for d in valid["DT_SIN_PRI"])
    got = {week: n for (_, week), n in weekly(reading).items()}
    assert {w: n for w, n in got.items() if n} == {w: n for w, n in expected.items() if w in got}
    # the newest day of the file is a notification on Friday 2018-11-30, so w47 is the last whole
    # week
    assert (min(got), max(got)) == (cdc(day(table["DT_SIN_PRI"].min())), "2018-w47")
    assert the(reading, "left-out-by-rule").rows == 20
    assert reading.delays is not None and reading.delays["cases"].sum() == sum(got.values())


def test_sinans_discarded_cases_are_not_counted_without_a_word(peers):
    reading = read_file(peers / "sinan_linelist.csv", adapter="line_list")
    assert "leave_out: {CLASSI_FIN: ['5']}" in the(reading, "rule-not-declared").fix


@pytest.mark.parametrize(
    ("name", "adapter"),
    [
        ("chapcore_weekly.csv", "chapcore"),
        ("dhis2_pulled.csv", "dhis2"),
        ("dhis2_analytics.json", "dhis2"),
        ("ewars_prospective.csv", "ewars"),
        ("infodengue_alertcity.csv", "infodengue"),
        ("opendengue_spatial.csv", "opendengue"),
        ("hubverse_target.csv", "hubverse_target"),
        ("sinan_linelist.csv", "line_list"),
        ("hubverse_submission.csv", "hubverse_target"),
    ],
)
def test_a_file_given_to_the_plain_adapter_names_its_own(peers, name, adapter):
    reading = read_file(peers / name)
    assert reading.cells.empty and f"adapter: {adapter}" in reading.issues[-1].fix
