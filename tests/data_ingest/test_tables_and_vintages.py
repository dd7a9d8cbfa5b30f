"""Clean tables over several drops: vintages, which drop wins, drift, and storage."""

from __future__ import annotations

import csv
from copy import deepcopy
from datetime import date

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.desk import Desk, put, write_csv
from support.drops import context_with, table_drop

from pipelines.contracts import Level
from pipelines.data import drift
from pipelines.data.drop_info import DropInfo
from pipelines.data.months import month_end, month_label
from pipelines.data.sources.dane import DEPARTMENTS, DaneCodes
from pipelines.data.sources.satellitebench_columns import meant_name, read_column
from pipelines.data.suite import Rule, Suite, between
from pipelines.data.tables import Tables, latest_cases, newest_week_no
from pipelines.data.validate import validate_all
from pipelines.errors import StoreError
from pipelines.storage import manifest_of
from pipelines.weeks import CDC

FIRST, LATER = date(2018, 12, 4), date(2019, 1, 2)
LATER_INFO = DropInfo(received_date=LATER, scene_period="month", climate_latency_days=10)
W48 = CDC.week_no("2018-w48")


def longer(*more):
    """Four more weeks, and further changes."""

    def spoil(rows):
        for i, row in enumerate(rows):
            row += (
                [f"2018/w{w}" for w in range(49, 53)]
                if i == 0
                else [str((i + w) % 7) for w in range(47, 51)]
            )
        for change in more:
            change(rows)

    return spoil


@pytest.fixture(scope="module")
def validated_once(tmp_path_factory):
    """A first drop, and a later one with four new weeks, a revised count and a new scene."""
    desk = Desk(tmp_path_factory.mktemp("two_drops"))
    desk.scene("5001", "2018-10-01")
    desk.scene("5001", "2018-11-01")
    desk.drop()
    (desk.images / "5001" / "image_2018-11-01.tiff").unlink()
    desk.scene("5001", "2018-12-01", np.full((12, 8, 8), 9, np.uint8))
    desk.drop(
        longer(
            put(2, "2018/w10", "15"),
            put(3, "2018/w10", "x"),
            put(4, "2018/w10", ""),
            put(3, "Municipality", "Renamed"),
        ),
        LATER_INFO,
    )
    return desk.validate()


@pytest.fixture
def two_drops(validated_once):
    """What was found of them; a copy, so that no test sees what another one does to its tables."""
    return deepcopy(validated_once)


def test_a_later_drop_adds_only_what_is_new_or_revised(two_drops):
    later = two_drops.tables.cases.query("received_date == @LATER")
    assert len(later) == 41 and set(later["week_no"]) == {
        CDC.week_no("2018-w10"),
        *range(W48 + 1, W48 + 5),
    }
    both = two_drops.tables.cases.query(
        "unit_id == '05001' and week_no == @CDC.week_no('2018-w10')"
    )
    assert both[["cases", "received_date"]].to_numpy().tolist() == [[2.0, FIRST], [15.0, LATER]]


def test_the_newest_vintage_wins_and_older_ones_can_be_asked_for(two_drops):
    def count(known_on):
        cases = latest_cases(two_drops.tables, known_on).set_index(["unit_id", "week_no"])["cases"]
        return cases.loc[("05001", CDC.week_no("2018-w10"))], cases.index.get_level_values(1).max()

    assert count(None) == (15.0, W48 + 4)
    assert count(FIRST) == (2.0, W48)


def test_a_refused_or_withdrawn_count_never_hides_an_earlier_good_one(two_drops):
    cases = latest_cases(two_drops.tables).set_index(["unit_id", "week_no"])["cases"]
    assert cases.loc[("05360", CDC.week_no("2018-w10"))] == 3
    assert cases.loc[("08001", CDC.week_no("2018-w10"))] == 4
    codes = {i.code: i for i in two_drops.issues}
    assert codes["value-withdrawn"].level is Level.WARNING
    assert (
        codes["value-withdrawn"].place == "2019-01-02/metadata.csv row 4, column '2018/w10' (08001)"
    )
    assert codes["text-in-number"].place.startswith("2019-01-02/metadata.csv row 3")


def test_revised_counts_are_listed(two_drops):
    assert two_drops.revised.to_dict("records") == [
        {
            "unit_id": "05001",
            "week_no": CDC.week_no("2018-w10"),
            "cases_before": 2.0,
            "cases": 15.0,
            "received_date": LATER,
        }
    ]
    issue = next(i for i in two_drops.issues if i.code == "revised-counts")
    assert (
        issue.level is Level.INFO and "05001 2018-w10: 2 -> 15" in issue.message and issue.rows == 1
    )


