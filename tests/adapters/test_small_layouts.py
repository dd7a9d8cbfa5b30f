"""DHIS2's week types, TabNet, OpenDengue's filters, wide tables and series of climate."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from support.adapter_kit import read, refusals, stopped, the, weekly

from pipelines.contracts import Level
from pipelines.weeks import CDC, ISO, Calendar

TABNET = (
    '"Casos de Dengue por Munic residencia e Semana epid"\n'
    "Período: 2018\n"
    '"Município de residência";"Semana 01";"Semana 02";"Semana 53";"Total"\n'
    '"330010 ANGRA DOS REIS";3;-;1;4\n'
    '"330455 RIO DE JANEIRO";1200;7;-;1207\n'
    '"330000 Município ignorado - RJ";1;-;-;1\n'
    '"Total";1204;7;1;1212\n'
    '"Fonte: Ministério da Saúde/SVSA"\n'
    "Notas: dados sujeitos a revisão\n"
)


@pytest.mark.parametrize("encoding", ["utf-8", "latin-1"])
def test_tabnet_with_titles_notes_dashes_and_a_false_week_53(tmp_path, encoding):
    reading = read(tmp_path, TABNET.encode(encoding), adapter="tabnet")
    assert weekly(reading) == {
        ("330010", "2018-w01"): 3.0,
        ("330010", "2018-w02"): 0.0,
        ("330455", "2018-w01"): 1200.0,
        ("330455", "2018-w02"): 7.0,
    }
    assert reading.units["name"].tolist() == ["ANGRA DOS REIS", "RIO DE JANEIRO"]
    false_week = the(reading, "no-such-week")
    assert false_week.level is Level.ERROR and "counts of 1 units" in false_week.message
    assert the(reading, "no-municipality").rows == 2 and the(reading, "notes-below-table").rows == 2


def test_tabnet_without_its_year_asks_for_it(tmp_path):
    content = TABNET.replace("Período: 2018\n", "")
    assert (
        "options: {year: 2018}"
        in stopped(read(tmp_path, content, adapter="tabnet"), "missing-year").fix
    )
    assert ("330010", "2019-w01") in weekly(
        read(tmp_path, content, adapter="tabnet", options={"year": 2019})
    )


@pytest.mark.parametrize(
    ("mark", "starts"),
    [
        ("", "monday"),
        ("Wed", "wednesday"),
        ("Thu", "thursday"),
        ("Sat", "saturday"),
        ("Sun", "sunday"),
    ],
)
def test_dhis2s_week_types_are_their_own_calendars(tmp_path, mark, starts):
    calendar = Calendar(starts)
    content = f"time_period,location,disease_cases\n2024{mark}W5,u,3\n"
    assert weekly(read(tmp_path, content, adapter="dhis2", calendar=calendar), calendar) == {
        ("u", "2024-w05"): 3.0
    }
    other = CDC if starts != "sunday" else ISO
    found = stopped(read(tmp_path, content, adapter="dhis2", calendar=other), "other-weeks")
    assert f"2024{mark}W5" in found.message and "place.week" in found.fix


def analytics(*rows: list[str], **more: object) -> str:
    headers = [{"name": n} for n in ("dx", "ou", "pe", "value")]
    return json.dumps({"headers": headers, "rows": list(rows), **more})


def test_dhis2_with_several_data_elements_must_be_told_which_counts_cases(tmp_path):
    items = {"items": {"cases0001": {"name": "Dengue cases"}, "OU1": {"name": "North"}}}
    content = analytics(
        ["cases0001", "OU1", "2024W5", "3.0"],
        ["people001", "OU1", "2024", "1000.0"],
        metaData=items,
    )
    found = stopped(read(tmp_path, content, adapter="dhis2", calendar=ISO), "unclear-columns")
    assert "cases0001 (Dengue cases)" in found.message
    reading = read(
        tmp_path,
        content,
        adapter="dhis2",
        calendar=ISO,
        columns={"cases": "cases0001", "population": "people001"},
    )
    assert weekly(reading, ISO) == {("OU1", "2024-w05"): 3.0} and refusals(reading) == []
    assert reading.units["name"].tolist() == ["North"]
    assert reading.cells.loc[
        reading.cells["kind"] == "population", ["clean", "value"]
    ].values.tolist() == [["population_2024", "1000"]]


@pytest.mark.parametrize(
    ("content", "says"),
    [
        ('{"httpStatus":"Conflict","message":"User not allowed"}', "User not allowed"),
        ('{"headers": [', "cut or damaged"),
        (analytics(), "no row"),
    ],
)
def test_dhis2s_errors_are_told(tmp_path, content, says):
    reading = read(tmp_path, content, adapter="dhis2", calendar=ISO)
    assert says in reading.issues[0].message and reading.issues[0].level is Level.CRITICAL


def test_dhis2s_other_periods_are_refused(tmp_path):
    content = analytics(["c", "u", "2024W5", "3"], ["c", "u", "202401", "9"])
    reading = read(tmp_path, content, adapter="dhis2", calendar=ISO)
    assert refusals(reading) == [(3, "not-a-week")] and weekly(reading, ISO) == {
        ("u", "2024-w05"): 3.0
    }


OPENDENGUE = (
    "full_name,calendar_start_date,calendar_end_date,dengue_total,S_res,T_res\n"
    "PERU,2018-01-07,2018-01-13,9,Admin0,Week\n"
    "PERU A,2018-01-07,2018-01-13,NA,Admin1,Week\n"
    "PERU A,2018-01-01,2018-01-31,40,Admin1,Month\n"
)


def test_opendengue_counts_no_case_twice(tmp_path):
    found = stopped(read(tmp_path, OPENDENGUE, adapter="opendengue"), "counted-twice")
    assert "Admin0, Admin1" in found.message and "keep: {S_res:" in found.fix
    reading = read(tmp_path, OPENDENGUE, adapter="opendengue", keep={"S_res": ("Admin1",)})
    assert weekly(reading) == {("PERU A", "2018-w02"): None} and refusals(reading) == []
    assert "T_res is not Week" in the(reading, "left-out-by-rule").message


def test_infodengue_with_geocodes_in_a_column(tmp_path):
    content = (
        "data_iniSE,SE,casos,municipio_geocodigo,municipio_nome\n"
        "2018-01-14,201803,5,3304557,Rio\n2018-01-07,201802,4,3304557,Rio\n"
    )
    reading = read(tmp_path, content, adapter="infodengue")
    assert weekly(reading) == {("3304557", "2018-w03"): 5.0, ("3304557", "2018-w02"): 4.0}
    assert reading.units["name"].tolist() == ["Rio"]


@pytest.mark.parametrize("name", ["2018/w05", "2018-SE05", "2018w05", "201805", "2018-W05"])
def test_wide_tables_of_any_country(tmp_path, name):
    content = (
        f"code,name,{name},2018/w06,Population2018,TEMPERATURE_jan_18\nX-1,North,3,,5000,25.5\n"
    )
    reading = read(tmp_path, content, adapter="wide")
    assert weekly(reading) == {("X-1", "2018-w05"): 3.0, ("X-1", "2018-w06"): None}
    assert reading.units[["unit_id", "name"]].values.tolist() == [["X-1", "North"]]
    assert sorted(reading.cells["kind"]) == ["population", "temp", "week", "week"]


def test_totals_of_a_wide_table_are_no_unit_and_no_week(tmp_path):
    content = "district,2018/w05,2018/w06,Total\nA,1,2,3\nB,0,4,4\nTotal,1,6,7\n"
    reading = read(tmp_path, content, adapter="wide", leave_out={"district": ("Total",)})
    assert {unit for unit, _ in weekly(reading)} == set(reading.units["unit_id"]) == {"A", "B"}
    assert the(reading, "unknown-column").message.endswith("are not read: 'Total'")
    assert "1 records do not count" in the(reading, "left-out-by-rule").message
    assert (
        "'x'"
        in stopped(
            read(tmp_path, content, adapter="wide", keep={"x": ("1",)}), "missing-column"
        ).message
    )


def test_a_wide_table_with_a_column_twice_stops(tmp_path):
    assert stopped(
        read(tmp_path, "code,2018/w05,2018/w05\nA,1,2\n", adapter="wide"), "duplicate-column"
    )


def daily(first: str, last: str, value: float = 1.0, column: str = "rainfall_mm") -> str:
    rows = [f"A,{d.date()},{value}" for d in pd.date_range(first, last)]
    return "\n".join([f"unit,date,{column}", *rows]) + "\n"


def months(reading) -> dict[tuple[str, str], float]:
    return {
        (k, f"{w // 12}-{w % 12 + 1:02d}"): n
        for k, w, n in zip(
            reading.cells["kind"], reading.cells["when"], reading.cells["number"], strict=True
        )
    }


def test_daily_rain_is_summed_over_whole_months_only(tmp_path):
    reading = read(tmp_path, daily("2018-01-01", "2018-03-30"), adapter="series", table="climate")
    assert months(reading) == {("rain", "2018-01"): 31.0, ("rain", "2018-02"): 28.0}
    assert the(reading, "months-incomplete").rows == 1


def test_a_daily_mean_may_lack_ten_days(tmp_path):
    content = daily("2018-01-01", "2018-01-21", 20.0, "temp_mean_c")
    assert months(read(tmp_path, content, adapter="series")) == {("temp", "2018-01"): 20.0}
    short = daily("2018-01-01", "2018-01-20", 20.0, "temp_mean_c")
    assert months(read(tmp_path, short, adapter="series")) == {}


def test_a_declared_share_scales_a_sum_to_the_whole_month(tmp_path):
    content = daily("2018-01-01", "2018-01-28")
    reading = read(tmp_path, content, adapter="series", options={"min_share": 0.9})
    assert months(reading)["rain", "2018-01"] == pytest.approx(31.0)


def test_weekly_rain_is_shared_between_two_months_by_days(tmp_path):
    rows = [f"A,{d.date()},7" for d in pd.date_range("2017-12-31", periods=10, freq="7D")]
    content = "\n".join(["unit,start,rainfall_mm", *rows]) + "\n"
    assert months(read(tmp_path, content, adapter="series")) == {
        ("rain", "2018-01"): pytest.approx(31.0),
        ("rain", "2018-02"): pytest.approx(28.0),
    }


def test_monthly_values_stand_as_they_are(tmp_path):
    content = "unit,year,month,temp_mean_c,rainfall_mm\nA,2018,1,25.5,100\nA,2018,13,1,1\n"
    reading = read(tmp_path, content, adapter="series")
    assert months(reading) == {("temp", "2018-01"): 25.5, ("rain", "2018-01"): 100.0}
    assert refusals(reading) == [(3, "not-a-month")]


@pytest.mark.parametrize(
    ("transform", "column", "value", "expected"),
    [
        ("kelvin_to_celsius", "temp_mean_c", 298.15, 25.0),
        ("fahrenheit_to_celsius", "temp_mean_c", 77.0, 25.0),
        ("m_to_mm", "rainfall_mm", 0.002, 62.0),
        ("cm_to_mm", "rainfall_mm", 0.2, 62.0),
        ("inches_to_mm", "rainfall_mm", 1.0, 787.4),
        ("flux_to_mm_a_day", "rainfall_mm", 0.0001, 267.84),
    ],
)
def test_named_transforms(tmp_path, transform, column, value, expected):
    content = daily("2018-01-01", "2018-01-31", value, column)
    reading = read(tmp_path, content, adapter="series", transform={column: transform})
    assert list(months(reading).values()) == [pytest.approx(expected)]


def test_an_unknown_transform_stops_with_the_known_ones(tmp_path):
    reading = read(
        tmp_path,
        daily("2018-01-01", "2018-01-31"),
        adapter="series",
        transform={"rainfall_mm": "feet"},
    )
    assert "inches_to_mm" in stopped(reading, "unknown-transform").fix


def test_a_mean_of_rain_is_no_rainfall_of_a_month(tmp_path):
    reading = read(tmp_path, daily("2018-01-01", "2018-01-31"), adapter="series", how="mean")
    assert "daily_mean_to_weekly_sum" in stopped(reading, "wrong-how").fix


def test_a_code_of_a_broken_sensor_is_refused_or_declared(tmp_path):
    content = daily("2018-01-01", "2018-01-31", 20.0, "temp_mean_c").replace(
        "2018-01-05,20.0", "2018-01-05,-"
    )
    assert refusals(read(tmp_path, content, adapter="series")) == [(6, "text-in-number")]
    assert refusals(read(tmp_path, content, adapter="series", missing=("", "-"))) == []


def test_a_month_that_could_not_be_had_yet_is_left_out(tmp_path):
    content = daily("2026-09-01", "2026-10-31")
    assert set(months(read(tmp_path, content, adapter="series", latency_days=20))) == {
        ("rain", "2026-09")
    }
    assert len(months(read(tmp_path, content, adapter="series", latency_days=5))) == 2


def test_one_station_needs_no_column_of_units(tmp_path):
    content = daily("2018-01-01", "2018-01-31").replace("A,", "").replace("unit,", "")
    reading = read(tmp_path, content, adapter="series", options={"unit": "05001"})
    assert (
        reading.units["unit_id"].tolist() == ["05001"] and months(reading)["rain", "2018-01"] == 31
    )


def test_two_values_of_a_day_are_not_used_where_they_differ(tmp_path):
    content = daily("2018-01-01", "2018-01-31", 20.0, "temp_mean_c") + "A,2018-01-05,30\n"
    assert refusals(read(tmp_path, content, adapter="series")) == [
        (6, "conflicting-values"),
        (33, "conflicting-values"),
    ]


def test_a_table_of_units_with_population_by_year_and_covariates(tmp_path):
    content = "code,name,year,pop,piped\nA,North,2018,1000.0,12.5\nA,North,2019,1100,12.5\n"
    columns = {
        "unit": "code",
        "name": "name",
        "year": "year",
        "population": "pop",
        "households_without_water_pct": "piped",
    }
    reading = read(tmp_path, content, table="units", columns=columns)
    cells = reading.cells[["kind", "clean", "value"]].values.tolist()
    assert cells == [
        ["population", "population_2018", "1000"],
        ["population", "population_2019", "1100"],
        ["demographic", "households_without_water_pct", "12.5"],
    ]
    assert refusals(reading) == [] and np.all(reading.cells["unit_row"] == 2)


def test_tabnets_week_53_of_2015_is_no_sign_of_iso_weeks(tmp_path):
    """2015 has 53 ISO weeks; TabNet writes the column in any year."""
    reading = read(tmp_path, TABNET.replace("2018", "2015"), adapter="tabnet")
    assert ("330010", "2015-w01") in weekly(reading) and the(reading, "no-such-week")


@pytest.mark.parametrize("adapter", ["tabnet", "dhis2"])
def test_rules_about_records_are_refused_where_there_are_none(tmp_path, adapter):
    reading = read(
        tmp_path,
        TABNET if adapter == "tabnet" else "code,2018/w05\nA,1\n",
        adapter=adapter,
        keep={"x": ("1",)},
    )
    assert adapter in stopped(reading, "rule-not-used").message


@pytest.mark.parametrize(
    "options", [{"date_si": "end"}, {"date_is": "last"}, {"year": "20x8"}, {"min_share": 2}]
)
@pytest.mark.parametrize("adapter", ["long", "tabnet", "series"])
def test_an_option_that_is_not_known_is_named(tmp_path, adapter, options):
    found = stopped(
        read(tmp_path, "unit,date\nA,1\n", adapter=adapter, options=options), "unknown-option"
    )
    assert next(iter(options)) in found.message and "date_is" in found.fix


def test_a_hubs_vintages_in_one_file_must_be_chosen(tmp_path):
    content = (
        "date,location,observation,as_of\n2018-01-06,1,3,2018-01-09\n2018-01-06,1,4,2018-01-16\n"
    )
    found = stopped(read(tmp_path, content, adapter="hubverse_target"), "counted-twice")
    assert "keep: {as_of: [2018-01-16]}" in found.fix
    reading = read(tmp_path, content, adapter="hubverse_target", keep={"as_of": ("2018-01-16",)})
    assert weekly(reading) == {("1", "2018-w01"): 4.0}
