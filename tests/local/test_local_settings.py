"""Secrets, ports and environments of the local services."""

from __future__ import annotations

import hashlib
import socket
import stat
from pathlib import Path

import pytest

from dags._limits import STEP_LIMITS
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, ServiceError, StoreError
from pipelines.local import supervisor
from pipelines.local.components import PORT_NAMES, Component, components, free_ports
from pipelines.local.layout import Layout, ensure_secrets
from pipelines.local.processes import Recorded
from pipelines.local.services import Services, State, load_state, save_state
from pipelines.ops.airflow import airflow_uri


@pytest.fixture
def layout(tmp_path: Path) -> Layout:
    made = Layout(DeploymentPaths(home=tmp_path))
    made.make()
    return made


def parts_of(layout: Layout) -> dict[str, Component]:
    parts = components(layout, ensure_secrets(layout), free_ports({}))
    return {part.name: part for part in parts}


def test_secrets_are_made_once_and_kept(layout: Layout) -> None:
    assert ensure_secrets(layout) == ensure_secrets(layout)


def test_two_deployments_share_no_secret(tmp_path: Path) -> None:
    made = []
    for name in ("one", "two"):
        layout = Layout(DeploymentPaths(home=tmp_path / name))
        layout.make()
        made.append(set(vars(ensure_secrets(layout)).values()))
    assert made[0].isdisjoint(made[1])


def test_secret_files_are_closed_to_others(layout: Layout) -> None:
    ensure_secrets(layout)
    for path in (layout.secrets_file, layout.api_key_file, layout.passwords_file):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600, path
    assert stat.S_IMODE(layout.local.stat().st_mode) == 0o700


def test_the_endpoint_knows_only_the_hash_of_the_key(layout: Layout) -> None:
    secrets = ensure_secrets(layout)
    for part in parts_of(layout).values():
        assert secrets.api_key not in str(dict(part.env)), part.name
        assert secrets.api_key not in str(part.argv), part.name
    known = parts_of(layout)["endpoint"].env["DENGUARD_API_KEY_SHA256"]
    assert known == hashlib.sha256(secrets.api_key.encode()).hexdigest()


def test_secrets_are_on_no_command_line(layout: Layout) -> None:
    secrets = vars(ensure_secrets(layout)).values()
    words = " ".join(word for part in parts_of(layout).values() for word in part.argv)
    assert [secret for secret in secrets if secret in words] == []


def test_only_airflow_gets_airflows_secrets(layout: Layout) -> None:
    secrets = ensure_secrets(layout)
    for name in ("mlflow", "endpoint"):
        assert secrets.jwt_secret not in parts_of(layout)[name].env.values()
        assert secrets.fernet_key not in parts_of(layout)[name].env.values()


def test_settings_of_another_deployment_do_not_leak_in(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AIRFLOW__CORE__EXECUTOR", "CeleryExecutor")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://elsewhere")
    monkeypatch.setenv("DENGUARD_API_KEY_SHA256", "0" * 64)
    monkeypatch.setenv("DENGUARD_PROFILE", "satellitebench")
    env = parts_of(layout)["scheduler"].env
    assert env["AIRFLOW__CORE__EXECUTOR"] == "dags._executor.PreloadedExecutor"
    assert env["MLFLOW_TRACKING_URI"].startswith("http://127.0.0.1:")
    assert "DENGUARD_API_KEY_SHA256" not in env
    assert env["DENGUARD_PROFILE"] == "satellitebench"


def test_everything_listens_on_loopback(layout: Layout) -> None:
    for part in parts_of(layout).values():
        if "--host" in part.argv:
            assert part.argv[part.argv.index("--host") + 1] == "127.0.0.1"
    # The log servers have no host setting and would listen everywhere.
    assert "--skip-serve-logs" in parts_of(layout)["scheduler"].argv
    assert "--skip-serve-logs" in parts_of(layout)["triggerer"].argv


def test_all_airflow_components_share_one_environment(layout: Layout) -> None:
    parts = parts_of(layout)
    names = ("api-server", "scheduler", "dag-processor", "triggerer")
    assert len({str(sorted(parts[name].env.items())) for name in names}) == 1
    assert parts["scheduler"].env["AIRFLOW__CORE__PARALLELISM"] == "2"


def test_tokens_of_queued_and_running_tasks_outlast_the_longest_task(layout: Layout) -> None:
    environment = parts_of(layout)["scheduler"].env
    longest_s = 60 * max(minutes for minutes, _ in STEP_LIMITS.values())
    assert float(environment["AIRFLOW__SCHEDULER__TASK_QUEUED_TIMEOUT"]) >= longest_s
    assert float(environment["AIRFLOW__EXECUTION_API__JWT_EXPIRATION_TIME"]) >= longest_s


def test_ports_are_distinct_and_former_ones_are_kept() -> None:
    first = free_ports({})
    assert set(first) == set(PORT_NAMES)
    assert len(set(first.values())) == len(PORT_NAMES)
    assert free_ports(first) == first


