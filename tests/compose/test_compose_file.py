"""docker-compose.yml as an operator meets it: one server first, no secret, closed containers."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from dags._limits import STEP_LIMITS
from pipelines.deploy.secret_table import BY_NAME
from pipelines.ops.settings import AlertSettings
from serving.settings import Settings

ROOT = Path(__file__).resolve().parents[2]
COMPOSE, EXAMPLE = ROOT / "docker-compose.yml", ROOT / ".env.example"
VARIABLE = re.compile(r"(?<!\$)\$\{([A-Z0-9_]+)(:?[-?][^}]*)?\}")
PROFILES = {"workers", "s3", "monitoring", "second-host", "tools"}
BY_HAND = {"doctor", "access"}  # as root, since secrets/ is root's alone
ONE_SERVER = {
    "postgres", "postgres-init", "mlflow", "mlflow-init", "airflow-init", "airflow-api-server",
    "airflow-scheduler", "airflow-dag-processor", "serving",
}  # fmt: skip
READ_ELSEWHERE = {"COMPOSE_PROFILES"}  # by compose itself
REACH_OUT = {"airflow-scheduler", "airflow-dag-processor", "worker-default"}


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return parsed


@pytest.fixture(scope="module")
def services(compose: dict[str, Any]) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = compose["services"]
    return found


def used_variables() -> list[tuple[str, str]]:
    return VARIABLE.findall(COMPOSE.read_text(encoding="utf-8"))


def strings(node: Any, key: str = "") -> Iterator[tuple[str, str]]:
    if isinstance(node, dict):
        for name, value in node.items():
            yield from strings(value, str(name))
    elif isinstance(node, list):
        for value in node:
            yield from strings(value, key)
    elif isinstance(node, str):
        yield key, node


def words_of(service: dict[str, Any]) -> list[str]:
    return [str(w) for key in ("entrypoint", "command") for w in service.get(key, [])]


def test_every_variable_is_in_the_example_with_the_same_default() -> None:
    lines = EXAMPLE.read_text(encoding="utf-8").splitlines()
    example = dict(line.split("=", 1) for line in lines if re.match(r"^[A-Z0-9_]+=", line))
    assert {name for name, _ in used_variables()} == set(example) - READ_ELSEWHERE
    defaults = {(name, rest.lstrip(":-")) for name, rest in used_variables()}
    assert defaults <= set(example.items())


def test_the_default_is_one_server_and_the_rest_are_profiles(
    services: dict[str, dict[str, Any]],
) -> None:
    plain = {name for name, service in services.items() if not service.get("profiles")}
    assert plain >= ONE_SERVER
    assert {p for s in services.values() for p in s.get("profiles", [])} <= PROFILES


def test_no_service_waits_for_one_that_a_profile_may_leave_out(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            same = service.get("profiles") == services[other].get("profiles")
            if services[other].get("profiles") and not same:
                assert how.get("required") is False, f"{name} -> {other}"


def test_dependencies_wait_for_health_or_success(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            once = services[other]["restart"] == "no"
            wanted = "service_completed_successfully" if once else "service_healthy"
            assert how["condition"] == wanted, f"{name} -> {other}"


# --- secrets --------------------------------------------------------------------------------------


def secrets_read_by(service: dict[str, Any]) -> set[str]:
    """What a service's environment, or a script of deploy/ that it runs, reads of its secrets."""
    values = [str(v) for v in (service.get("environment") or {}).values()]
    read = {v.removeprefix("/run/secrets/") for v in values if v.startswith("/run/secrets/")}
    read |= {name for v in values for name in re.findall(r"\{secret:([a-z0-9_]+)\}", v)}
    mounted = [v.split(":")[0] for v in service.get("volumes", []) if v.startswith("./deploy/")]
    for script in (path for path in mounted if (ROOT / path).is_file()):
        text = (ROOT / script).read_text(encoding="utf-8")
        read |= set(re.findall(r"(?:/run/secrets|DENGUARD_SECRETS_DIR)/([a-z0-9_]+)", text))
        read |= {
            n for line in re.findall(r"^ *identity \w+ (\w+ \w+)", text, re.M) for n in line.split()
        }
    return read


