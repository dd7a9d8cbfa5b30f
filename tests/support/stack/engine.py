"""A deployment on a Docker engine, made from this checkout: brought up, asked, broken."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx

from pipelines.errors import ServiceError
from pipelines.local.airflow_api import AirflowApi

ROOT = Path(__file__).resolve().parents[3]
PROJECT = os.environ.get("DENGUARD_STACK_PROJECT", "denguard-stack-test")
DAG = "retraining"
_CALL_S = 120
_BUILD_S = 3600
_KEY_FILE = "endpoint-key"
KEY = r"^\s+([A-Za-z0-9_-]{43})\s*$"  # init shows it once, on a line of its own


class FaultyStack(AssertionError):
    """The stack did not do what it must; the text says what was waited for."""


def engine_is_there() -> str:
    """ "" if a Docker engine with Compose answers, else why not, in words."""
    if shutil.which("docker") is None:
        return "docker is not installed"
    for argv in (["docker", "info"], ["docker", "compose", "version"]):
        done = subprocess.run(argv, capture_output=True, text=True, timeout=60, check=False)
        if done.returncode:
            return f"{' '.join(argv)} says: {(done.stderr or done.stdout).strip()[-200:]}"
    return ""


def key_of(folder: Path) -> str:
    """The endpoint's key of an installation that was left up; "" if it is not known any more."""
    file = folder / _KEY_FILE
    return file.read_text(encoding="utf-8") if file.is_file() else ""


def until(what: str, holds: Callable[[], bool], within_s: float, every_s: float = 0.5) -> float:
    """Seconds until it holds.

    Raises:
        FaultyStack: it does not within that time.
    """
    began = time.monotonic()
    while not _holds(holds):
        if time.monotonic() - began > within_s:
            raise FaultyStack(f"{what}: not within {within_s:.0f} s")
        time.sleep(every_s)
    return time.monotonic() - began


def _holds(question: Callable[[], bool]) -> bool:
    """What is asked may be away just then: that is a no."""
    try:
        return question()
    except (ServiceError, httpx.HTTPError):
        return False


