"""A secret is changed while the deployment runs: two values where a server takes two."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from pathlib import Path

import pytest
from support.access_services import ADMIN
from support.access_stack import PROGRAMS, Stack, Told
from typer.testing import CliRunner

from pipelines.access.endpoint_keys import EndpointKeys
from pipelines.access.roles import ROLES
from pipelines.access.rotation import finish, rotate
from pipelines.access.rotations import BY_SECRET, How
from pipelines.cli.app import app
from pipelines.deploy.secret_files import read_secret
from pipelines.deploy.secret_table import BY_NAME, SECRETS
from pipelines.errors import ConfigError, ServiceError

LISTED = [name for name, one in BY_SECRET.items() if one.how is How.LISTED]
MADE = [name for name, one in BY_SECRET.items() if one.how in (How.PLAIN, How.ROLE, How.MLFLOW)]


@pytest.fixture
def told() -> Told:
    return Told()


def _value(deployment: Path, name: str) -> str:
    return read_secret(deployment, name) or ""


def test_every_secret_of_the_table_has_a_way_to_be_changed() -> None:
    assert BY_SECRET.keys() == {secret.name for secret in SECRETS}


@pytest.mark.parametrize("name", LISTED)
def test_old_and_new_are_live_until_it_is_finished(deployment: Path, told: Told, name: str) -> None:
    old = _value(deployment, name)
    changed = rotate(deployment, name, told.servers())
    new, *rest = _value(deployment, name).split(",")
    assert rest == [old]
    assert BY_NAME[name].wrong(_value(deployment, name)) == ""
    assert changed.finish and changed.restart == tuple(
        dict.fromkeys(s for one in changed.names for s in BY_NAME[one].read_by)
    )
    with pytest.raises(ConfigError, match="two values already"):
        rotate(deployment, name, told.servers())
    finish(deployment, name)
    assert _value(deployment, name) == new
    with pytest.raises(ConfigError, match="nothing to finish"):
        finish(deployment, name)


def test_both_halves_of_an_s3_key_change_together(deployment: Path, told: Told) -> None:
    rotate(deployment, "s3_secret_key", told.servers())
    names = ("s3_access_key", "s3_secret_key")
    assert [len(_value(deployment, name).split(",")) for name in names] == [2, 2]


def test_a_pair_that_was_stopped_after_its_first_half_is_made_whole(
    deployment: Path, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = _value(deployment, "s3_secret_key")
    rotate(deployment, "s3_access_key", told.servers())
    from pipelines.deploy.secret_files import write_secret

    write_secret(deployment, "s3_secret_key", old)  # as if the second write had not come
    rotate(deployment, "s3_access_key", told.servers())
    names = ("s3_access_key", "s3_secret_key")
    assert [len(_value(deployment, name).split(",")) for name in names] == [2, 2]


@pytest.mark.parametrize("name", MADE)
def test_a_new_value_of_the_right_shape_replaces_the_old_one(
    deployment: Path, told: Told, name: str
) -> None:
    old = _value(deployment, name)
    rotate(deployment, name, told.servers())
    new = _value(deployment, name)
    assert new != old and BY_NAME[name].wrong(new) == ""
    assert not (deployment / "secrets" / f"{name}.next").exists()
    if BY_SECRET[name].how is not How.PLAIN:
        assert [value for _, value, _ in told.values] == [new]


def test_a_change_that_was_stopped_after_the_server_took_it_goes_on_with_the_same_value(
    deployment: Path, told: Told
) -> None:
    told.fails = True
    old = _value(deployment, "airflow_db_password")
    with pytest.raises(ServiceError):
        rotate(deployment, "airflow_db_password", told.servers())
    assert _value(deployment, "airflow_db_password") == old
    told.fails = False
    rotate(deployment, "airflow_db_password", told.servers())
    assert told.values[0][1] == told.values[1][1] == _value(deployment, "airflow_db_password")


def test_the_superuser_is_tried_with_the_new_password_too(deployment: Path, told: Told) -> None:
    old = _value(deployment, "postgres_password")
    rotate(deployment, "postgres_password", told.servers())
    assert told.values == [
        ("denguard", _value(deployment, "postgres_password"), [old, told.values[0][1]])
    ]


def test_programs_get_a_second_key_and_people_keep_theirs(stack: Stack, told: Told) -> None:
    anna = stack.people.add("anna", ROLES["analyst"]).key
    changed = rotate(stack.deployment, "endpoint_keys_sha256", told.servers())
    new, his = (hashlib.sha256(key.encode()).hexdigest() for key in (changed.key, anna))
    assert _value(stack.deployment, "endpoint_keys_sha256").split(",") == [new, PROGRAMS, his]
    finish(stack.deployment, "endpoint_keys_sha256")
    assert _value(stack.deployment, "endpoint_keys_sha256").split(",") == [new, his]
    assert EndpointKeys(stack.deployment).owners() == {"anna": his}


@pytest.mark.parametrize("name", ["smtp_url", "backup_key", "nothing_of_the_kind"])
def test_what_is_not_made_here_says_what_to_do(deployment: Path, told: Told, name: str) -> None:
    with pytest.raises(ConfigError) as refused:
        rotate(deployment, name, told.servers())
    assert refused.value.fix


@pytest.mark.parametrize(
    ("name", "users"),
    [
        ("mlflow_admin_password", lambda stack: stack.mlflow),
        ("airflow_admin_password", lambda stack: stack.airflow),
    ],
)
def test_the_command_changes_admin_s_password_where_it_holds(
    stack: Stack, name: str, users: Callable[[Stack], object]
) -> None:
    where = ["--deployment", str(stack.deployment)]
    where += ["--airflow", stack.airflow_url, "--mlflow", stack.mlflow_url]
    done = CliRunner().invoke(app, ["rotate", name, *where])
    assert done.exit_code == 0, done.output
    new = _value(stack.deployment, name)
    assert new != ADMIN
    assert users(stack).passwords["admin"] == new  # type: ignore[attr-defined]
    assert new not in done.output