def test_each_container_is_given_the_secrets_that_it_reads_and_no_other(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        assert set(service.get("secrets", [])) >= secrets_read_by(service), name
        extra = set(service.get("secrets", [])) - secrets_read_by(service)
        # Scheduler and DAG processor share a list with the workers, one of whose is Redis's; the
        # proxy looks into the folder.
        assert extra <= {"redis_password", "cert.pem", "key.pem", "link.pem"}, name


def test_who_goes_on_with_an_old_secret_is_started_anew(
    services: dict[str, dict[str, Any]],
) -> None:
    lasting = {n: s for n, s in services.items() if s.get("restart") != "no"}
    for name, service in lasting.items():
        read = secrets_read_by(service)
        assert not [one for one in read if name not in BY_NAME[one].read_by], name


def test_every_secret_is_a_file_beside_the_settings(compose: dict[str, Any]) -> None:
    given = {name for s in compose["services"].values() for name in s.get("secrets", [])}
    assert given == set(compose["secrets"])
    for name, how in compose["secrets"].items():
        assert how == {"file": f"${{DENGUARD_SECRETS:-./secrets}}/{name}"}


def test_no_secret_is_written_into_the_file_or_an_argument(compose: dict[str, Any]) -> None:
    secret_name = re.compile(r"PASSWORD|SECRET|FERNET|_KEY(_|$)|SHA256|SMTP_URL|BEARER")
    named = [(key, value) for key, value in strings(compose) if secret_name.search(key)]
    assert named
    good = re.compile(r"/run/secrets/|\{secret:\w+\}$|\$\{DENGUARD_SECRETS")
    assert [pair for pair in named if not good.match(pair[1])] == []
    inside = [found for _, v in strings(compose) for found in re.findall(r"//\w*:([^/@\s]+)@", v)]
    assert inside and all(re.fullmatch(r"\{secret:[a-z0-9_]+\}", word) for word in inside)
    for name, service in compose["services"].items():
        assert not re.search(r"(?i)password|secret", " ".join(words_of(service))), name


def test_database_addresses_name_their_driver_and_a_role_of_their_own(
    compose: dict[str, Any],
) -> None:
    found = [value for _, value in strings(compose) if "postgresql" in value and "://" in value]
    roles = [re.match(r"^(?:db\+)?postgresql\+psycopg2://(\w+):", value) for value in found]
    assert {role[1] if role else "" for role in roles} == {"airflow", "mlflow"}


# --- closed containers ----------------------------------------------------------------------------


def test_every_container_is_closed(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        assert service["read_only"] is True, name
        assert not service.get("privileged"), name
        if name in BY_HAND:
            continue
        assert not service.get("cap_add"), name
        own = service["image"].startswith("denguard-")  # their Dockerfiles name the user
        assert own or re.fullmatch(r"[1-9]\d*:\d+", str(service.get("user"))), name


def test_every_container_is_limited_and_restarts_or_ends(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        assert service["mem_limit"] == service["memswap_limit"], name
        assert service["pids_limit"] and (service.get("cpus") or service.get("cpu_shares")), name
        assert service["restart"] in {"unless-stopped", "no"}, name
        once = service["restart"] == "no"
        assert once or service.get("healthcheck"), f"{name} runs on without a health check"


def test_only_those_that_fetch_or_alert_reach_out(compose: dict[str, Any]) -> None:
    assert compose["networks"]["inside"] == {"internal": True}
    outside = {n for n, s in compose["services"].items() if "outside" in s.get("networks", [])}
    assert outside - {"proxy", "link", "watch", "doctor", "backup"} == REACH_OUT


def test_only_loopback_or_the_proxy_is_published(services: dict[str, dict[str, Any]]) -> None:
    for name, service in services.items():
        ports = [str(p) for p in service.get("ports", [])]
        assert name in {"proxy", "link"} or all(p.startswith("127.0.0.1:") for p in ports), name


# --- health and faults ----------------------------------------------------------------------------


def test_a_health_check_starts_no_python_and_no_command_of_airflows(
    services: dict[str, dict[str, Any]],
) -> None:
    for name, service in services.items():
        test = service.get("healthcheck", {}).get("test", ["CMD", ""])
        assert test[0] == "CMD" and "/" in test[1] + "/", name
        assert not re.search(r"python|airflow |celery|mlflow", " ".join(test[1:2])), name


def test_who_is_waited_for_is_looked_at_often_and_no_other(
    services: dict[str, dict[str, Any]],
) -> None:
    waited = {
        name
        for service in services.values()
        for name, how in service.get("depends_on", {}).items()
        if how["condition"] == "service_healthy"
    } | {"serving"}  # whose replicas are restarted in turn
    for name, service in services.items():
        if check := service.get("healthcheck"):
            often = int(check["interval"].rstrip("s")) <= 20
            assert often == (name in waited), name


def test_postgres_is_healthy_only_when_it_listens_to_others(
    services: dict[str, dict[str, Any]],
) -> None:
    test = services["postgres"]["healthcheck"]["test"]
    assert test[0:2] == ["CMD", "pg_isready"]
    assert test[test.index("--host") + 1] == "127.0.0.1"


def test_a_slow_mlflow_is_waited_for_and_has_one_worker(
    services: dict[str, dict[str, Any]],
) -> None:
    assert int(services["mlflow"]["healthcheck"]["start_period"].rstrip("s")) >= 300
    script = (ROOT / "deploy/mlflow/server.sh").read_text(encoding="utf-8")
    assert "--workers 1" in script and "--app-name basic-auth" in script


def test_a_task_outlives_two_minutes_without_api_server_but_not_a_power_cut(
    compose: dict[str, Any],
) -> None:
    settings = compose["x-airflow-environment"]
    tries = int(settings["AIRFLOW__WORKERS__EXECUTION_API_RETRIES"])
    longest = int(settings["AIRFLOW__WORKERS__EXECUTION_API_RETRY_WAIT_MAX"])
    # The wait of a try is drawn evenly between 0 and 1, 2, 4, ... at most `longest` seconds.
    expected = sum(min(longest, 2**n) / 2 for n in range(tries - 1))
    assert expected > 120
    given_up = int(settings["AIRFLOW__SCHEDULER__TASK_INSTANCE_HEARTBEAT_TIMEOUT"])
    assert given_up > 120 + longest
    # A scheduler that died counts as dead after 30 s; its tasks are reset at the next look.
    assert int(settings["AIRFLOW__SCHEDULER__ORPHANED_TASKS_CHECK_INTERVAL"]) + 30 <= 60
    assert compose["x-celery-environment"]["AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS"] == (
        "dags._celery.CONFIG"
    )


def test_a_task_is_not_handed_out_twice_while_it_runs(compose: dict[str, Any]) -> None:
    timeout = "AIRFLOW__CELERY_BROKER_TRANSPORT_OPTIONS__VISIBILITY_TIMEOUT"
    longest_s = 60 * max(minutes for minutes, _ in STEP_LIMITS.values())
    assert int(compose["x-celery-environment"][timeout]) > longest_s


def test_dags_run_from_the_start(compose: dict[str, Any]) -> None:
    settings = compose["x-airflow-environment"]
    assert settings["AIRFLOW__CORE__DAGS_ARE_PAUSED_AT_CREATION"] == "false"


def test_workers_cover_both_queues(services: dict[str, dict[str, Any]]) -> None:
    commands = [words_of(service) for service in services.values()]
    queues = {c[c.index("--queues") + 1] for c in commands if "--queues" in c}
    assert queues == {"default", "cpu-heavy"}


# --- settings that the code reads -----------------------------------------------------------------


def environment_of(services: dict[str, dict[str, Any]], service: str) -> dict[str, str]:
    given: dict[str, str] = services[service]["environment"]
    return {name.removesuffix("_FILE"): value for name, value in given.items()}


def test_every_denguard_setting_is_one_that_the_code_reads(
    services: dict[str, dict[str, Any]],
) -> None:
    endpoint = {f"DENGUARD_{field.upper()}" for field in Settings.model_fields}
    code = "".join(
        p.read_text() for room in ("pipelines", "dags") for p in (ROOT / room).rglob("*.py")
    )
    alerts = {f"DENGUARD_{field.upper()}" for field in AlertSettings.model_fields}
    steps = set(re.findall(r"\"(DENGUARD_[A-Z0-9_]+)\"", code)) | alerts
    for service, known in (("serving", endpoint), ("airflow-scheduler", steps)):
        given = {n for n in environment_of(services, service) if n.startswith("DENGUARD_")}
        assert given
        assert given <= known, service


def test_steps_and_endpoint_compute_with_the_same_number_of_threads(
    services: dict[str, dict[str, Any]],
) -> None:
    for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        for service in ("airflow-scheduler", "worker-default", "worker-cpu-heavy", "serving"):
            assert environment_of(services, service)[name] == "1", (service, name)


def test_the_endpoint_does_not_wait_for_airflow(services: dict[str, dict[str, Any]]) -> None:
    waits, to_do = set[str](), ["serving"]
    while to_do:
        new = set(services[to_do.pop()].get("depends_on", {})) - waits
        waits |= new
        to_do += sorted(new)
    assert "mlflow" in waits
    assert [name for name in waits if name.startswith(("airflow", "worker"))] == []
