"""docker-compose.yml as an operator meets it: no default secret, both queues, known to linters."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dags._limits import STEP_LIMITS
from pipelines.ops.settings import AlertSettings
from serving.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE, EXAMPLE = ROOT / "docker-compose.yml", ROOT / ".env.example"
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:?[-?][^}]*)?\}")
SECRETS = {
    "POSTGRES_PASSWORD",
    "REDIS_PASSWORD",
    "MINIO_ROOT_USER",
    "MINIO_ROOT_PASSWORD",
    "AIRFLOW_FERNET_KEY",
    "AIRFLOW_SECRET_KEY",
    "AIRFLOW_JWT_SECRET",
    "AIRFLOW_ADMIN_PASSWORD",
    "DENGUARD_API_KEY_SHA256",
}
FILLED = "f" * 43
DCLINT = "3.1.0"  # .ci/run installs the same


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def example() -> dict[str, str]:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    return dict(line.split("=", 1) for line in lines if re.match(r"^[A-Z0-9_]+=", line))


def used_variables() -> list[tuple[str, str]]:
    return VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))


def command_of(service: dict[str, Any]) -> list[str]:
    return [str(word) for word in service.get("command", [])]


def test_every_variable_is_in_the_example(example: dict[str, str]) -> None:
    assert {name for name, _ in used_variables()} == set(example)


def test_every_secret_must_be_set_and_has_no_default(example: dict[str, str]) -> None:
    found = {(name, rest) for name, rest in used_variables() if name in SECRETS}
    assert {name for name, _ in found} == SECRETS
    assert found == {(name, f":?set {name} in .env") for name in SECRETS}
    assert {example[name] for name in SECRETS} == {""}


def strings(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from strings(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, key)
    elif isinstance(node, str):
        yield key, node


def test_no_secret_is_written_into_the_file(compose: dict[str, Any]) -> None:
    secret_name = re.compile(r"PASSWORD|SECRET|FERNET|_KEY(_|$)|SHA256")
    named = [(key, value) for key, value in strings(compose) if secret_name.search(key)]
    assert named
    assert [pair for pair in named if not pair[1].startswith("${")] == []
    credentials = [
        re.findall(r"//[^/@\s]*:([^@/\s]+)@", VARIABLE.sub("SECRET", v))
        for _, v in strings(compose)
    ]
    assert {word for found in credentials for word in found} == {"SECRET"}


def test_workers_cover_both_queues(compose: dict[str, Any]) -> None:
    commands = [command_of(service) for service in compose["services"].values()]
    queues = {c[c.index("--queues") + 1] for c in commands if "--queues" in c}
    assert queues == {"default", "cpu-heavy"}


def test_a_task_is_not_handed_out_twice_while_it_runs(compose: dict[str, Any]) -> None:
    environment = compose["x-airflow-environment"]
    timeout = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
    assert int(environment[timeout]) > 60 * max(minutes for minutes, _ in STEP_LIMITS.values())


def test_database_addresses_name_their_driver(compose: dict[str, Any]) -> None:
    addresses = [value for _, value in strings(compose) if "postgresql" in value and "://" in value]
    assert addresses
    assert all(re.match(r"^(db\+)?postgresql\+psycopg2://", a) for a in addresses)


def test_mlflow_lists_its_service_name_with_and_without_port(compose: dict[str, Any]) -> None:
    command = command_of(compose["services"]["mlflow"])
    hosts = command[command.index("--allowed-hosts") + 1].split(",")
    assert {"mlflow", "mlflow:5000"} <= set(hosts)


def test_every_service_has_a_memory_limit_and_restarts_or_ends(compose: dict[str, Any]) -> None:
    for name, service in compose["services"].items():
        assert service.get("mem_limit"), name
        assert service.get("restart") in {"unless-stopped", "no"}, name
        once = service["restart"] == "no"
        assert once or service.get("healthcheck"), f"{name} runs on without a health check"


def test_dependencies_wait_for_health_or_success(compose: dict[str, Any]) -> None:
    services = compose["services"]
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            once = services[other]["restart"] == "no"
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert how["condition"] == wanted, f"{name} -> {other}"


def test_only_loopback_is_published(compose: dict[str, Any]) -> None:
    published = [p for s in compose["services"].values() for p in s.get("ports", [])]
    assert published
    assert all(p.startswith("127.0.0.1:") for p in published)


def environment_of(compose: dict[str, Any], service: str) -> dict[str, str]:
    given: dict[str, str] = compose["services"][service]["environment"]
    return given


def test_every_denguard_setting_is_one_that_the_code_reads(compose: dict[str, Any]) -> None:
    endpoint = {f"DENGUARD_{field.upper()}" for field in Settings.model_fields}
    code = "".join(
        p.read_text() for room in ("pipelines", "dags") for p in (ROOT / room).rglob("*.py")
    )
    alerts = {f"DENGUARD_{field.upper()}" for field in AlertSettings.model_fields}
    steps = set(re.findall(r"\"(DENGUARD_[A-Z0-9_]+)\"", code)) | alerts
    for service, known in (("serving", endpoint), ("worker-cpu-heavy", steps)):
        given = {n for n in environment_of(compose, service) if n.startswith("DENGUARD_")}
        assert given
        assert given <= known, service


def test_steps_and_endpoint_compute_with_the_same_number_of_threads(
    compose: dict[str, Any],
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        for service in ("worker-default", "worker-cpu-heavy", "serving"):
            assert environment_of(compose, service)[name] == "1", (service, name)


def test_the_endpoint_does_not_wait_for_airflow(compose: dict[str, Any]) -> None:
    waits, to_do = set[str](), ["serving"]
    while to_do:
        new = set(compose["services"][to_do.pop()].get("depends_on", {})) - waits
        waits |= new
        to_do += sorted(new)
    assert "mlflow" in waits
    assert [name for name in waits if name.startswith(("airflow", "worker"))] == []


def test_the_endpoint_can_load_a_fused_champion(compose: dict[str, Any]) -> None:
    extras = compose["services"]["serving"]["build"]["args"]["EXTRAS"]
    assert set(extras.split(",")) == {"serving", "encoders", "fast"}


@pytest.mark.parametrize("room", ["dags", "serving"])
def test_an_image_owns_what_it_writes_and_leaves_secrets_out(room: str) -> None:
    recipe = (ROOT / room / "Dockerfile").read_text(encoding="utf-8").replace("\\\n", " ")
    homes = re.findall(r"\b(?:AIRFLOW|DENGUARD)_HOME=(\S+)", recipe)
    owned = re.findall(r"install -d -o denguard ([^&\n]+)", recipe)[0].split()
    assert homes and set(homes) <= set(owned)
    # Everything is left out of the build unless named: .env, .git, artifacts and the environment.
    ignored = (ROOT / room / "Dockerfile.dockerignore").read_text(encoding="utf-8").splitlines()
    assert "*" in ignored
    assert not {"!.env", "!.git", "!artifacts", "!data"} & set(ignored)


def test_the_file_says_that_it_has_not_been_run() -> None:
    assert "has\n# not been run end to end yet" in COMPOSE.read_text(encoding="utf-8")


def compose_command() -> list[str]:
    """The command that reads compose files: of its own, or a part of docker's."""
    if shutil.which("docker-compose"):
        return ["docker-compose"]
    if shutil.which("docker"):
        answer = subprocess.run(
            ["docker", "compose", "version"], capture_output=True, timeout=30, check=False
        )
        if answer.returncode == 0:
            return ["docker", "compose"]
    pytest.skip("docker-compose is not installed (Debian: apt install docker-compose)")


