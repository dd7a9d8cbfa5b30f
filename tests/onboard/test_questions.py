"""Each question has a flag: in a pipe it is refused by the flag's name, with the flag it is
answered.
"""

from __future__ import annotations

import openpyxl
import pytest
from support.onboarding import IN_A_PIPE, RECEIVED, counts, csv, note_of, onboarded

from pipelines.errors import ConfigError, DropError
from pipelines.onboard.answers import RuleAnswers
from pipelines.weeks import CDC, ISO, Calendar

SHORT = ("2022-w01", "2026-w45")


def refused(*paths, **flags) -> str:
    """The words of a question that nobody answers."""
    with pytest.raises(ConfigError) as caught:
        onboarded(*paths, ask=IN_A_PIPE, **flags)
    return str(caught.value)


def test_both_numberings_fit(tmp_path):
    file = csv(tmp_path / "c.csv", counts("2021-w01", "2024-w52"))
    message = refused(file)
    assert "--numbering cdc|iso" in message and "both fit" in message
    with pytest.raises(ConfigError, match="--numbering"):
        onboarded(file)  # --yes has no proposal for it either
    assert onboarded(file, numbering="iso").profile.calendar == ISO


def test_weeks_of_another_first_day(tmp_path):
    wednesday = Calendar("wednesday")
    rows = [
        (u, wednesday.week_start(wednesday.number(y, w)), n)
        for u, y, w, n in counts("2025-w01", "2026-w40")
    ]
    made = onboarded(csv(tmp_path / "c.csv", rows, "district,start,cases"))
    assert made.profile.calendar == wednesday
    assert "starts: wednesday" in made.text


def test_numbering_against_the_tables_own_weeks_is_refused(tmp_path):
    file = csv(tmp_path / "c.csv", counts("2019-w01", "2026-w45", calendar=ISO))
    with pytest.raises(DropError, match="counts ISO weeks"):
        onboarded(file, numbering="cdc")


def test_numbering_that_nobody_has(tmp_path):
    with pytest.raises(ConfigError, match="--numbering cdc or iso"):
        onboarded(csv(tmp_path / "c.csv", counts(*SHORT)), numbering="mayan")


def test_columns_of_which_several_may_be_meant(tmp_path):
    rows = [(u, f"p{u}", y, w, n) for u, y, w, n in counts(*SHORT)]
    file = csv(tmp_path / "c.csv", rows, "district,province,year,week,cases")
    message = refused(file, numbering="cdc")
    assert "--unit" in message and "'district' (3 different)" in message and "'province'" in message
    both = onboarded(file, numbering="cdc", columns={"unit": ["province", "district"]})
    assert both.profile.data.inputs[0].columns["unit"] == ("province", "district")


def test_columns_that_nothing_is_called_like(tmp_path):
    rows = [(u, y, w, n) for u, y, w, n in counts(*SHORT)]
    file = csv(tmp_path / "c.csv", rows, "where,when,wk,how_many")
    assert "--adapter" in refused(file)
    flags = {"adapter": ["long"], "numbering": "cdc", "columns": {"year": ["when"], "week": ["wk"]}}
    assert "--unit" in refused(file, **flags)
    flags["columns"] |= {"unit": ["where"]}
    assert "--cases" in refused(file, **flags)
    flags["columns"] |= {"cases": ["how_many"]}
    assert onboarded(file, **flags).profile.data.inputs[0].columns["cases"] == "how_many"
    flags["columns"] |= {"cases": ["how_mny"]}
    with pytest.raises(ConfigError, match="'how_many' is close to it"):
        onboarded(file, **flags)


def test_an_order_of_days_that_no_date_tells(tmp_path):
    days = ["01/06/2025", "02/03/2025", "02/10/2025", "03/03/2025", "03/10/2025"]
    file = csv(tmp_path / "c.csv", [("A", d, 3) for d in days], "district,onset,sex")
    assert "--dates dmy|mdy" in refused(file)
    made = onboarded(file, dates=["dmy"])
    assert made.profile.data.inputs[0].dates == "dmy"


def test_a_workbook_with_two_sheets(tmp_path):
    book = openpyxl.Workbook()
    book.active.title = "notes"
    sheet = book.create_sheet("counts")
    sheet.append(["district", "year", "week", "cases"])
    for row in counts("2025-w01", "2025-w20"):
        sheet.append(list(row))
    book.save(tmp_path / "c.xlsx")
    assert "--sheet notes|counts" in refused(tmp_path / "c.xlsx")
    assert "--sheet notes|counts" in refused(tmp_path / "c.xlsx", sheet=["count"])
    made = onboarded(tmp_path / "c.xlsx", sheet=["counts"], numbering="cdc")
    assert made.profile.data.inputs[0].sheet == "counts"