def test_a_port_that_somebody_took_is_replaced() -> None:
    wanted = free_ports({})
    with socket.create_server(("127.0.0.1", wanted["airflow"])):
        found = free_ports(wanted)
    assert found["airflow"] != wanted["airflow"]
    assert found["mlflow"] == wanted["mlflow"]


def test_state_survives_writing_and_holds_no_secret(layout: Layout) -> None:
    state = State(free_ports({}), {"mlflow": Recorded(1, 2.5)})
    save_state(layout, state)
    assert load_state(layout) == state
    written = layout.state_file.read_text()
    assert [s for s in vars(ensure_secrets(layout)).values() if s in written] == []


@pytest.mark.parametrize("text", ["{", '{"ports": 1, "processes": {}}'])
def test_a_damaged_state_file_is_named(layout: Layout, text: str) -> None:
    layout.state_file.write_text(text)
    with pytest.raises((ServiceError, StoreError), match=r"state\.json"):
        load_state(layout)


def test_stopping_where_nothing_was_started_makes_nothing(tmp_path: Path) -> None:
    assert supervisor.down(DeploymentPaths(home=tmp_path)) == 0
    assert list(tmp_path.iterdir()) == []
    assert supervisor.status(DeploymentPaths(home=tmp_path)) is False


def test_services_that_were_stopped_on_purpose_are_not_brought_back(layout: Layout) -> None:
    services = Services(layout, ensure_secrets(layout), State(free_ports({})))
    save_state(layout, State(services.state.ports))
    with pytest.raises(ServiceError, match="stopped meanwhile"):
        supervisor.revive(services)
    assert services.state.processes == {}


@pytest.mark.parametrize("variable", ["", "systemd", "compose"])
def test_where_others_run_the_services_make_up_is_not_advised(variable: str) -> None:
    environment = {"DENGUARD_STACK": variable, supervisor.API_VARIABLE: "http://api-server:8080"}
    assert "make up" not in supervisor.elsewhere(environment)
    assert ("docker compose ps" in supervisor.elsewhere(environment)) is (variable == "compose")


def test_where_nobody_runs_them_it_is() -> None:
    assert "make up" in supervisor.elsewhere({})


def test_a_task_outlives_an_api_server_that_is_away_for_two_minutes(layout: Layout) -> None:
    """Its heartbeats, and its last word: a server that refuses at once is asked at the shortest
    pauses."""
    env = parts_of(layout)["scheduler"].env
    every_s = int(env["AIRFLOW__WORKERS__MIN_HEARTBEAT_INTERVAL"])
    assert every_s * int(env["AIRFLOW__WORKERS__MAX_FAILED_HEARTBEATS"]) >= 120
    pauses = int(env["AIRFLOW__WORKERS__EXECUTION_API_RETRIES"]) - 1
    assert pauses * int(env["AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MIN"]) >= 120
    assert every_s <= 1  # so long may a task that has ended hold its process


_AIRFLOW = "postgresql+psycopg2://airflow:pw-of-airflow@db.example/airflow"
_MLFLOW = "postgresql+psycopg2://mlflow:pw-of-mlflow@db.example/mlflow"


def test_databases_of_a_postgresql_take_the_place_of_the_files(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each address reaches who uses it, and no list of processes."""
    monkeypatch.setenv("DENGUARD_AIRFLOW_DATABASE", _AIRFLOW)
    monkeypatch.setenv("DENGUARD_MLFLOW_DATABASE", _MLFLOW)
    parts = parts_of(layout)
    assert parts["scheduler"].env["AIRFLOW__DATABASE__SQL_ALCHEMY_CONN"] == _AIRFLOW
    assert parts["mlflow"].env["MLFLOW_BACKEND_STORE_URI"] == _MLFLOW
    assert "pw-of" not in " ".join(word for part in parts.values() for word in part.argv)
    assert "pw-of" not in str(dict(parts["endpoint"].env))
    assert layout.paths.tracking_uri == _MLFLOW  # for commands while nothing runs, and backups
    assert airflow_uri(layout.paths) == _AIRFLOW


def test_a_database_that_was_set_up_is_not_taken_for_another_one(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    notes = [supervisor._migrated(layout)]
    for address in (_AIRFLOW, _AIRFLOW.replace("db.example", "other.example")):
        monkeypatch.setenv("DENGUARD_AIRFLOW_DATABASE", address)
        notes.append(supervisor._migrated(layout))
    assert len(set(notes)) == 3
    assert "pw-of" not in " ".join(notes)


def test_a_database_without_its_driver_is_refused(
    layout: Layout, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_MLFLOW_DATABASE", "mysql://somebody@db.example/mlflow")
    with pytest.raises(ConfigError, match="DENGUARD_MLFLOW_DATABASE"):
        supervisor.up(layout.paths)
    assert not layout.state_file.exists()
