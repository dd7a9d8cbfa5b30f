"""Columns beyond the built-in ones: figures of units, and series by week or month."""

from __future__ import annotations

from datetime import date
from functools import partial
from pathlib import Path

import numpy as np
import pytest
from support.adapter_kit import read, refusals, stopped, the
from support.ministry import RAIN, TABLE, Ministry

from pipelines.config import load_profile
from pipelines.contracts import Level
from pipelines.data.adapters import Reading
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import make_drop
from pipelines.data.months import month_label
from pipelines.data.sources import source_of
from pipelines.data.validate import validate_all
from pipelines.errors import ConfigError
from pipelines.weeks import CDC

WEEKLY = {"unit": "unit", "year": "year", "week": "week", "cases": "cases", "humidity_pct": "rh"}


def values_of(reading: Reading, kind: str = "weekly") -> dict[tuple[str, str, str], float]:
    """(unit, declared name, week or month) -> value."""
    cells = reading.cells[reading.cells["kind"] == kind]
    label = CDC.week_label if kind == "weekly" else month_label
    return {
        (u, n, label(w)): v
        for u, n, w, v in zip(
            cells["unit_id"], cells["clean"], cells["when"], cells["number"], strict=True
        )
    }


def test_a_column_that_series_names_is_read_by_week(tmp_path: Path) -> None:
    content = "unit,year,week,cases,rh\nA,2018,5,3,80.5\nA,2018,6,4,\nB,2018,5,0,70\n"
    reading = read(tmp_path, content, columns=WEEKLY, series=("humidity_pct",))
    assert values_of(reading) == {
        ("A", "humidity_pct", "2018-w05"): 80.5,
        ("B", "humidity_pct", "2018-w05"): 70,
    }
    assert set(reading.cells["kind"]) == {"week", "weekly"} and refusals(reading) == []


def test_a_column_that_series_does_not_name_is_a_figure_and_said_if_it_changes(
    tmp_path: Path,
) -> None:
    content = "unit,year,week,cases,rh\nA,2018,5,3,80.5\nA,2018,6,4,82\nB,2018,5,0,70\n"
    reading = read(tmp_path, content, columns=WEEKLY)
    figures = reading.cells[reading.cells["kind"] == "demographic"]
    assert figures[["unit_id", "number"]].values.tolist() == [["A", 80.5], ["B", 70.0]]
    found = the(reading, "figure-changes")
    assert found.level is Level.WARNING and "series: [humidity_pct]" in found.fix


def test_days_become_the_mean_of_weeks_of_which_four_are_there(tmp_path: Path) -> None:
    days = [*range(7, 14), *range(14, 17)]  # 2018-w02, and three days of w03
    content = "unit,date,rh\n" + "".join(f"A,2018-01-{d:02d},{d}\n" for d in days)
    columns = {"unit": "unit", "date": "date", "humidity_pct": "rh"}
    reading = read(tmp_path, content, adapter="series", table="climate", columns=columns)
    assert values_of(reading) == {("A", "humidity_pct", "2018-w02"): 10}
    added = read(tmp_path, content, adapter="series", table="climate", columns=columns, how="sum")
    assert values_of(added) == {("A", "humidity_pct", "2018-w02"): 70}


def test_months_stay_months_beside_rain(tmp_path: Path) -> None:
    content = "unit,year,month,rain,index\nA,2018,1,20,0.5\nA,2018,2,30,-0.25\n"
    columns = {
        "unit": "unit",
        "year": "year",
        "month": "month",
        "rainfall_mm": "rain",
        "mosquito_index": "index",
    }
    reading = read(tmp_path, content, adapter="series", table="climate", columns=columns)
    assert values_of(reading, "monthly") == {
        ("A", "mosquito_index", "2018-01"): 0.5,
        ("A", "mosquito_index", "2018-02"): -0.25,
    }
    assert (reading.cells["kind"] == "rain").sum() == 2


def test_a_week_that_could_not_be_had_yet_is_left_out(tmp_path: Path) -> None:
    content = "unit,year,week,rh\nA,2026,44,1\nA,2026,45,2\n"
    columns = {"unit": "unit", "year": "year", "week": "week", "humidity_pct": "rh"}
    how = {"adapter": "series", "table": "climate", "columns": columns}
    assert len(values_of(read(tmp_path, content, **how))) == 2  # received on 2026-11-16
    assert list(values_of(read(tmp_path, content, **how, latency_days=3))) == [
        ("A", "humidity_pct", "2026-w44")
    ]


