"""Every secret of the deployment changed on the running stack, by what `rotate` says to do."""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import httpx
import pytest
from support.stack import doors, kept
from support.stack import run as weekly
from support.stack.engine import KEY, Stack, until
from support.stack.table import Row, Table

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
API, BACK_S = "airflow-api-server", 600
ONE_AT_A_TIME = (
    "postgres_password", "mlflow_admin_password", "airflow_admin_password",
    "mlflow_endpoint_password", "mlflow_service_password", "mlflow_db_password",
    "airflow_db_password", "redis_password",
)  # fmt: skip


@dataclass
class Change:
    """One secret being changed as a person would: what the command says is done."""

    stack: Stack
    name: str
    said: str = ""
    restarted: set[str] = field(default_factory=set)

    def rotate(self, *words: str) -> None:
        self.said = self.stack.run("access", "rotate", self.name, *words)

    def restart(self) -> None:
        """Start those anew that it names, and wait until all is well."""
        named = re.search(r"^restart\s+docker compose restart ([a-z0-9 -]+)", self.said, re.M)
        running = set(self.stack.compose("ps", "--services").split())
        services = [s for s in (named[1].split() if named else ()) if s in running]
        self.restarted |= set(services)
        if services:
            self.stack.compose("restart", *services, timeout_s=BACK_S)
        self.stack.api = None
        until("all is healthy", lambda: kept.all_healthy(self.stack), BACK_S, every_s=2)

    def between(self) -> None:
        """The command that is to be given before the end."""
        if told := re.search(r"^then\s+docker compose (exec) (.*)$", self.said, re.M):
            self.stack.compose(told[1], "-T", *told[2].split(), timeout_s=BACK_S)

    def finish(self) -> None:
        if "--finish" in self.said:
            self.rotate("--finish")
            self.restart()


@contextmanager
def changed(stack: Stack, table: Table, name: str) -> Iterator[Change]:
    """Change a secret from the first command to the last, and write down what it took."""
    change, began = Change(stack, name), time.monotonic()
    change.rotate()
    change.restart()
    change.between()
    change.finish()
    yield change
    happened = f"old refused, new good; started anew: {', '.join(sorted(change.restarted)) or '-'}"
    table.add(Row(f"{name} changed", happened, time.monotonic() - began, "nothing"))


@pytest.mark.parametrize("name", ONE_AT_A_TIME)
def test_a_password_is_changed(stack: Stack, table: Table, name: str) -> None:
    old = stack.secret(name)
    assert doors.opens(stack, name, old)
    with changed(stack, table, name):
        new = stack.secret(name)
        assert new != old and "," not in new
        assert doors.opens(stack, name, new) and not doors.opens(stack, name, old)


@pytest.mark.parametrize("which", ["s3", "s3_mlflow"])
def test_a_pair_of_s3_keys_is_changed(stack: Stack, table: Table, which: str) -> None:
    bucket = "mlflow" if which == "s3_mlflow" else "artifacts"
    old = [stack.secret(f"{which}_{part}") for part in ("access_key", "secret_key")]
    assert doors.s3(stack, bucket, *old)
    with changed(stack, table, f"{which}_access_key"):
        new = [stack.secret(f"{which}_{part}") for part in ("access_key", "secret_key")]
        assert doors.s3(stack, bucket, *new) and not doors.s3(stack, bucket, *old)


def test_the_fernet_key_is_changed_and_what_it_sealed_can_be_read(
    stack: Stack, table: Table
) -> None:
    old = stack.secret("airflow_fernet_key")
    there = ("airflow", "connections", "get", "kept", "-o", "plain")
    if "s3cret-of-old" not in stack.compose("exec", "-T", API, *there, check=False):
        sealed = ("--conn-uri", "http://somebody:s3cret-of-old@example.org")
        stack.execute(API, "airflow", "connections", "add", "kept", *sealed)
    with changed(stack, table, "airflow_fernet_key"):
        assert stack.secret("airflow_fernet_key") not in (old, "")
        assert "s3cret-of-old" in stack.execute(API, *there)


