"""Who serves, as a run hears it: also when nobody can say."""

from __future__ import annotations

import importlib
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.registries import RECIPE, closed_port, damage

from pipelines.config import DeploymentPaths
from pipelines.errors import ChampionLostError, RegistryError
from pipelines.recipes import recipe_id
from pipelines.registry import audit, retries
from pipelines.registry.aliases import AuditReason, set_champion
from pipelines.registry.champion import (
    champion_now,
    describe_champion,
    describe_champion_with_retries,
)
from pipelines.registry.lookup import connect, get_version
from pipelines.registry.rollback import roll_back
from pipelines.storage import write_json

NAME = "denguard"
room = importlib.import_module("pipelines.registry.champion")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "1")
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections and never answers."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


def test_a_sound_champion_is_described(three: DeploymentPaths) -> None:
    set_champion("1")
    found = describe_champion(three, NAME)
    assert found.problem is None
    assert (found.champion.version, found.champion.recipe_id) == (
        "1",
        recipe_id(RECIPE),
    )
    assert found.rolled_back == ()


def test_a_registry_without_a_champion_has_none_and_no_problem(three: DeploymentPaths) -> None:
    found = describe_champion(three, NAME)
    assert (found.champion, found.problem) == (None, None)


def test_mlflow_stopped_is_a_problem_and_not_an_empty_place(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    set_champion("1")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    found = describe_champion(three, NAME)
    assert found.champion is None
    assert "Who serves could not be read" in found.problem


def test_mlflow_silent_is_a_problem_and_has_an_end(
    three: DeploymentPaths, silent: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", silent)
    assert "Who serves could not be read" in describe_champion(three, NAME).problem


def test_a_damaged_champion_is_named_with_what_a_person_can_do(three: DeploymentPaths) -> None:
    set_champion("2")
    damage(three, "2")
    found = describe_champion(three, NAME)
    assert found.named.version == "2"
    for word in ("version 2", "damaged", "denguard rollback", "denguard promote VERSION"):
        assert word in found.problem


def test_a_champion_whose_golden_rows_fail_is_a_problem(
    three: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.fusion.linear import LinearModel

    set_champion("1")
    right = LinearModel.logit
    monkeypatch.setattr(LinearModel, "logit", lambda *a, **k: right(*a, **k) + 0.01)
    assert "golden rows differ" in describe_champion(three, NAME).problem


def test_a_registry_that_lost_its_champion_is_not_one_that_never_had_any(
    three: DeploymentPaths,
) -> None:
    set_champion("1")
    connect().delete_registered_model_alias(NAME, "champion")
    assert "by the audit version 1 serves" in describe_champion(three, NAME).problem


def test_what_a_person_took_out_is_listed(three: DeploymentPaths) -> None:
    for version in ("1", "2"):
        set_champion(version)
    roll_back(AuditReason("Ana", "false alarms"))
    assert describe_champion(three, NAME).rolled_back == (get_version("2").bundle_id,)


def test_a_registry_that_goes_away_between_two_questions_is_an_error_and_not_an_empty_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[int] = []

    def once(*_: object) -> None:
        asked.append(1)
        if len(asked) > 1:
            raise RegistryError("the registry does not answer")

    monkeypatch.setattr(room, "prepared_champion", once)
    with pytest.raises(RegistryError, match="does not answer"):
        describe_champion_with_retries(DeploymentPaths(home=tmp_path), NAME)


def test_what_was_lost_is_not_asked_for_again(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def lost() -> None:
        asked.append(1)
        raise ChampionLostError("the registry names no champion")

    monkeypatch.setattr(retries, "PAUSES_S", (0.0, 0.0))
    with pytest.raises(ChampionLostError):
        retries.with_retries(lost)
    assert asked == [1]


def test_an_alias_that_a_move_under_way_has_taken_away_is_no_lost_champion(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    paths = DeploymentPaths(home=tmp_path)
    facts = {"model_name": NAME, "bundle_id": "b", "run_id": None, "by": "Ana", "reason": "r"}
    audit.append(paths, action="promote", from_version=None, to_version="1", **facts)
    monkeypatch.setattr(room, "lookup", lambda *_: None)
    with pytest.raises(ChampionLostError):
        champion_now(paths, NAME)
    taken = {"facts": {**facts, "from_version": "1", "to_version": None}, "target": {}}
    write_json(audit.audit_file(paths).parent / "intent.json", taken)
    assert champion_now(paths, NAME) is None