def test_a_text_in_a_series_is_refused_and_the_count_beside_it_used(tmp_path: Path) -> None:
    content = "unit,year,week,cases,rh\nA,2018,5,3,wet\nA,2018,6,4,80\n"
    reading = read(tmp_path, content, columns=WEEKLY, series=("humidity_pct",))
    assert refusals(reading) == [(2, "text-in-number")]
    assert len(values_of(reading)) == 1 and (reading.cells["kind"] == "week").sum() == 2


def test_a_place_may_have_rain_alone_or_temperature_alone_or_neither(tmp_path: Path) -> None:
    months = "unit,year,month,value\n" + "".join(
        f"{u},2018,{m},20\n" for u in "AB" for m in range(1, 9)
    )
    for name in ("rainfall_mm", "temp_mean_c", "humidity_pct"):
        columns = {"unit": "unit", "year": "year", "month": "month", name: "value"}
        inputs = {
            "file": "climate.csv",
            "table": "climate",
            "adapter": "series",
            "columns": columns,
        }
        home = tmp_path / name
        home.mkdir()
        ministry = Ministry(home, {"file": "cases.csv"}, inputs)
        ministry.drop(ministry.given(cases_csv=TABLE, climate_csv=months))
        result = ministry.validate()
        tables = result.tables
        assert not result.critical and result.quarantine.empty
        assert len(tables.climate) + len(tables.series) == 16
        known = tables.climate[["temp_mean_c", "rainfall_mm"]].notna().sum()
        assert known.tolist() == [16 * (name == "temp_mean_c"), 16 * (name == "rainfall_mm")]


OCEAN = {
    "file": "ocean.csv",
    "table": "climate",
    "adapter": "series",
    "columns": {"year": "year", "month": "month", "ocean_index": "oni"},
    "options": {"every_unit": True},
    "latency_days": 10,
}


def test_a_series_of_the_whole_place_is_given_to_every_unit_with_cases(tmp_path: Path) -> None:
    ministry = Ministry(tmp_path, {"file": "cases.csv"}, OCEAN | {"optional": True})
    ministry.drop(ministry.given(cases_csv=TABLE), day="2018-12-04")
    of_one = TABLE.replace("B,", "C,").replace("A,", "C,")
    newer = ministry.given(
        cases_csv=of_one[: of_one.index("C,2018,21")],
        ocean_csv="year,month,oni\n2018,1,0.7\n2018,2,\n",
    )
    ministry.drop(newer, day="2018-12-11")
    result = ministry.validate()
    series = result.tables.series
    assert series["unit_id"].tolist() == ["A", "B", "C"] and set(series["value"]) == {0.7}
    assert {str(day) for day in series["available_date"]} == {"2018-02-10"}
    assert result.tables.units["unit_id"].tolist() == ["A", "B", "C"]
    messages = [i.message for i in result.issues if i.code == "municipalities-gone"]
    assert len(messages) == 1 and "A, B" in messages[0]  # the index names no unit of its own


def test_every_unit_is_no_answer_for_cases(tmp_path: Path) -> None:
    reading = read(tmp_path, "year,week,cases\n2018,5,3\n", options={"every_unit": True})
    assert "column of the unit" in stopped(reading, "unit-not-told").fix
    named = read(
        tmp_path,
        "unit,year,month,oni\nA,2018,1,3\n",
        **OCEAN | {"file": "cases.csv", "columns": {**OCEAN["columns"], "unit": "unit"}},
    )
    assert stopped(named, "unit-not-told").fix


def test_a_new_unit_is_named_once_beside_a_series_of_the_whole_place(tmp_path: Path) -> None:
    ministry = Ministry(tmp_path, {"file": "cases.csv"}, OCEAN | {"optional": True})
    ocean = "year,month,oni\n2018,1,0.7\n"
    ministry.drop(ministry.given(cases_csv=TABLE, ocean_csv=ocean), day="2018-12-04")
    before = ministry.validate().tables
    more = TABLE + "".join(f"C,2018,{w},3\n" for w in range(1, 41))
    ministry.drop(ministry.given(cases_csv=more, ocean_csv=ocean), day="2018-12-11")
    result = validate_all(ministry.drops, ministry.context, before, None, tmp_path / "c.json")
    assert [i.place.split("/")[1][:9] for i in result.issues if i.code == "new-unit"] == [
        "cases.csv"
    ]
    assert result.tables.series["unit_id"].tolist() == ["A", "B", "C"]