def test_airflows_own_keys_are_changed(stack: Stack, table: Table) -> None:
    token = doors.airflow_token(stack, "admin", stack.secret("airflow_admin_password"))
    assert doors.airflow_takes(stack, token)
    with changed(stack, table, "airflow_jwt_secret"):
        assert not doors.airflow_takes(stack, token)
    with changed(stack, table, "airflow_secret_key"):
        assert doors.airflow_token(stack, "admin", stack.secret("airflow_admin_password"))
    with changed(stack, table, "mlflow_flask_secret"):
        assert doors.mlflow(stack, "admin", stack.secret("mlflow_admin_password"))


class Callers:
    """Programs that ask the endpoint behind the proxy all the time, each with its key."""

    def __init__(self, stack: Stack) -> None:
        self.url = f"https://127.0.0.1:{stack.settings['PROXY_HTTPS_PORT']}/forecast"
        self.keys = [stack.endpoint_key]
        self.answers: dict[str, int] = {}
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._ask, daemon=True)

    def _ask(self) -> None:
        with httpx.Client(verify=False, timeout=30) as client:  # noqa: S501 (the proxy's own)
            while not self._over.wait(0.1):
                for key in tuple(self.keys):
                    self._note(client, {"Authorization": f"Bearer {key}"})

    def _note(self, client: httpx.Client, headers: dict[str, str]) -> None:
        try:
            word = str(client.get(self.url, headers=headers).status_code)
        except httpx.HTTPError as err:
            word = type(err).__name__
        self.answers[word] = self.answers.get(word, 0) + 1

    def __enter__(self) -> Callers:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join(60)


def answers(stack: Stack, container: str) -> bool:
    """Whether a container's health check passes."""
    return stack.docker("inspect", "-f", "{{.State.Health.Status}}", container).strip() == "healthy"


def restart_in_turn(stack: Stack) -> None:
    """Both endpoints, one after the other."""
    for container in stack.compose("ps", "-q", "serving").split():
        stack.docker("restart", container)
        until("it is healthy", partial(answers, stack, container), BACK_S)


def test_the_endpoints_key_is_changed_and_nobody_is_refused(stack: Stack, table: Table) -> None:
    stack.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "serving=2", "serving")
    until("both endpoints run", lambda: len(stack.compose("ps", "-q", "serving").split()) == 2, 60)
    restart_in_turn(stack)
    change, old, began = Change(stack, "endpoint_keys_sha256"), stack.endpoint_key, time.monotonic()
    with Callers(stack) as callers:
        change.rotate()
        shown = re.search(KEY, change.said, re.M)
        assert shown
        restart_in_turn(stack)
        callers.keys.append(shown[1])
        time.sleep(5)
        callers.keys.remove(old)
        time.sleep(1)
        change.rotate("--finish")
        restart_in_turn(stack)
    took = time.monotonic() - began
    stack.remember(shown[1])
    refused = {word: count for word, count in callers.answers.items() if word != "200"}
    happened = f"two live keys, two endpoints in turn: {callers.answers} answers"
    table.add(Row("endpoint_keys_sha256 changed", happened, took, str(refused or "nothing")))
    assert refused == {}
    stack.compose("up", "-d", "--no-build", "--no-recreate", "--scale", "serving=1", "serving")
    assert stack.endpoint("/forecast").status_code == 200
    stack.endpoint_key = old
    assert stack.endpoint("/forecast").status_code == 401
    stack.endpoint_key = shown[1]


def test_a_weekly_run_is_green_with_every_new_value(stack: Stack, table: Table) -> None:
    before = weekly.forecasts(stack, kept.LIGHT)
    began = time.monotonic()
    weekly.begin(stack, "new-keys")
    weekly.until_done(stack, "new-keys")
    lost = weekly.lost(before, weekly.forecasts(stack, kept.LIGHT), ())
    happened = "green, the same forecasts"
    table.add(Row("a weekly run after all of them", happened, time.monotonic() - began, lost))
