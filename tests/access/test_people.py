"""One command gives and takes a role in three places, and goes on after it was stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest
from support.access_services import ADMIN
from support.access_stack import PROGRAMS, Stack
from typer.testing import CliRunner

from pipelines.access.endpoint_keys import EndpointKeys
from pipelines.access.mlflow_users import MlflowUsers
from pipelines.access.roles import ROLES
from pipelines.cli.app import app
from pipelines.deploy.secret_files import read_secret
from pipelines.errors import ConfigError, ServiceError
from serving.settings import Settings


def _known(stack: Stack) -> tuple[str, ...]:
    """What the endpoint would take, by its own reading of the file."""
    listed = read_secret(stack.deployment, "endpoint_keys_sha256")
    return Settings(api_key_sha256=listed).api_key_sha256


def _sha256(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()


def test_the_endpoint_takes_the_key_of_a_person_and_that_of_programs(stack: Stack) -> None:
    given = stack.people.add("anna", ROLES["analyst"])
    assert _known(stack) == (PROGRAMS, _sha256(given.key))
    assert given.restart == ("serving",)


def test_a_person_who_is_removed_leaves_the_others_keys(stack: Stack) -> None:
    stack.people.add("anna", ROLES["analyst"])
    other = stack.people.add("otto", ROLES["operator"])
    stack.people.remove("anna")
    assert _known(stack) == (PROGRAMS, _sha256(other.key))
    assert EndpointKeys(stack.deployment).owners().keys() == {"otto"}
    assert "anna" not in {*stack.airflow.passwords, *stack.mlflow.passwords}


def test_adding_again_replaces_the_key_and_the_password(stack: Stack) -> None:
    first = stack.people.add("anna", ROLES["analyst"])
    second = stack.people.add("anna", ROLES["analyst"])
    assert _known(stack) == (PROGRAMS, _sha256(second.key))
    assert first.password != second.password == stack.airflow.passwords["anna"]


def test_a_lesser_role_takes_key_and_mlflow_away(stack: Stack) -> None:
    stack.people.add("anna", ROLES["admin"])
    given = stack.people.add("anna", ROLES["viewer"])
    assert _known(stack) == (PROGRAMS,)
    assert "anna" not in stack.mlflow.passwords
    assert stack.airflow.roles["anna"] == "Viewer"
    assert given.restart == ("serving",)


def test_who_was_added_while_mlflow_was_away_is_added_by_the_same_command(stack: Stack) -> None:
    stack.mlflow.away = True
    with pytest.raises(ServiceError, match="MLflow refused, HTTP 503"):
        stack.people.add("anna", ROLES["analyst"])
    stack.mlflow.away = False
    given = stack.people.add("anna", ROLES["analyst"])
    assert stack.airflow.passwords["anna"] == stack.mlflow.passwords["anna"] == given.password


def test_users_of_the_deployment_itself_are_no_persons(stack: Stack) -> None:
    for name in ("admin", "denguard", "endpoint"):
        with pytest.raises(ConfigError, match="user of the deployment itself"):
            stack.people.remove(name)


@pytest.mark.parametrize("name", ["", "A", "a b", "../x", "x" * 40, "ñandu"])
def test_a_name_that_cannot_be_a_user_is_refused(stack: Stack, name: str) -> None:
    with pytest.raises(ConfigError, match="cannot be the name of a user"):
        stack.people.add(name, ROLES["viewer"])


def test_nobody_is_removed_twice(stack: Stack) -> None:
    with pytest.raises(ConfigError, match="nobody called anna"):
        stack.people.remove("anna")


def test_everybody_is_listed_over_all_pages(stack: Stack) -> None:
    for name in ("anna", "otto", "vera"):
        stack.people.add(name, ROLES["analyst"])
    assert [one.name for one in stack.people.all()] == ["anna", "otto", "vera", "admin"]


def test_the_pipelines_own_user_of_mlflow_is_listed_as_one_that_writes(stack: Stack) -> None:
    stack.people.add("anna", ROLES["analyst"])
    MlflowUsers(stack.mlflow_url, ADMIN).put("denguard", "writes", "a-password-of-the-service")
    kinds = {one.name: one.mlflow for one in stack.people.all()}
    assert (kinds["anna"], kinds["denguard"]) == ("reads", "writes")


def test_the_command_shows_password_and_key_once_and_what_to_restart(stack: Stack) -> None:
    where = ["--deployment", str(stack.deployment)]
    where += ["--airflow", stack.airflow_url, "--mlflow", stack.mlflow_url]
    done = CliRunner().invoke(app, ["access", "add", "anna", "--role", "analyst", *where])
    assert done.exit_code == 0, done.output
    assert stack.airflow.passwords["anna"] in done.output
    assert "docker compose restart serving" in done.output
    listed = CliRunner().invoke(app, ["access", "list", *where])
    assert "anna\tViewer\treads\tyes" in listed.output
    kept = [path.read_text() for path in (stack.deployment / "secrets").iterdir()]
    assert stack.airflow.passwords["anna"] not in "".join(kept)


def test_an_unknown_role_is_named_with_those_that_there_are(stack: Stack) -> None:
    done = CliRunner().invoke(app, ["access", "add", "anna", "--role", "boss"])
    assert isinstance(done.exception, ConfigError)
    assert "viewer, operator, analyst, admin" in str(done.exception)


@pytest.mark.parametrize(
    "command",
    [
        ["access", "list"],
        ["access", "add", "anna", "--role", "viewer"],
        ["access", "remove", "anna"],
        ["access", "password", "anna"],
        ["access", "rotate", "redis_password"],
        ["rotate", "redis_password", "--finish"],
    ],
)
def test_a_folder_that_holds_no_deployment_is_named_and_left_as_it_is(
    tmp_path: Path, command: list[str]
) -> None:
    done = CliRunner().invoke(app, [*command, "--deployment", str(tmp_path)])
    assert isinstance(done.exception, ConfigError)
    assert done.exception.where == str(tmp_path)
    assert not list(tmp_path.iterdir())
