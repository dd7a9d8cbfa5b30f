"""`denguard validate` after onboarding: exit codes, words and report of good, bad and useless
files.
"""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from support.onboarding import counts, csv
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.errors import ConfigError

NEXT = counts("2026-w38", "2026-w45")


@pytest.fixture
def next_week(home: Path) -> Path:
    """A deployment that was onboarded, and where the next file will lie."""
    first = csv(home / "cases.csv", counts("2023-w01", "2026-w44"))
    done = entered("onboard", first, "--numbering", "cdc", "--received", "2026-11-09", "--yes")
    assert done.exit_code == 0
    return home / "next.csv"


def entered(*command: object):
    return CliRunner().invoke(app, list(map(str, command)))


def checked(file: Path, *more: str):
    return entered("validate", file, "--profile", "cases", "--received", "2026-11-16", *more)


def test_good_bad_and_useless_files_are_told_apart_by_exit_code_and_report(next_week):
    csv(next_week, NEXT)
    good = checked(next_week)
    assert good.exit_code == 0 and good.output.endswith("a run would go on\n")
    report = json.loads(checked(next_week, "--json").output)
    assert (report["stops"], report["issues"], report["refused"]) == (False, [], [])
    assert report["found"]["newest_week"] == "2026-w45" and report["found"]["units"] == 3

    csv(next_week, [*NEXT, ("A", 2026, 54, 1), ("B", 2026, 40, "many")])
    bad = json.loads(checked(next_week, "--json").output)
    assert not bad["stops"] and {i["code"] for i in bad["issues"]} == {
        "no-such-week",
        "conflicting-counts",
    }
    assert all(i["place"].startswith(f"{next_week} row ") and i["fix"] for i in bad["issues"])
    assert {(r["file"], r["row"]) for r in bad["refused"]} == {
        (str(next_week), 26),
        (str(next_week), 27),
        (str(next_week), 12),
    }
    assert checked(next_week).exit_code == 0

    csv(next_week, [("A", 2026)], head="district;year")
    useless = checked(next_week)
    assert useless.exit_code == 1 and useless.output.endswith("a run would stop here\n")
    assert f"where: {next_week} row 1" in useless.output
    assert json.loads(checked(next_week, "--json").output)["stops"]


def test_nothing_is_stored(next_week, home):
    csv(next_week, NEXT)
    before = sorted(p for p in home.rglob("*"))
    checked(next_week)
    assert sorted(p for p in home.rglob("*")) == before


def test_a_profile_that_is_not_there_is_an_error_of_the_command(next_week):
    csv(next_week, NEXT)
    assert isinstance(entered("validate", next_week, "--profile", "nope").exception, ConfigError)
