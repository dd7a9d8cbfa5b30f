"""Field cases 05, 06, 11, 12, 16 and 17: the wide sheet of other countries, years and calendars."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from support.adapter_kit import read_file, refusals, stopped, the, weekly
from support.ministry import Ministry
from support.ministry import the as the_issue

from pipelines.codes import TextCodes
from pipelines.config import load_profile
from pipelines.contracts import Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.labels import compute_thresholds
from pipelines.data.sources import context_of
from pipelines.data.sources.satellitebench import bring, read_raw
from pipelines.errors import DropError
from pipelines.weeks import CDC, ISO

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def cases(real_data: Path) -> Path:
    return real_data / "field-cases"


def counts(path: Path, pattern: str = r"\d{4}/w\d{2}", code: str = "Municipality code"):
    """(unit, label) -> count, with pandas alone."""
    table = pd.read_csv(path, dtype=str, keep_default_na=False).set_index(code)
    weeks = table.filter(regex=f"^{pattern}$")
    return {
        (u, f"{c[:4]}-w{c[-2:]}"): (None if v in ("", "NA") else float(v))
        for u, row in weeks.iterrows()
        for c, v in row.items()
    }


def satellitebench(path: Path, tmp_path: Path) -> Drop:
    """A drop in today's layout, as the sample's profile brings it."""
    info = DropInfo(received_date=date(2018, 12, 11), scene_period="week")
    folder = tmp_path / "2018-12-11"
    folder.mkdir()
    bring([path], folder, info, None, CONTEXT)
    return Drop(folder, info)


CONTEXT = context_of(load_profile("sample"))


def test_05_what_r_writes_for_missing_is_missing(cases, tmp_path):
    path = cases / "05-R-export-NA" / "drop2.csv"
    expected = counts(path)
    assert [n for n in expected.values()].count(None) == 2
    assert weekly(read_file(path, adapter="wide")) == expected
    cells = read_raw(satellitebench(path, tmp_path), CONTEXT).cells
    weeks = cells[cells["kind"] == "week"]
    newest = weeks[weeks["when"] == weeks["when"].max()]
    assert newest["value"].isna().sum() == 2


NEW = "23682"


def in_pool(tables) -> dict[str, bool]:
    """Unit -> whether it is trained on and forecast, by the sample's label rule."""
    profile = load_profile("sample")
    found = compute_thresholds(tables, profile.labels, profile.calendar, CDC.week_no("2018-w48"))
    return found.groupby("unit_id")["in_pool"].any().to_dict()


@pytest.mark.parametrize("history", [True, False])
def test_06_a_new_municipality_is_taken_and_forecast_once_its_reference_is_full(
    cases, tmp_path, history
):
    case, wide = cases / "06-new-municipality", {"adapter": "wide", "file": "metadata.csv"}
    ministry = Ministry(tmp_path, wide, codes=CONTEXT.codes)
    ministry.bring("2018-12-04", metadata_csv=(case / "drop1.csv").read_bytes())
    accepted = ministry.validate().tables
    second = pd.read_csv(case / "drop2.csv", dtype=str, keep_default_na=False)
    if not history:  # it was founded in 2018
        second.loc[second["Municipality code"] == NEW, second.columns.str.match("201[567]/")] = ""
    ministry.bring("2018-12-11", metadata_csv=second.to_csv(index=False))
    result = ministry.validate(accepted)
    found = the_issue(result.issues, "new-unit")
    assert found.level is Level.WARNING and NEW in found.place and not result.critical
    assert "it is taken, and forecast once its reference is full" in found.message
    assert "nothing to do if it is new" in found.fix and result.quarantine.empty
    newest = result.tables.cases.query("unit_id == @NEW and week_no == @CDC.week_no('2018-w48')")
    assert newest["cases"].tolist() == [78]
    pool = in_pool(result.tables)
    assert pool.pop(NEW) is history and set(pool) == set(in_pool(accepted))


def test_06_todays_layout_takes_it_as_well_and_a_second_edition_of_the_day(cases, tmp_path):
    case = cases / "06-new-municipality"
    ministry = Ministry(tmp_path, codes=CONTEXT.codes, source="satellitebench")
    ministry.bring("2018-12-04", metadata_csv=(case / "drop1.csv").read_bytes())
    accepted = ministry.validate().tables
    ministry.bring("2018-12-04", edition=2, metadata_csv=(case / "drop2.csv").read_bytes())
    result = ministry.validate(accepted)
    assert "it is taken" in the_issue(result.issues, "new-unit").message
    assert the_issue(result.issues, "new-unit").place.startswith("2018-12-04.2/metadata.csv row 7")
    assert NEW in set(result.tables.units["unit_id"])


def test_11_iso_weeks_are_named_and_read_where_they_are_declared(cases, tmp_path):
    path = cases / "11-iso-weeks" / "drop.csv"
    found = stopped(read_file(path, adapter="wide"), "other-numbering")
    assert (
        "this table counts ISO weeks" in found.message and "place.week.numbering: iso" in found.fix
    )
    assert weekly(read_file(path, adapter="wide", calendar=ISO), ISO) == counts(path)


def test_11_todays_layout_names_iso_weeks_as_well(cases, tmp_path):
    raw = read_raw(satellitebench(cases / "11-iso-weeks" / "drop.csv", tmp_path), CONTEXT)
    found = next(i for i in raw.issues if i.code == "other-numbering")
    assert "ISO weeks" in found.message and "2015" in found.message and not raw.usable
    assert "place.week.numbering: iso" in found.fix


def test_12_until_is_obeyed_or_refused(cases, tmp_path):
    path = cases / "12-until-ignored-for-other-sources" / "drop.csv"
    reading = read_file(path, adapter="wide", columns={"unit": "Codigo DANE"}, until="2018-w40")
    expected = counts(path, r"\d{4}-SE\d{2}", "Codigo DANE")
    assert weekly(reading) == {k: v for k, v in expected.items() if k[1] <= "2018-w40"}
    info = DropInfo(received_date=date(2018, 12, 11), scene_period="week")
    with pytest.raises(DropError, match="2018-w40") as err:
        bring([path], tmp_path, info, "2018-w40", CONTEXT)
    assert "adapter: wide" in err.value.fix


def test_16_codes_of_other_countries_are_declared(cases):
    path = cases / "16-other-country-codes" / "drop.csv"
    reading = read_file(path, adapter="wide", codes=TextCodes("IBGE code", "[0-9]{7}"))
    assert weekly(reading) == counts(path) and refusals(reading) == []
    assert {len(u) for u in reading.units["unit_id"]} == {7}
    assert the(
        read_file(path, adapter="wide", codes=TextCodes("IBGE code", "[0-9]{6}")), "nothing-read"
    )


def test_17_a_history_from_2018_to_2026_is_read_whole(cases):
    path = cases / "17-no-counts-of-2016-2017" / "drop.csv"
    got = weekly(read_file(path, adapter="wide", received=date(2026, 11, 23)))
    assert got == counts(path) and (min(w for _, w in got), max(w for _, w in got)) == (
        "2018-w01",
        "2026-w46",
    )
    assert CDC.has(2020, 53) and ("5001", "2020-w53") in got


def test_a_drop_without_surprises_is_read_by_todays_layout_as_before(cases, tmp_path):
    raw = read_raw(satellitebench(cases / "05-R-export-NA" / "drop1.csv", tmp_path), CONTEXT)
    assert raw.usable and len(raw.units) == 5