def test_a_figure_that_drops_tell_differently_is_said_and_the_newest_is_used(
    tmp_path: Path,
) -> None:
    people = {
        "file": "people.csv",
        "table": "units",
        "columns": {"unit": "unit", "altitude_m": "alt"},
    }
    ministry = Ministry(tmp_path, {"file": "cases.csv"}, people)
    for day, altitude in (("2018-12-04", 12000), ("2018-12-11", 1200)):
        ministry.drop(
            ministry.given(cases_csv=TABLE, people_csv=f"unit,alt\nA,{altitude}\nB,5\n"), day=day
        )
    result = ministry.validate()
    found = the(result, "figure-changed")
    assert "altitude_m of 1 units" in found.message and "series" in found.fix
    assert result.tables.units["altitude_m"].tolist() == [1200, 5]


def test_latency_of_a_series_is_its_own_and_does_not_delay_rain(tmp_path: Path) -> None:
    ministry = Ministry(tmp_path, {"file": "cases.csv"}, RAIN, OCEAN | {"latency_days": 40})
    months = "unit,year,month,rainfall_mm\n" + "".join(f"A,2018,{m},20\n" for m in range(1, 9))
    ministry.drop(
        ministry.given(cases_csv=TABLE, rain_csv=months, ocean_csv="year,month,oni\n2018,1,0.7\n")
    )
    tables = ministry.validate().tables
    assert str(tables.climate["available_date"].min()) == "2018-02-05"
    assert str(tables.series["available_date"].min()) == "2018-03-12"


def test_a_second_edition_without_climate_and_series_leaves_their_latency(tmp_path: Path) -> None:
    ministry = Ministry(
        tmp_path, {"file": "cases.csv"}, RAIN | {"optional": True}, OCEAN | {"optional": True}
    )
    ocean = "year,month,oni\n2018,1,0.7\n"
    ministry.drop(
        ministry.given(
            cases_csv=TABLE, ocean_csv=ocean, rain_csv="unit,year,month,rainfall_mm\nA,2018,1,20\n"
        )
    )
    again = ministry.given(cases_csv=TABLE.replace("A,2018,1,1", "A,2018,1,2"))
    bring = partial(source_of(ministry.context.config).bring, again, context=ministry.context)
    info = DropInfo(received_date=date(2018, 12, 4), edition=2)
    make_drop(bring, None, ministry.drops, info)
    tables = ministry.validate().tables
    assert {str(day) for day in tables.series["available_date"]} == {"2018-02-10"}
    assert {str(day) for day in tables.climate["available_date"]} == {"2018-02-05"}


def test_a_figure_may_be_below_zero_and_a_share_may_not(tmp_path: Path) -> None:
    people = {
        "file": "people.csv",
        "table": "units",
        "columns": {"unit": "unit", "altitude_m": "alt", "piped_pct": "piped"},
    }
    ministry = Ministry(tmp_path, {"file": "cases.csv"}, people)
    ministry.drop(
        ministry.given(cases_csv=TABLE, people_csv="unit,alt,piped\nA,-3,50\nB,1e99,-1\n")
    )
    result = ministry.validate()
    assert result.tables.units["altitude_m"].tolist()[0] == -3
    assert np.isnan(result.tables.units.loc[1, ["altitude_m", "piped_pct"]].astype(float)).all()


@pytest.mark.parametrize(
    "name",
    [
        "season_sin1",
        "unit_id",
        "label",
        "temp_mean_c_lag1",
        "index_lag1",
        "x_mean_lag00_03",
        "anscombe_x",
        "text",
    ],
)
def test_a_name_that_is_taken_is_refused_with_its_key_and_another_name(
    tmp_path: Path, name: str
) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        f"profile: mine\ndata:\n  inputs:\n  - {{file: cases.csv, columns: {{unit: u, {name}: "
        "x}}\n"
    )
    with pytest.raises(
        ConfigError, match=rf"data\.inputs\.0\.columns.*{name}.*call yours otherwise, such as own_"
    ):
        load_profile(str(profile))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ("table: units", "deliver what changes as"),
        ("table: climate", "nothing is chosen"),
        ("adapter: line_list", "no covariate of this input"),
    ],
)
def test_series_of_another_table_are_refused_with_what_to_do(
    tmp_path: Path, more: str, says: str
) -> None:
    profile = tmp_path / "mine.yaml"
    profile.write_text(
        f"profile: mine\ndata:\n  inputs:\n  - {{file: a.csv, {more}, columns: {{unit: u, rh: "
        "x}, series: [rh]}\n"
    )
    with pytest.raises(ConfigError, match=says):
        load_profile(str(profile))
