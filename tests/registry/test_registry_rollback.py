"""A person takes the champion out of service, on a real registry and a running endpoint."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from support.registries import closed_port, damage

from pipelines.config import DeploymentPaths
from pipelines.contracts import CHALLENGER, CHAMPION, PREVIOUS
from pipelines.errors import DeployError, RegistryError, StoreError
from pipelines.registry import aliases, audit
from pipelines.registry.aliases import AuditReason, read_aliases, set_champion
from pipelines.registry.deploy import NOT_REACHABLE, ask, deploy
from pipelines.registry.lookup import connect, get_version
from pipelines.registry.register import registry_state
from pipelines.registry.rollback import promote_by_hand, roll_back
from pipelines.run.outputs import SERVING

ANA = AuditReason("Ana", "false alarms in Cali")


def _serve(*versions: str) -> None:
    for version in versions:
        set_champion(version)


def _moves(paths: DeploymentPaths) -> list[tuple[Any, ...]]:
    trail = audit.read_trail(paths)
    assert not trail.broken
    return [(e["action"], e["from_version"], e["to_version"]) for e in trail.entries]


def test_a_rollback_waits_at_most_30_s_for_the_endpoint() -> None:
    assert inspect.signature(roll_back).parameters["timeout_s"].default <= 30


def test_a_rollback_reaches_the_endpoint_and_is_audited(
    three: DeploymentPaths, endpoint: str
) -> None:
    for version in ("1", "2"):
        deploy(version, endpoint)

    done = roll_back(ANA, endpoint)

    assert (done.version, done.from_version, done.endpoint) == ("1", "2", SERVING)
    answer = ask(endpoint)
    assert answer is not None
    assert answer.bundle_id == get_version("1").bundle_id
    last = audit.read_trail(three).entries[-1]
    assert (last["action"], last["by"], last["reason"]) == ("rollback", *ANA.facts().values())[:3]
    assert connect().get_model_version("denguard", "2").tags["rolled_back"] == ANA.reason


def test_after_a_rollback_previous_is_one_step_further_back(three: DeploymentPaths) -> None:
    _serve("1", "2", "3")

    roll_back(ANA)
    assert read_aliases() == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: None}
    roll_back(ANA)
    assert read_aliases() == {CHAMPION: "1", PREVIOUS: None, CHALLENGER: None}
    with pytest.raises(RegistryError, match=r"no previous version.*version 1 goes on serving"):
        roll_back(ANA)
    assert _moves(three)[-2:] == [("rollback", "3", "2"), ("rollback", "2", "1")]


def test_without_a_champion_there_is_nothing_to_roll_back(three: DeploymentPaths) -> None:
    with pytest.raises(RegistryError, match="no champion"):
        roll_back(ANA)
    assert _moves(three) == []


def test_a_damaged_previous_version_is_refused_and_nothing_moves(three: DeploymentPaths) -> None:
    _serve("1", "2")
    damage(three, "1")
    state = registry_state()

    with pytest.raises(StoreError, match=r"previous version 1 cannot serve.*nothing was moved"):
        roll_back(ANA)
    assert registry_state() == state
    assert len(_moves(three)) == 2


def test_a_damaged_champion_does_not_hinder_its_rollback(three: DeploymentPaths) -> None:
    _serve("1", "2")
    damage(three, "2")

    assert roll_back(ANA).version == "1"


def test_an_endpoint_that_is_down_takes_it_later(three: DeploymentPaths) -> None:
    _serve("1", "2")

    done = roll_back(ANA, f"http://127.0.0.1:{closed_port()}")

    assert done.endpoint == NOT_REACHABLE
    assert read_aliases()[CHAMPION] == "1"


STAGES = ["intent written", "previous moved", "champion moved", "marked", "audited"]


@pytest.mark.parametrize("stage", STAGES)
def test_a_rollback_that_was_killed_is_finished_by_the_next_and_goes_no_further(
    three: DeploymentPaths, stage: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve("1", "2", "3")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _kill_after(patch, stage)
        roll_back(ANA)

    done = roll_back(AuditReason("Luis", "is it done?"))

    assert (done.version, done.resumed) == ("2", True)
    assert read_aliases() == {CHAMPION: "2", PREVIOUS: "1", CHALLENGER: None}
    assert _moves(three)[3:] == [("rollback", "3", "2")]
    assert audit.read_trail(three).entries[-1]["by"] == "Ana"
    assert connect().get_model_version("denguard", "3").tags["rolled_back"] == ANA.reason


def _kill_after(patch: pytest.MonkeyPatch, stage: str) -> None:
    """Let the process end right after a stage: the next thing it would touch interrupts it."""

    def die(*_: Any, **__: Any) -> None:
        raise KeyboardInterrupt

    client = type(connect())
    if stage == "intent written":
        patch.setattr(aliases, "_write_aliases", die)
    elif stage == "previous moved":
        put = client.set_registered_model_alias
        patch.setattr(
            client,
            "set_registered_model_alias",
            lambda self, model, alias, version: (
                die() if alias == CHAMPION else put(self, model, alias, version)
            ),
        )
    elif stage == "champion moved":
        patch.setattr(aliases, "mark_rolled_back", die)
    elif stage == "marked":
        patch.setattr(audit, "append", die)
    else:
        patch.setattr(aliases, "clear_intent", die)


def test_a_promotion_that_was_killed_is_finished_before_the_next_move(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve("1")
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt):
        _kill_after(patch, "previous moved")
        set_champion("2")

    set_champion("3")

    assert read_aliases() == {CHAMPION: "3", PREVIOUS: "2", CHALLENGER: None}
    assert _moves(three)[1:] == [("promote", "1", "2"), ("promote", "2", "3")]


def test_a_move_that_the_registry_refuses_half_way_is_put_back(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    _serve("1", "2", "3")
    state = registry_state()
    client = type(connect())
    put, calls = client.set_registered_model_alias, []

    def refuse_the_second(self: Any, model: str, alias: str, version: str) -> None:
        calls.append(alias)
        if len(calls) == 2:
            raise OSError("disk full")
        put(self, model, alias, version)

    monkeypatch.setattr(client, "set_registered_model_alias", refuse_the_second)
    with pytest.raises(RegistryError, match="disk full"):
        roll_back(ANA)
    assert registry_state() == state
    assert len(_moves(three)) == 3
    assert roll_back(ANA).resumed is False


def test_what_a_person_took_out_is_not_deployed_again(three: DeploymentPaths) -> None:
    _serve("1", "2")
    roll_back(ANA)

    with pytest.raises(DeployError, match="taken out of service by a person"):
        deploy("2")
    assert read_aliases()[CHAMPION] == "1"


def test_a_version_is_not_deployed_over_a_champion_it_was_not_judged_against(
    three: DeploymentPaths,
) -> None:
    _serve("1", "2")

    with pytest.raises(DeployError, match="version 2 is champion now"):
        deploy("3", compared_with=["1"])
    assert read_aliases()[CHAMPION] == "2"
    assert deploy("3", compared_with=["2"]).changed


def test_a_person_may_let_a_rolled_back_version_serve_again(three: DeploymentPaths) -> None:
    _serve("1", "2")
    roll_back(ANA)

    done = promote_by_hand("2", AuditReason("Luis", "the alarms were right"))

    assert (done.version, done.previous) == ("2", "1")
    assert "rolled_back" not in connect().get_model_version("denguard", "2").tags
    assert audit.read_trail(three).entries[-1]["by"] == "Luis"


def test_a_damaged_version_is_not_promoted_by_hand(three: DeploymentPaths) -> None:
    _serve("1")
    damage(three, "2")

    with pytest.raises(StoreError, match="damaged"):
        promote_by_hand("2", ANA)
    assert read_aliases()[CHAMPION] == "1"


def test_a_deploy_that_the_endpoint_refuses_is_in_the_audit_with_its_undoing(
    three: DeploymentPaths, endpoint: str
) -> None:
    deploy("1", endpoint)
    damage(three, "2")

    with pytest.raises(DeployError):
        deploy("2", endpoint, why=AuditReason("weekly cycle", "better", "run-7"))
    assert _moves(three) == [("promote", None, "1"), ("promote", "1", "2"), ("undo", "2", "1")]
    undone = audit.read_trail(three).entries[-1]
    assert undone["run_id"] == "run-7"
    assert "did not take version 2" in undone["reason"]


def test_a_version_that_is_not_there_is_said_to_be_so(three: DeploymentPaths) -> None:
    with pytest.raises(RegistryError, match="there is no version 99"):
        promote_by_hand("99", ANA, paths=three)
