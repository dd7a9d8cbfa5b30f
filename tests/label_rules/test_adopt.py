"""A person adopts another rule, on a real registry: the old champion is a yardstick no more."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from support.registries import damage
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.config import DeploymentPaths, load_profile
from pipelines.contracts import CHALLENGER, CHAMPION, PREVIOUS
from pipelines.errors import DeployError, RegistryError
from pipelines.evaluate.gate_inputs import EvaluationFiles, run_gate
from pipelines.ops.texts import body, title
from pipelines.registry import aliases, audit
from pipelines.registry.adopt import adopt_rule
from pipelines.registry.aliases import AuditReason, read_aliases, set_champion
from pipelines.registry.champion import describe_champion
from pipelines.registry.deploy import deploy
from pipelines.registry.lookup import MODEL_NAME, lookup, serving_version
from pipelines.registry.register import registry_state
from pipelines.registry.rollback import promote_by_hand, roll_back

ANA = AuditReason("Ana", "the ministry draws an endemic channel now")
OLD, NEW = "median_2016_2017", "channel_median5_hw2"
NOBODY = {CHAMPION: None, PREVIOUS: None, CHALLENGER: None}


def _serve(*versions: str) -> None:
    for version in versions:
        set_champion(version)


def _moves(paths: DeploymentPaths) -> list[tuple[Any, ...]]:
    trail = audit.read_trail(paths)
    assert not trail.broken
    return [(e["action"], e["from_version"], e["to_version"]) for e in trail.entries]


def test_the_next_candidate_is_a_first_champion(three: DeploymentPaths) -> None:
    _serve("1", "2")

    done = adopt_rule(NEW, ANA)

    assert done == {"changed": True, "from_version": "2", "rule_before": OLD, "rule_now": NEW}
    assert read_aliases() == NOBODY
    found = describe_champion(three, MODEL_NAME)
    assert (found.champion, found.named, found.problem) == (None, None, None)
    last = audit.newest(three, MODEL_NAME)
    assert last is not None
    assert (last["action"], last["from_version"], last["to_version"], last["by"]) == (
        "adopt-rule",
        "2",
        None,
        "Ana",
    )
    assert last["reason"] == f"label rule {OLD} -> {NEW}: {ANA.reason}"


def test_the_old_champion_answers_until_the_new_line_has_one(three: DeploymentPaths) -> None:
    _serve("1", "2")
    assert serving_version(three) == lookup(CHAMPION, three)
    adopt_rule(NEW, ANA)
    found = serving_version(three)
    assert found is not None
    assert (found.version, found.adopted_rule) == ("2", NEW)
    _serve("3")
    assert serving_version(three) == lookup(CHAMPION, three)


def test_killed_before_the_champion_goes_the_champion_answers(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve("1")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(aliases, "apply_transition", killed)
    with pytest.raises(KeyboardInterrupt):
        adopt_rule(NEW, ANA)
    found = serving_version(three)
    assert found is not None
    assert (found.version, found.adopted_rule) == ("1", None)


def test_it_may_be_repeated(three: DeploymentPaths) -> None:
    _serve("1")
    adopt_rule(NEW, ANA)
    before = _moves(three)
    assert adopt_rule(NEW, ANA) == {
        "changed": False,
        "from_version": None,
        "rule_before": None,
        "rule_now": NEW,
    }
    assert _moves(three) == before


def test_a_champion_of_this_very_rule_stays(three: DeploymentPaths) -> None:
    _serve("1", "2")
    state, before = registry_state(), _moves(three)
    assert adopt_rule(OLD, ANA)["changed"] is False
    assert (registry_state(), _moves(three)) == (state, before)


def test_without_a_champion_nothing_is_written(three: DeploymentPaths) -> None:
    assert adopt_rule(NEW, ANA)["from_version"] is None
    assert _moves(three) == []


def test_a_rollback_does_not_cross_the_line(three: DeploymentPaths) -> None:
    _serve("1", "2")
    adopt_rule(NEW, ANA)
    with pytest.raises(RegistryError, match="no champion to take out"):
        roll_back(ANA)
    _serve("3")
    with pytest.raises(RegistryError, match="no previous version"):
        roll_back(ANA)


def test_a_person_can_still_bring_the_old_version_back(three: DeploymentPaths) -> None:
    _serve("1")
    adopt_rule(NEW, ANA)
    promote_by_hand("1", AuditReason("Eva", "adopted too early"))
    assert read_aliases()[CHAMPION] == "1"


def test_a_run_that_was_judged_against_the_old_champion_does_not_go_live(
    three: DeploymentPaths,
) -> None:
    _serve("1")
    adopt_rule(NEW, ANA)
    with pytest.raises(DeployError, match="was not judged against it"):
        deploy("3", compared_with=["1"])
    deploy("3", compared_with=[None])
    assert read_aliases()[CHAMPION] == "3"


def test_a_champion_that_cannot_be_read_can_be_left_behind(three: DeploymentPaths) -> None:
    _serve("1")
    damage(three, "1")
    assert adopt_rule(NEW, ANA)["rule_before"] == "unknown"
    assert describe_champion(three, MODEL_NAME).problem is None


def test_killed_half_way_it_is_finished_by_the_next_call(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve("1", "2")

    def killed(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(aliases.audit, "append", killed)
        with pytest.raises(KeyboardInterrupt):
            adopt_rule(NEW, ANA)
    adopt_rule(NEW, ANA)
    assert _moves(three)[-1] == ("adopt-rule", "2", None)
    assert [m[0] for m in _moves(three)].count("adopt-rule") == 1
    assert read_aliases() == NOBODY


def test_the_gate_names_the_two_rules_and_the_command(three: DeploymentPaths) -> None:
    _serve("1")
    now = describe_champion(three, MODEL_NAME)
    profile = load_profile("sample", **{"labels.rule": {"kind": "endemic_channel"}})
    judged = EvaluationFiles([], [], Path("none.json"))

    decision = run_gate({}, now, now, judged, profile)

    assert decision.decision == "keep"
    for word in (OLD, NEW, "denguard adopt-rule --profile sample"):
        assert word in decision.reasons[0]
    with_own = run_gate({}, now, now, judged, load_profile("sample"))
    assert "adopt-rule" not in with_own.reasons[0]


def test_an_alert_has_words_for_it() -> None:
    facts = {"from_version": "2", "to_version": None, "by": "Ana", "reason": "r"}
    assert "no version is champion" in title("champion-adopt-rule", facts)
    assert "weekly cycle" in body("champion-adopt-rule", facts)


def _adopt(*arguments: str) -> Result:
    return CliRunner().invoke(
        app, ["adopt-rule", *arguments, "--by", "Ana", "--reason", "new channel"]
    )


def test_the_command_says_what_it_did(three: DeploymentPaths, tmp_path: Path) -> None:
    _serve("1")
    assert "Nothing to do: version 1" in _adopt("--profile", "sample").output
    own = tmp_path / "channel.yaml"
    own.write_text("profile: channel\ndata: {}\nlabels: {rule: {kind: endemic_channel}}\n")
    output = _adopt("--profile", str(own)).output
    assert f"Version 1 (label rule {OLD}) is champion no more" in output
    assert f"by label rule {NEW}" in output
    assert "There is no champion" in _adopt("--profile", str(own)).output
    listed = CliRunner().invoke(app, ["audit"])
    assert listed.exit_code == 0, "the audit's last entry agrees with the registry"
    assert "adopt-rule" in listed.output