def test_scenes_are_the_union_and_repeats_count_from_their_first_appearance(two_drops):
    scenes = two_drops.tables.scenes.set_index("scene_date")
    assert list(scenes.index) == [date(2018, 10, 1), date(2018, 11, 1), date(2018, 12, 1)]
    assert scenes["available_date"].tolist() == [
        date(2018, 10, 31),
        date(2018, 11, 30),
        date(2018, 12, 31),
    ]
    assert scenes["first_seen_available_date"].tolist() == [date(2018, 10, 31)] * 2 + [
        date(2018, 12, 31)
    ]
    assert scenes.loc[date(2018, 10, 1), "uri"].startswith("drops/2019-01-02/")
    assert scenes.loc[date(2018, 11, 1), "uri"].startswith("drops/2018-12-04/")
    assert scenes["quality"].tolist() == ["ok", "ok", "blank"] and not scenes["synthetic"].any()


def test_climate_keeps_the_latency_of_the_drop_that_first_had_the_month(two_drops):
    november = two_drops.tables.climate.query("unit_id == '05001' and month == 11").iloc[0]
    assert november["available_date"] == date(2018, 11, 30)


def test_names_and_demographics_come_from_the_newest_drop(two_drops):
    units = two_drops.tables.units.set_index("unit_id")
    assert units.loc["05360", "name"] == "Renamed"
    assert units.loc["05001", ["population_2018", "men_pct"]].tolist() == [1001, 1.5]


def test_tables_survive_storage_and_equal_tables_are_equal_bytes(two_drops, tmp_path):
    folder = two_drops.tables.save(tmp_path / "a")
    loaded = Tables.load(folder)
    for name in ("cases", "climate", "units", "scenes"):
        pd.testing.assert_frame_equal(
            getattr(loaded, name), getattr(two_drops.tables, name), check_dtype=False
        )
    loaded.save(tmp_path / "b")
    assert manifest_of(folder) == manifest_of(tmp_path / "b")


def test_an_absent_or_damaged_table_is_named(tmp_path):
    Tables.empty().save(tmp_path)
    (tmp_path / "climate.parquet").write_bytes(b"PAR1 no")
    with pytest.raises(StoreError, match=r"damaged.*climate.parquet"):
        Tables.load(tmp_path)
    (tmp_path / "climate.parquet").unlink()
    with pytest.raises(StoreError, match=r"absent.*climate.parquet"):
        Tables.load(tmp_path)


def test_the_newest_week_is_one_that_most_report(two_drops):
    assert newest_week_no(two_drops.tables) == W48 + 4
    thin = two_drops.tables.cases.copy()
    thin.loc[(thin["week_no"] == W48 + 4) & (thin["unit_id"] > "08"), "cases"] = np.nan
    assert (
        newest_week_no(
            Tables(thin, *(getattr(two_drops.tables, n) for n in ("climate", "units", "scenes")))
        )
        == W48 + 3
    )
    assert newest_week_no(Tables.empty()) is None


def test_a_rewritten_past_is_drift(desk):
    desk.drop()
    accepted = desk.validate().tables

    def rewrite(rows):
        for row in rows[1:]:
            for name in ("2018/w01", "2018/w02"):
                row[rows[0].index(name)] = "9"
        del rows[-1]

    desk.drop(longer(rewrite), LATER_INFO)
    result = desk.validate(accepted)
    found = {i.code: i for i in result.issues}
    assert found["past-counts-changed"].rows == 18
    assert "18 of 480 counts" in found["past-counts-changed"].message
    assert "76001" in found["municipalities-gone"].message
    assert found["municipalities-gone"].place == "2019-01-02/metadata.csv"


def test_a_run_may_be_kept_from_knowing_later_drops(desk):
    desk.drop()
    desk.drop(longer(), LATER_INFO)
    result = validate_all(
        desk.drops, context_with(desk.config), None, None, desk.cache, only={"2018-12-04"}
    )
    assert newest_week_no(result.tables) == W48
    assert {i.place[:10] for i in result.issues if "20" in i.place} <= {"2018-12-04"}


def test_an_unchanged_second_look_finds_no_drift(desk):
    desk.drop()
    first = desk.validate()
    again = desk.validate(first.tables)
    assert again.issues == first.issues
    pd.testing.assert_frame_equal(again.tables.cases, first.tables.cases)


def test_a_check_that_cannot_be_made_is_critical_not_passed():
    suite = Suite()
    rule = Rule(between("absent", 0, 1), "some-check", Level.WARNING, "m", "f")
    assert suite.run("frame", pd.DataFrame({"there": [1.0]}), (rule,)) == []
    (issue,) = suite.broken
    assert (issue.level, issue.code) == (
        Level.CRITICAL,
        "check-failed",
    ) and "some-check" in issue.message