def compose_config(environment: dict[str, str], tmp_path: Path) -> subprocess.CompletedProcess[str]:
    env_file = tmp_path / "env"
    env_file.write_text("".join(f"{k}={v}\n" for k, v in environment.items()))
    argv = [*compose_command(), "--env-file", str(env_file), "-f", str(COMPOSE), "config"]
    clean = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    return subprocess.run(argv, capture_output=True, text=True, timeout=60, env=clean, check=False)


def test_a_filled_environment_interpolates(example: dict[str, str], tmp_path: Path) -> None:
    done = compose_config(example | dict.fromkeys(SECRETS, FILLED), tmp_path)
    assert done.returncode == 0, done.stderr
    resolved = yaml.safe_load(done.stdout)
    assert not VARIABLE.search(done.stdout)
    heavy = resolved["services"]["worker-cpu-heavy"]["environment"]
    assert heavy["AIRFLOW__CELERY__BROKER_URL"] == f"redis://:{FILLED}@redis:6379/0"


@pytest.mark.parametrize("name", sorted(SECRETS))
def test_an_unfilled_secret_is_refused_by_name(
    name: str, example: dict[str, str], tmp_path: Path
) -> None:
    done = compose_config(example | dict.fromkeys(SECRETS - {name}, FILLED), tmp_path)
    assert done.returncode != 0
    assert f"set {name} in .env" in done.stderr


def test_an_environment_that_nobody_filled_is_refused(
    example: dict[str, str], tmp_path: Path
) -> None:
    for environment in ({}, example):
        done = compose_config(environment, tmp_path)
        assert done.returncode != 0
        assert re.search(r"set [A-Z0-9_]+ in \.env", done.stderr)


def preflight(compose: dict[str, Any], values: dict[str, str]) -> subprocess.CompletedProcess[str]:
    script = compose["services"]["preflight"]["command"][0].replace("$$", "$")
    return subprocess.run(
        ["bash", "-euc", script],
        env=values,
        capture_output=True,
        text=True,
        timeout=10,
        check=False,
    )


@pytest.mark.parametrize("bad", ["change-me", "a/password@with:uri-characters", "short"])
def test_preflight_refuses_what_is_no_secret(compose: dict[str, Any], bad: str) -> None:
    good = dict.fromkeys(SECRETS, FILLED)
    assert preflight(compose, good).returncode == 0
    refused = preflight(compose, good | {"REDIS_PASSWORD": bad})
    assert refused.returncode == 1
    assert "REDIS_PASSWORD" in refused.stdout
    assert "What to do" in refused.stdout


def test_ci_installs_the_linter_that_this_file_names() -> None:
    assert f"--prefix .venv/node dclint@{DCLINT}" in (ROOT / ".ci/run").read_text(encoding="utf-8")


def test_the_schema_linter_finds_no_error(tmp_path: Path) -> None:
    beside = Path(sys.prefix) / "node" / "node_modules" / ".bin"
    linter = shutil.which("dclint", path=f"{beside}{os.pathsep}{os.environ['PATH']}")
    if linter is None:
        pytest.skip(f"dclint is not installed (npm install --prefix .venv/node dclint@{DCLINT})")
    # One image serves many services, so it needs a build and a name to be found by.
    argv = [linter, str(COMPOSE), "--quiet", "--disable-rule", "no-build-and-image"]
    done = subprocess.run(
        argv, capture_output=True, text=True, timeout=120, cwd=tmp_path, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
