"""A word in a cell says that what earlier drops told is not known any more; an empty cell says
nothing.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from pydantic import ValidationError
from support.drops import CONTEXT
from support.ministry import Ministry, the

from pipelines.config import DataConfig
from pipelines.contracts import Level
from pipelines.data.tables import latest_cases
from pipelines.data.validation_result import ValidationResult
from pipelines.weeks import CDC

FIRST, SECOND, THIRD, FOURTH = "2018-10-16", "2018-10-23", "2018-10-30", "2018-11-06"
CASES: dict[str, Any] = {"file": "cases.csv"}


def table(*changed: str) -> str:
    """Long counts of two units in ten weeks, with some rows changed: "A,7,withdrawn"."""
    value = {",".join(row.split(",")[:2]): row.split(",")[2] for row in changed}
    rows = [f"{u},2018,{w},{value.get(f'{u},{w}', w)}" for u in "AB" for w in range(1, 11)]
    return "\n".join(["unit,year,week,cases", *rows]) + "\n"


def validated(home: Path, *drops: str, **data: Any) -> ValidationResult:
    ministry = Ministry(home, CASES, **data)
    for day, content in zip((FIRST, SECOND, THIRD, FOURTH), drops, strict=False):
        ministry.bring(day, cases_csv=content)
    return ministry.validate()


def count(
    result: ValidationResult, unit: str = "A", week: int = 7, known_on: str | None = None
) -> float | None:
    day = date.fromisoformat(known_on) if known_on else None
    cases = latest_cases(result.tables, day).set_index(["unit_id", "week_no"])["cases"]
    value = cases[unit, CDC.number(2018, week)]
    return None if pd.isna(value) else float(value)


def codes(result: ValidationResult) -> set[str]:
    return {i.code for i in result.issues}


@pytest.fixture(scope="module")
def result(tmp_path_factory: pytest.TempPathFactory) -> ValidationResult:
    """Four increments: week 7 is taken back, others are left empty, taken back later, or told
    again.
    """
    return validated(
        tmp_path_factory.mktemp("walked"),
        table("A,7,4000", "A,6,withdrawn"),
        table("A,7,Withdrawn ", "A,1,", "A,2,NA", "A,3,-", "A,4,", "A,5,withdrawn", "A,6,"),
        table("A,7,withdrawn", "A,1,", "A,2,NA", "A,3,-", "A,4,withdrawn", "A,6,"),
        table("A,7,", "A,1,", "A,2,NA", "A,3,-", "A,4,", "A,6,"),
    )


def test_a_cell_with_the_word_is_unknown_from_that_drop_on_and_known_before(
    result: ValidationResult,
) -> None:
    assert (count(result), count(result, known_on=FIRST)) == (None, 4000)
    assert count(result, known_on=SECOND) is None
    assert (count(result, "B"), count(result, week=8)) == (7, 8)
    taken_back = result.revised.query("cases_before == 4000")
    assert taken_back["cases"].isna().tolist() == [True]


def test_it_is_told_by_file_and_is_no_text_in_a_number(result: ValidationResult) -> None:
    second, third = (i for i in result.issues if i.code == "unknown-again")
    assert (second.level, second.place, second.rows) == (Level.WARNING, f"{SECOND}/cases.csv", 2)
    assert second.message.startswith("2 weekly counts of 1 units are unknown again")
    assert (third.place, third.rows) == (f"{THIRD}/cases.csv", 1)
    assert result.quarantine["value"].tolist() == ["-"]


@pytest.mark.parametrize("week", [1, 2, 3], ids=["empty", "NA", "dash"])
def test_an_empty_cell_still_takes_nothing_back(result: ValidationResult, week: int) -> None:
    assert count(result, week=week) == week


def test_the_word_counts_though_the_drop_before_it_left_the_cell_empty(
    result: ValidationResult,
) -> None:
    assert (count(result, week=4), count(result, week=4, known_on=SECOND)) == (None, 4)


def test_an_empty_cell_after_the_word_withdraws_nothing_more(result: ValidationResult) -> None:
    places = [i.place for i in result.issues if i.code == "value-withdrawn"]
    assert places and not any(FOURTH in place for place in places)


def test_a_later_number_is_believed_again_even_the_old_one(result: ValidationResult) -> None:
    found = [count(result, week=5, known_on=day) for day in (FIRST, SECOND, THIRD)]
    assert found == [5, None, 5]


def test_where_nothing_was_known_the_word_is_an_empty_cell(result: ValidationResult) -> None:
    assert count(result, week=6) is None
    assert not any(i.place.startswith(FIRST) for i in result.issues if i.code == "unknown-again")


def test_a_full_drop_may_say_it_as_well(tmp_path: Path) -> None:
    result = validated(tmp_path, table("A,7,4000"), table("A,7,withdrawn"), updates="full")
    assert (count(result), count(result, known_on=FIRST)) == (None, 4000)
    assert the(result.issues, "unknown-again").rows == 1 and "withdrawn" not in codes(result)


def test_the_profile_names_words_of_its_own_and_others_are_refused_as_text(tmp_path: Path) -> None:
    result = validated(
        tmp_path, table(), table("A,7,?", "B,7,withdrawn"), unknown_again=("?", "retirado")
    )
    assert (count(result), count(result, "B")) == (None, 7)
    assert the(result.issues, "text-in-number").place.startswith("2018-10-23/cases.csv row ")


@pytest.mark.parametrize("word", ["", " x", "NA", "w7"])
def test_a_word_that_could_mean_something_else_is_refused(word: str) -> None:
    with pytest.raises(ValidationError, match="unknown_again"):
        DataConfig(inputs=(CASES,), unknown_again=(word,))  # type: ignore[arg-type]


def test_a_population_becomes_unknown_as_well(tmp_path: Path) -> None:
    ministry = Ministry(tmp_path, CASES, {"table": "units", "file": "people.csv"})
    for day, value in ((FIRST, "5000"), (SECOND, "withdrawn")):
        people = f"unit,year,population\nA,2018,{value}\nB,2018,900\n"
        ministry.bring(day, cases_csv=table(), people_csv=people)
    units = ministry.validate().tables.units.set_index("unit_id")
    assert units["population_2018"].isna().to_dict() == {"A": True, "B": False}


@pytest.mark.real_data
def test_field_case_03_an_outlier_can_be_taken_back(tmp_path: Path, real_data: Path) -> None:
    case = real_data / "field-cases" / "03-outlier-and-no-way-back"
    ministry = Ministry(tmp_path, source="satellitebench", codes=CONTEXT.codes)
    first, second = (
        pd.read_csv(case / f"drop{n}.csv", dtype=str, keep_default_na=False) for n in (1, 2)
    )
    ministry.bring("2018-12-04", metadata_csv=first.to_csv(index=False))
    ministry.bring("2018-12-11", metadata_csv=second.to_csv(index=False))
    ministry.bring("2018-12-18", metadata_csv=second.replace("4000", "").to_csv(index=False))
    ministry.bring(
        "2018-12-25", metadata_csv=second.replace("4000", "withdrawn").to_csv(index=False)
    )
    result = ministry.validate()
    assert not (latest_cases(result.tables, None)["cases"] == 4000).any()
    for day in (date(2018, 12, 11), date(2018, 12, 18)):  # the empty cell took nothing back
        assert (latest_cases(result.tables, day)["cases"] == 4000).any()
    assert (
        "1 weekly counts of 1 units are unknown again"
        in the(result.issues, "unknown-again").message
    )