@given(st.sets(st.integers(0, 60), min_size=1))
def test_runs_cover_exactly_the_weeks_given(weeks):
    when = np.array(sorted(weeks)) + W48
    rows = drift.runs(pd.DataFrame({"when": when, "period": [CDC.week_label(w) for w in when]}))
    spans = [p.split("..") for p in rows["period"]]
    covered = [w for s in spans for w in range(CDC.week_no(s[0]), CDC.week_no(s[-1]) + 1)]
    assert covered == when.tolist() and rows["n_rows"].sum() == len(weeks)


@given(st.sampled_from(sorted(DEPARTMENTS)), st.integers(1, 999))
def test_every_dane_code_is_read_with_and_without_its_leading_zero(department, town):
    code = f"{department}{town:03d}"
    assert (
        DaneCodes().normalise(code)
        == DaneCodes().normalise(str(int(code)))
        == DaneCodes().normalise(f" {int(code)}.0 ")
        == code
    )


@given(st.text(max_size=8))
def test_any_other_text_is_no_code_or_five_digits(text):
    found = DaneCodes().normalise(text)
    assert found is None or (len(found) == 5 and found[:2] in DEPARTMENTS)


def test_column_names_are_read_with_their_time():
    week, rain = read_column("2018/w48"), read_column("PRECIPITATION_feb_08")
    assert week and (week.kind, week.when) == ("week", W48)
    assert rain and (rain.kind, month_label(rain.when), month_end(rain.when)) == (
        "rain",
        "2008-02",
        date(2008, 2, 29),
    )
    assert read_column("2018/w53") is None and read_column("2018/w00") is None
    assert read_column("2014/w53") is not None


def test_a_name_that_means_nothing_known_is_not_guessed_at():
    assert meant_name("Region", ["Municipality code", "Men(%)"]) is None


def test_the_package_table_is_accepted_with_its_known_defects_as_warnings(desk, real_table):

    info = DropInfo(received_date=FIRST, scene_period="month")
    table_drop(real_table, None, desk.drops, info, until="2018-w48")
    result = validate_all(desk.drops, context_with(desk.config), None, None, desk.cache)
    assert {(i.level.value, i.code, i.place, i.period, i.rows) for i in result.issues} == {
        ("warning", "high-rainfall", "2018-12-04/metadata.csv", "2007-07..2017-08", 184),
        ("warning", "no-population", "2018-12-04/metadata.csv", "2007", 3),
        ("warning", "week-53-absent", "", "2008-w53..2014-w53", 2),
        ("warning", "no-climate", "47570", "2007-01..2018-11", 1),
        ("warning", "far-above-maximum", "2018-12-04", "", 1),  # of its history: told, not held
    }
    tables = result.tables
    assert not tables.doubts["held"].any()
    assert (len(tables.units), tables.cases["week_no"].nunique()) == (1121, 620)
    assert not tables.cases["cases"].isna().any()
    assert newest_week_no(tables) == W48
    year = tables.cases[
        tables.cases["week_no"].between(CDC.week_no("2016-w01"), CDC.week_no("2016-w52"))
    ]
    assert year.query("unit_id == '05001'")["cases"].sum() == 17306
    assert tables.climate["temp_mean_c"].isna().sum() == 143


@pytest.mark.real_data
@pytest.mark.parametrize("one_in", [25, pytest.param(1, marks=pytest.mark.slow)])
def test_the_real_table_with_real_scenes_is_accepted(desk, real_data, one_in):
    """With one municipality in 25, Medellín among them, and with all of them."""
    with (real_data / "satellitebench" / "metadata.csv").open(encoding="utf-8", newline="") as file:
        header, *rows = csv.reader(file)
    code = header.index("Municipality code")
    chosen = [row for i, row in enumerate(rows) if i % one_in == 0 or row[code] == "5001"]
    table = write_csv(desk.home / "incoming" / "metadata.csv", [header, *chosen])
    info = DropInfo(received_date=FIRST, scene_period="month")
    table_drop(table, real_data / "medellin-landsat" / "images", desk.drops, info, until="2018-w48")
    result = validate_all(desk.drops, context_with(desk.config), None, None, desk.cache)
    scenes = result.tables.scenes
    assert not result.critical and set(scenes["unit_id"]) == {"05001"}
    assert scenes["quality"].value_counts().to_dict() == {"ok": 64, "saturated": 4}
    cloudy = next(i for i in result.issues if i.code == "saturated-scenes")
    assert cloudy.rows == 4 and cloudy.message.startswith("4 of 68 scenes")
