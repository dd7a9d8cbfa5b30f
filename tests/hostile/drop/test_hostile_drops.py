"""What is tried wrong in a drop: each attack is named with its fix, and nothing that stood
changes."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from support.attacks.on_drops import ATTACKS
from support.attacks.siege import Attack, Siege, state_of
from support.homes import Home
from support.tabular import next_week, start

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.contracts import Level

HARMFUL = [a for a in ATTACKS if a.level is not None]
HARMLESS = [a for a in ATTACKS if a.level is None]
SUMMED_UP = {"week-gap", "municipalities-gone"}  # of all drops together


def names(attacks: list[Attack]) -> list[str]:
    return [a.name for a in attacks]


@pytest.mark.parametrize("attack", HARMFUL, ids=names(HARMFUL))
def test_an_attack_is_named_with_its_fix(siege: Siege, attack: Attack) -> None:
    found = [i for i in siege.issues_of(attack) if i.code == attack.code]
    assert found, siege.issues_of(attack)
    assert {i.level for i in found} == {attack.level}
    lines = [f"{i.place} | {i.message} | {i.fix}" for i in found]
    assert any(all(word in text for word in attack.words) for text in lines), lines
    assert all(i.fix for i in found)
    if attack.level is Level.ERROR and attack.code not in (
        "no-such-week",
        "week-not-ended",
        "ragged-row",
    ):
        assert any(r.startswith(f"{attack.code}:") for r in siege.left_out(attack))
    if attack.level is Level.CRITICAL:
        assert siege.dates[attack.name] in siege.stopped_by


@pytest.mark.parametrize("attack", HARMLESS, ids=names(HARMLESS))
def test_what_only_looks_odd_passes_and_changes_no_count(siege: Siege, attack: Attack) -> None:
    # a mistyped code of an earlier drop is a unit that the newest drop has not
    of_others = {"repeated-content", "municipalities-gone"}
    levels = {i.level for i in siege.issues_of(attack) if i.code not in of_others}
    assert levels <= {Level.INFO}, siege.issues_of(attack)
    assert not siege.left_out(attack)


def test_no_attack_revised_a_count_without_being_asked(siege: Siege) -> None:
    """Every drop repeats the same counts; what is left after quarantine is what was there
    before."""
    assert siege.revised.empty, siege.revised


@pytest.mark.parametrize("attacks", ["siege", "let_through"])
def test_nothing_that_stood_has_changed(attacks: str, request: pytest.FixtureRequest) -> None:
    """Neither by a run that stops nor by one that leaves out what is bad."""
    siege: Siege = request.getfixturevalue(attacks)
    assert siege.after == siege.before
    assert (siege.stopped_by == "") is (attacks == "let_through")
    seen = {name.split("/")[0] for name in siege.before}
    assert {"accepted.json", "datasets", "versions", "forecasts", "mlflow", "drops"} <= seen


def test_a_good_drop_changes_what_no_attack_may(copied_tabular: Callable[[], Home]) -> None:
    """Without this the tests above could look where nothing changes."""
    home = copied_tabular()
    paths = DeploymentPaths(home=home.path)
    next_week(home, {})
    before = state_of(paths)
    start(home, "second")
    steps.ingest("second")
    steps.validate("second")
    assert state_of(paths) == before
    steps.snapshot("second")
    changed = {name.split("/")[0] for name, _ in state_of(paths).items() ^ before.items()}
    assert changed == {"accepted.json", "datasets", "versions", "remote"}


def test_the_run_stops_and_says_how_many(siege: Siege) -> None:
    assert siege.stopped_by.startswith(
        f"{len([i for i in siege.issues if i.level is Level.CRITICAL])} critical"
    )


def test_every_finding_says_what_to_do_in_lines_of_its_own(siege: Siege) -> None:
    """No name or cell may forge a line, move the cursor or turn the text around."""
    for issue in siege.issues:
        assert issue.message and issue.fix and issue.place is not None
        assert (issue.place + issue.message + issue.fix).isprintable(), issue
        assert len(issue.message) < 1000, issue


def test_no_two_attacks_have_one_name() -> None:
    assert len(set(names(ATTACKS))) == len(ATTACKS)