@dataclass
class Stack:
    """One installation in a folder of its own.

    Attributes:
        folder: the copy of the checkout, with its .env and secrets/.
        settings: environment of compose: ports and names of this installation.
        endpoint_key: that init made.
        api: of Airflow, logged in.
        override: a further compose file of this place (DENGUARD_STACK_OVERRIDE), for builds
            without a network of their own.
        project: of compose, before the names of its volumes.
    """

    folder: Path
    settings: Mapping[str, str]
    endpoint_key: str = ""
    api: AirflowApi | None = None
    override: str = field(default_factory=lambda: os.environ.get("DENGUARD_STACK_OVERRIDE", ""))
    project: str = PROJECT

    def lay_out(self) -> None:
        """Copy what is tracked, as a clone would have it."""
        listed = subprocess.run(
            ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"],
            cwd=ROOT, capture_output=True, text=True, timeout=60, check=True,
        )  # fmt: skip
        for name in filter(None, listed.stdout.split("\0")):
            source, target = ROOT / name, self.folder / name
            if source.is_file():
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(source, target)

    def docker(self, *argv: str, timeout_s: float = _CALL_S, check: bool = True) -> str:
        """Standard output of one call of docker, in the installation's folder."""
        done = subprocess.run(
            ["docker", *argv], cwd=self.folder, capture_output=True, text=True,
            timeout=timeout_s, env=self.environment(), check=False,
        )  # fmt: skip
        if check and done.returncode:
            raise FaultyStack(f"docker {' '.join(argv)}: {(done.stderr + done.stdout)[-2000:]}")
        return done.stdout

    def environment(self) -> dict[str, str]:
        """Of docker's processes."""
        return {**os.environ, **self.settings}

    def files(self) -> list[str]:
        """Compose files of this installation."""
        return ["docker-compose.yml", *([self.override] if self.override else ())]

    def compose(self, *argv: str, timeout_s: float = _CALL_S, check: bool = True) -> str:
        """Standard output of one call of docker compose on this project."""
        named = [word for file in self.files() for word in ("-f", file)]
        called = ("compose", "-p", self.project, *named, *argv)
        return self.docker(*called, timeout_s=timeout_s, check=check)

    def init(self, *overlays: str) -> None:
        """Settings, secrets and folders, as docs/install.md says."""
        words = ["--with", ",".join(overlays)] if overlays else []
        shown = re.search(KEY, self.as_root("init", *words), re.M)
        if shown is None:
            raise FaultyStack("init showed no key of the endpoint")
        self.remember(shown[1])

    def remember(self, key: str) -> None:
        """The endpoint's key, for who goes on with a stack that was left up, too."""
        self.endpoint_key = key
        (self.folder / _KEY_FILE).write_text(key, encoding="utf-8")

    def as_root(self, *argv: str, volume: str = "") -> str:
        """Standard output of denguard in the container of deploy/init.yml: root, no network.

        Args:
            volume: a further folder, as docker run takes it.
        """
        mounted = ["-v", volume] if volume else []
        first = ["compose", "-f", "deploy/init.yml", "run", "--rm", "-T", *mounted]
        return self.docker(*first, "--entrypoint", "denguard", "init", *argv, timeout_s=_BUILD_S)

    def run(self, service: str, *argv: str, timeout_s: float = 1200, check: bool = True) -> str:
        """Standard output of one of the services that are called by hand."""
        words = ("run", "--rm", "-T", service, *argv)
        return self.compose(*words, timeout_s=timeout_s, check=check)

    def kept(self, *argv: str, check: bool = True) -> str:
        """Standard output of denguard in the service that makes and restores backups."""
        return self.run("backup", "denguard", *argv, check=check)

    def build(self) -> None:
        """Both images and the proxy's, unless DENGUARD_STACK_BUILD=0 says that they are there."""
        if os.environ.get("DENGUARD_STACK_BUILD", "1") != "0":
            for service in ("mlflow", "serving", "proxy"):
                self.compose("build", service, timeout_s=_BUILD_S)

    def image_bytes(self, name: str) -> int:
        """Size of one of our images."""
        tag = os.environ.get("DENGUARD_VERSION", "latest")
        return int(self.docker("image", "inspect", "-f", "{{.Size}}", f"{name}:{tag}"))

    def secret(self, name: str) -> str:
        """Content of a secret's file."""
        return (self.folder / "secrets" / name).read_text(encoding="utf-8").strip()

    # --- asking -------------------------------------------------------------------------------

    def container(self, service: str) -> str:
        """Id of a service's container."""
        return self.compose("ps", "-aq", service).strip().splitlines()[0]

    def inspect(self, service: str, form: str) -> str:
        """What docker inspect says of a service's container, by a template."""
        return self.docker("inspect", "-f", form, self.container(service)).strip()

    def address(self, service: str) -> str:
        """Of a service on the internal network, which this host reaches over its bridge."""
        network = f"{self.project}_inside"
        return self.inspect(
            service, f'{{{{(index .NetworkSettings.Networks "{network}").IPAddress}}}}'
        )

    def healthy(self, service: str) -> bool:
        """Whether its container runs and its health check passes now: the engine looks seldom."""
        form = "{{.Id}} {{.State.Status}} {{json .Config.Healthcheck.Test}}"
        container, status, test = self.inspect(service, form).split(" ", 2)
        kind, *check = json.loads(test)
        shell = ["/bin/sh", "-c"] if kind == "CMD-SHELL" else []
        return status == "running" and self._passes("exec", container, *shell, *check)

    def _passes(self, *argv: str) -> bool:
        done = subprocess.run(
            ["docker", *argv], capture_output=True, timeout=_CALL_S, env=self.environment(),
            check=False,
        )  # fmt: skip
        return done.returncode == 0

    def networks(self, service: str) -> dict[str, bool]:
        """Network of a service's container -> whether it has no way out."""
        named = json.loads(self.inspect(service, "{{json .NetworkSettings.Networks}}"))
        asked = ("network", "inspect", "-f", "{{.Internal}}")
        return {name: self.docker(*asked, name).strip() == "true" for name in named}

    def execute(self, service: str, *argv: str, timeout_s: float = _CALL_S) -> str:
        """Standard output of a command in a service's container."""
        return self.compose("exec", "-T", service, *argv, timeout_s=timeout_s)

    def sql(self, database: str, query: str) -> str:
        """Answer of PostgreSQL to its superuser, without names of columns."""
        password = f"PGPASSWORD={self.secret('postgres_password')}"
        words = ("psql", "-XqAt", "-v", "ON_ERROR_STOP=1", "-h", "127.0.0.1", "-U", "denguard")
        called = ("exec", "-T", "-e", password, "postgres", *words, "-d", database)
        return self.compose(*called, "-c", query).strip()

    @contextmanager
    def airflow(self) -> Iterator[AirflowApi]:
        """Airflow as its user admin: one login until a call fails."""
        if self.api is None:
            url = f"http://{self.address('airflow-api-server')}:8080"
            self.api = AirflowApi(url, self.secret("airflow_admin_password"), lambda: None)
        try:
            yield self.api
        except (ServiceError, httpx.HTTPError):
            self.api = None  # a container that was started anew may have another address
            raise

    def endpoint(self, path: str) -> httpx.Response:
        """GET of the endpoint behind the proxy's back."""
        url = f"http://{self.address('serving')}:8000{path}"
        return httpx.get(url, timeout=30, headers={"Authorization": f"Bearer {self.endpoint_key}"})

    # --- breaking -----------------------------------------------------------------------------

    def kill_tree(self, *services: str) -> None:
        """kill -9 of every process of these containers, from outside, as a power cut would.

        `docker kill` would keep the restart policy from acting.
        """
        found: list[int] = []
        for service in services:
            rows = self.docker("top", self.container(service), "-o", "pid").split()[1:]
            found += [int(row) for row in rows]
        for process in found:
            try:
                os.kill(process, signal.SIGKILL)
            except ProcessLookupError:
                continue  # it ended with its parent
