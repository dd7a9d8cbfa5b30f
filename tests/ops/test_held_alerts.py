"""Held values reach people: an alert once, a line in status and watch, a run after an answer."""

from __future__ import annotations

from datetime import timedelta
from pathlib import Path

import pytest
from support.place import Counts, Place, history
from support.run_folders import NOW, walk
from support.terminal import at_a_terminal
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths
from pipelines.data.plausible.answers import read_answers
from pipelines.data.plausible.causes import answer_causes, keep_causes
from pipelines.data.plausible.listed import known_causes
from pipelines.ops import texts
from pipelines.ops.alerts import send_alerts
from pipelines.ops.arrivals import waiting_drop
from pipelines.ops.held import waiting_words
from pipelines.ops.status import gather
from pipelines.weeks import CDC


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=home)


def validated(paths: DeploymentPaths, lie: float) -> DeploymentPaths:
    """What the validate step keeps of a drop in whose newest week one unit says `lie`."""

    def with_a_rise(counts: Counts) -> Counts:
        counts.loc["1002", counts.columns[-1]] = lie
        return counts

    place = Place(paths.drops)
    place.weekly(history(), with_a_rise)
    answers = read_answers(paths)
    keep_causes(paths, "run", place.judged(answers=answers), CDC, answers)
    return paths


def kinds(paths: DeploymentPaths) -> list[str]:
    found = [alert["kind"] for alert in send_alerts(paths, None, NOW)]
    return [kind for kind in found if kind in ("held", "unconfirmed")]


def test_a_rise_that_nobody_confirmed_is_told_at_once_and_once(paths: DeploymentPaths) -> None:
    validated(paths, 5000.0)
    [alert] = [a for a in send_alerts(paths, None, NOW) if a["kind"] == "unconfirmed"]
    assert "1002" in alert["facts"]["causes"]
    assert "1002" in texts.body("unconfirmed", alert["facts"], "es")
    assert kinds(paths) == []


def test_a_count_that_looks_unreported_is_told_as_held(paths: DeploymentPaths) -> None:
    assert kinds(validated(paths, 0.0)) == ["held"]


def test_status_and_watch_say_that_values_wait_until_somebody_answers(
    paths: DeploymentPaths,
) -> None:
    walk(paths.home, "weekly")
    validated(paths, 0.0)
    assert (
        gather(paths, None, NOW, {}).held
        == "1 cause of held values waits for an answer (denguard confirm)"
    )
    output = CliRunner().invoke(app, ["watch", "--now", NOW.isoformat()]).output
    assert "1 cause of held values waits for an answer (denguard confirm)" in output
    [cause] = known_causes(paths)
    answer_causes(paths, [cause.cause_id], "confirmed", "A", "asked")
    validated(paths, 0.0)
    assert gather(paths, None, NOW, {}).held == ""


def test_an_answered_cause_is_off_every_list_before_the_next_run_judges_by_it(
    paths: DeploymentPaths,
) -> None:
    validated(paths, 0.0)
    [cause] = known_causes(paths)
    answer_causes(paths, [cause.cause_id], "confirmed", "A", "asked")
    assert waiting_words(paths) == ""
    output = CliRunner().invoke(app, ["confirm"]).output
    assert "Nothing waits" in output and "The next run judges by it" in output
    assert "confirmed" in CliRunner().invoke(app, ["confirm", cause.cause_id, "--show"]).output


def test_a_cause_is_answered_once_each_of_its_units_is(paths: DeploymentPaths) -> None:
    validated(paths, 0.0)
    [cause] = known_causes(paths)
    answer_causes(paths, [cause.cause_id], "confirmed", "A", "asked", ["1002"])
    assert waiting_words(paths) == ""


def test_a_cause_waits_while_the_file_of_answers_is_damaged(paths: DeploymentPaths) -> None:
    validated(paths, 0.0)
    (paths.data / "answers").mkdir(parents=True)
    (paths.data / "answers" / "1a2b3c4d.json").write_text("{")
    assert waiting_words(paths).startswith("1 cause")


def test_an_answer_says_which_earlier_one_it_replaces(paths: DeploymentPaths) -> None:
    validated(paths, 0.0)
    [cause] = known_causes(paths)
    answer_causes(paths, [cause.cause_id], "rejected", "B. Person", "cut off")
    arguments = ["confirm", cause.cause_id, "--by", "A", "--reason", "asked"]
    output = CliRunner().invoke(app, arguments).output
    assert "was rejected by B. Person" in output and "cut off" in output


def test_an_answer_starts_a_run_as_a_late_drop_does_and_only_until_it_was_heard(
    paths: DeploymentPaths,
) -> None:
    validated(paths, 0.0)
    paths.drops.mkdir(parents=True, exist_ok=True)
    later = NOW + timedelta(days=1)
    assert waiting_drop(paths, later) is None
    [cause] = known_causes(paths)
    answer_causes(paths, [cause.cause_id], "rejected", "A", "was not reported")
    waits = waiting_drop(paths, later)
    assert waits is not None and waits.startswith("answers-")
    validated(paths, 0.0)
    assert waiting_drop(paths, later) is None


def test_a_damaged_answer_stops_no_look_for_drops(paths: DeploymentPaths) -> None:
    validated(paths, 0.0)
    paths.drops.mkdir(parents=True, exist_ok=True)
    (paths.data / "answers").mkdir(parents=True)
    (paths.data / "answers" / "1a2b3c4d.json").write_text("{")
    assert waiting_drop(paths, NOW) is None


def test_the_list_of_causes_fits_a_terminal_of_80_columns(paths: DeploymentPaths) -> None:
    validated(paths, 5000.0)
    lines = at_a_terminal("-m", "pipelines.cli", "confirm", columns=80).splitlines()
    assert any("far-above-maximum: over 5 times the own maximum: 1 unit" in line for line in lines)
    assert max(map(len, lines)) <= 80, max(lines, key=len)


def test_a_cause_counts_the_units_that_it_still_doubts(paths: DeploymentPaths) -> None:
    """Of values that two rules doubt the first rule's cause answers; the second one names the
    others.
    """
    validated(paths, 5000.0)
    doubting = [one for one in known_causes(paths) if one.cells]
    assert [(one.rule, one.units) for one in doubting if one.direction == "high"] == [
        ("far-above-maximum", 1)
    ]
    assert all(one.units <= one.cells for one in doubting)