def persons(path):
    """A line list with discarded and imported cases, an odd age, and dates of the future."""
    rows = [
        (u, CDC.week_start(CDC.number(y, w)), 35109 if w == 3 else 30, "5" if w % 7 == 0 else "1")
        for u, y, w, _ in counts("2024-w01", "2026-w40")
    ]
    rows.append(("A", "2031-01-01", 3, "1"))
    return csv(path, rows, "district,onset,age,CLASSI_FIN")


def test_persons_who_may_not_count(tmp_path):
    file = persons(tmp_path / "persons.csv")
    message = refused(file, numbering="cdc")
    assert "--leave-out CLASSI_FIN=5|none" in message and "discarded" in message
    made = onboarded(file, numbering="cdc", leave_out=["CLASSI_FIN=5"])
    assert made.profile.data.inputs[0].leave_out == {"CLASSI_FIN": ("5",)}
    assert "35109" not in made.text + str(made.findings.topics)
    assert "future" in note_of(made, "checks") or "after the day" in note_of(made, "checks")
    every = onboarded(file, numbering="cdc", leave_out=["none"])
    assert every.profile.data.inputs[0].leave_out == {}
    kept = onboarded(file, numbering="cdc", keep=["CLASSI_FIN=1"])
    assert kept.profile.data.inputs[0].keep == {"CLASSI_FIN": ("1",)}


def test_the_label_rule_is_a_question_with_a_proposal(tmp_path):
    file = csv(tmp_path / "c.csv", counts(*SHORT))
    assert (
        "--rule rolling_quantile|quantile|endemic_channel (proposed: --rule rolling_quantile"
        in refused(file, numbering="cdc")
    )
    rule = RuleAnswers("endemic_channel", centre="mean_sd", k=2, reference="2022..2024")
    made = onboarded(file, numbering="cdc", ask=IN_A_PIPE, rule=rule)
    assert made.profile.labels.rule_id == "channel_mean2sd_2022_2024_hw2"


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (RuleAnswers("median"), "no label rule 'median'"),
        (RuleAnswers("quantile", q=1.5), "less than 1"),
        (RuleAnswers("quantile", reference="2022"), "no range"),
        (RuleAnswers("quantile", reference="2024-w01..2022-w01"), "before it begins"),
        (RuleAnswers("quantile", reference="2022-w01..2022-w53"), "not an epidemiological week"),
        (RuleAnswers("rolling_quantile", k=2), "k"),
    ],
)
def test_a_rule_that_is_none(tmp_path, rule, words):
    with pytest.raises(ConfigError, match=words):
        onboarded(csv(tmp_path / "c.csv", counts(*SHORT)), numbering="cdc", rule=rule)


def test_what_is_said_of_the_place_and_of_judging(tmp_path):
    file = csv(tmp_path / "c.csv", counts(*SHORT))
    made = onboarded(
        file,
        numbering="cdc",
        language="es",
        time_zone="America/Lima",
        test_years=2,
        units_judged=["A"],
        schedule="0 6 * * 1",
        name="lima",
    )
    profile = made.profile
    assert (profile.place.language, profile.place.time_zone) == ("es", "America/Lima")
    assert profile.evaluate.test_years.last == 2 and profile.evaluate.municipalities == ("A",)
    assert (profile.schedule, profile.model_name) == ("0 6 * * 1", "denguard-lima")
    for wrong in ({"time_zone": "Lima"}, {"units_judged": ["Z"]}, {"name": "../x"}):
        with pytest.raises(ConfigError):
            onboarded(file, numbering="cdc", **wrong)


def test_a_flag_for_one_file_of_several(tmp_path):
    cases = csv(tmp_path / "cases.csv", counts(*SHORT))
    people = csv(
        tmp_path / "people.csv", [(u, 2020, 1000) for u in "ABC"], "code_of;jahr;population"
    )
    made = onboarded(
        cases,
        people,
        numbering="cdc",
        columns={"unit": ["people.csv=code_of"], "year": ["people.csv=jahr"]},
    )
    assert [i.table for i in made.profile.data.inputs] == ["cases", "units"]
    assert any(r.labels.rule.kind == "incidence" for r in made.findings.rules)


@pytest.mark.parametrize(
    "flags",
    [
        {"separator": ["x"]},
        {"decimal": ["point"]},
        {"adapter": ["excel"]},
        {"leave_out": ["CLASSI_FIN"]},
        {"dates": ["sometimes"]},
    ],
)
def test_answers_that_are_none_are_named(tmp_path, flags):
    with pytest.raises(ConfigError) as caught:
        onboarded(csv(tmp_path / "c.csv", counts(*SHORT)), numbering="cdc", **flags)
    assert caught.value.fix


def test_files_that_are_not_there_or_no_tables(tmp_path):
    with pytest.raises(DropError, match="no such file"):
        onboarded(tmp_path / "absent.csv")
    (tmp_path / "page.csv").write_text("<html>login</html>")
    with pytest.raises(DropError, match="web page"):
        onboarded(tmp_path / "page.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DropError, match="empty"):
        onboarded(tmp_path / "empty.csv")
    assert RECEIVED.year == 2026
