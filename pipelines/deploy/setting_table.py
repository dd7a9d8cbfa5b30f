"""Settings of `.env` whose values decide whether a stack can work, and what a value must be.

Every setting stands with its comment in `.env.example`; here are those that `denguard init` writes
itself, and those that would fail only later.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Callable, Mapping, Sequence

Check = Callable[[str], str]  # value -> what is wrong with it, "" if nothing is

OVERLAYS_VARIABLE, PROFILE_VARIABLE = "COMPOSE_PROFILES", "DENGUARD_PROFILE"
EXECUTOR_VARIABLE = "AIRFLOW_EXECUTOR"
NAME_VARIABLE, PAGES_VARIABLE = "PROXY_NAME", "AIRFLOW_BASE_URL"
PAGES_PORT = "PROXY_AIRFLOW_PORT"
FIRST_VERSIONS_OVERLAYS = ("workers", "s3")  # it knew nothing else
# What one server needs, which may be outgrown: overlay -> what its settings become.
ONE_SERVER: Mapping[str, str] = {
    OVERLAYS_VARIABLE: "",
    EXECUTOR_VARIABLE: "dags._executor.PreloadedExecutor",
    "AIRFLOW_PARALLELISM": "2",
}
OVERLAYS: Mapping[str, Mapping[str, str]] = {
    "workers": {EXECUTOR_VARIABLE: "CeleryExecutor", "AIRFLOW_PARALLELISM": "16"},
    "s3": {
        "S3_ENDPOINT_URL": "http://s3:8333",
        "DENGUARD_ARTIFACTS_URI": "s3://artifacts",
        "DENGUARD_DVC_REMOTE": "s3://versions",
        "MLFLOW_FILES": "s3://mlflow",
    },
    "monitoring": {"DENGUARD_PROMETHEUS_URL": "http://prometheus:9090"},
    "second-host": {},
}
# Of the first version's page: nobody chose them, and in this one they say something else.
FIRST_VERSIONS_DEFAULTS = {
    "AIRFLOW_BASE_URL": "http://127.0.0.1:8080",
    "AIRFLOW_PORT": "8080",
    "MLFLOW_PORT": "5000",
    "SERVING_PORT": "8000",
}


def implied(overlays: Sequence[str]) -> dict[str, str]:
    """What settings are by default on a server with these overlays."""
    found = dict(ONE_SERVER)
    for name in overlays:
        found |= OVERLAYS.get(name, {})
    return found | {OVERLAYS_VARIABLE: ",".join(overlays)}


def overlays_of(values: Mapping[str, str]) -> list[str]:
    """Compose's profiles that a `.env` names, in its order."""
    return [w.strip() for w in values.get(OVERLAYS_VARIABLE, "").split(",") if w.strip()]


def _number(least: float, whole: bool) -> Check:
    kind = "a whole number" if whole else "a number"

    def check(value: str) -> str:
        pattern = r"\d{1,12}" if whole else r"\d{1,12}(\.\d+)?"
        good = re.fullmatch(pattern, value) and float(value) >= least
        return "" if good or not value else f"it must be {kind} of {least:g} or more"

    return check


def _port(value: str) -> str:
    good = re.fullmatch(r"[0-9]{1,6}", value) and 0 < int(value) <= 65535
    return "" if good else "it is not a port between 1 and 65535"


def _host_name(value: str) -> str:
    good = re.fullmatch(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,252})", value)
    return "" if good else "write a host's name or address, such as denguard.example.org"


def _address(value: str) -> str:
    good = re.fullmatch(r"https?://[^\s/]+(/\S*)?", value)
    return "" if good or not value else "write http://host or https://host"


def _secrets(value: str) -> str:
    good = posixpath.normpath(value) == "secrets"
    return "" if good else "denguard init keeps them in ./secrets alone, so leave this out"


def _memory(value: str) -> str:
    good = re.fullmatch(r"\d+[kmgKMG]", value)
    return "" if good or not value else "write it as 8g"


def _executor(value: str) -> str:
    known = [settings[EXECUTOR_VARIABLE] for settings in (ONE_SERVER, OVERLAYS["workers"])]
    return "" if value in {*known, "LocalExecutor"} else f"use {' or '.join(known)}"


_CHECKS: Mapping[str, Check] = {
    EXECUTOR_VARIABLE: _executor,
    "DENGUARD_PREDICTION_LOG_DAYS": _number(0, whole=True),
    "DENGUARD_MAX_WEEKLY_CASES": _number(1, whole=True),
    "DENGUARD_MIN_USUAL_RAINFALL_MM": _number(0, whole=False),
    "DENGUARD_CORES": _number(1, whole=True),
    "AIRFLOW_PARALLELISM": _number(1, whole=True),
    "DENGUARD_SECRETS": _secrets,
    NAME_VARIABLE: _host_name,
    PAGES_VARIABLE: _address,
    "HEAVY_WORKER_MEMORY": _memory,
}


def ports_of(values: Mapping[str, str]) -> dict[str, str]:
    """Variables that publish a port on this machine -> the port as it is written."""
    return {name: value for name, value in values.items() if name.endswith("_PORT")}


def wrong_settings(values: Mapping[str, str]) -> dict[str, str]:
    """Variable -> what is wrong with its value, for those that are wrong by themselves or together.

    DENGUARD_PROFILE is looked up elsewhere: it needs the deployment's folder.
    """
    checks = {**_CHECKS, **dict.fromkeys(ports_of(values), _port)}
    found = {n: why for n, check in checks.items() if n in values and (why := check(values[n]))}
    return {**_together(values), **found}


def _together(values: Mapping[str, str]) -> dict[str, str]:
    named, found = overlays_of(values), dict[str, str]()
    if unknown := [name for name in named if name not in OVERLAYS]:
        found[OVERLAYS_VARIABLE] = f"there is no {unknown[0]!r}; use {', '.join(OVERLAYS)}"
    celery = values.get(EXECUTOR_VARIABLE) == OVERLAYS["workers"][EXECUTOR_VARIABLE]
    if EXECUTOR_VARIABLE in values and celery != ("workers" in named):
        found[EXECUTOR_VARIABLE] = (
            "tasks would wait for ever: CeleryExecutor and the profile `workers` of "
            f"{OVERLAYS_VARIABLE} belong together"
        )
    if "second-host" in named and "workers" not in named:
        found[OVERLAYS_VARIABLE] = "second-host is of use to `workers` alone: name that, too"
    if "s3" in named and not values.get("DENGUARD_ARTIFACTS_URI", "s3:").startswith("s3:"):
        found["DENGUARD_ARTIFACTS_URI"] = (
            f"{OVERLAYS_VARIABLE} names s3, and this is no s3:// address"
        )
    seen = dict[str, str]()
    for name, port in ports_of(values).items():
        if port in seen:
            found[name] = f"it is the port of {seen[port]}, too"
        seen.setdefault(port, name)
    return found
