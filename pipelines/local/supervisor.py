"""Start, watch and stop the services of one machine: Airflow's four, MLflow and the endpoint.

SQLite and one writer, or two databases of a PostgreSQL (docs/without-docker.md); Airflow's simple
users. Several machines: docker-compose.yml.
"""

from __future__ import annotations

import logging
import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib.metadata import version

from rich.console import Console

from pipelines.config import DeploymentPaths
from pipelines.contracts import content_id
from pipelines.deployment_paths import AIRFLOW_DATABASE, MLFLOW_DATABASE
from pipelines.errors import ConfigError, ServiceError
from pipelines.local.components import Component, airflow_env, free_ports
from pipelines.local.health import wait_healthy
from pipelines.local.layout import ADMIN, Layout, ensure_secrets
from pipelines.local.processes import (
    COMPONENT,
    end_orphans,
    marked,
    start,
    stop,
)
from pipelines.local.services import Services, State, load_state, save_state
from pipelines.ops.airflow import own_airflow_uri
from pipelines.storage import write_atomic
from pipelines.storage.lock import locked

MIGRATE_TIMEOUT_S = 300.0
_LOCK_TIMEOUT_S = 30.0
_POSTGRES = "postgresql+psycopg2://"  # SQLAlchemy 2.1 reads a bare one as another driver's
STACK_VARIABLE = "DENGUARD_STACK"  # who runs the services instead: compose, systemd, ...
API_VARIABLE = "AIRFLOW__CORE__EXECUTION_API_SERVER_URL"  # of whatever runs tasks of Airflow
console = Console(soft_wrap=True, highlight=False)


def up(paths: DeploymentPaths) -> Services:
    """Start what does not run and wait until all of it is healthy; running services are kept.

    Raises:
        ConfigError: a database is named that is no PostgreSQL.
        ServiceError: a service died, or was not healthy in time; its log is named.
    """
    logging.getLogger("httpx").setLevel(logging.WARNING)  # it logs every look at a health page
    _check_databases(paths)
    layout = Layout(paths)
    layout.make()
    with _lock(layout):
        before = load_state(layout)
        services = _planned(layout, before)
        dead = services.dead()
        if not dead:
            console.print("already running")
        elif not any(before.alive(name) for name in before.processes):
            _clean_up(layout, before)
            _prepare(services)
        _start(services, dead, known=bool(before.processes))
        wait_healthy(services, console)
    show(services)
    return services


def down(paths: DeploymentPaths) -> int:
    """Stop every process of this deployment; return how many there were."""
    layout = Layout(paths)
    if not layout.local.is_dir():
        console.print("nothing to stop: nothing was started here")
        return 0
    with _lock(layout):
        state = load_state(layout)
        ended = stop(state.processes.values(), str(layout.local))
        if layout.state_file.is_file():  # ports are kept, so that addresses stay the same
            save_state(layout, State(ports=state.ports))
    console.print(f"stopped {ended} processes" if ended else "nothing to stop: nothing was running")
    return ended


def status(paths: DeploymentPaths) -> bool:
    """Say what runs and where; return whether all of it does."""
    layout = Layout(paths)
    state = load_state(layout)
    if not state.processes:
        console.print(f"services  {elsewhere(os.environ)}")
        return False
    services = Services(layout, ensure_secrets(layout), state)
    dead = {part.name for part in services.dead()}
    for part in services.parts:
        word = "[red]gone[/] " if part.name in dead else "runs "
        console.print(f"{word} {part.name:<13} log {layout.logs / part.name}.log")
    if dead:
        console.print("restart what is gone with: make up")
    else:
        show(services)
    return not dead


def elsewhere(environment: Mapping[str, str]) -> str:
    """What to say of services that no `make up` started here: in the container stack, or on a
    machine that works for another one's Airflow, that is as it should be."""
    if (stack := environment.get(STACK_VARIABLE, "")) == "compose":
        return "are containers: `docker compose ps` on their host says how they are"
    if stack or API_VARIABLE in environment:
        return f"are run by {stack or 'another supervisor'}, which says how they are"
    return "none of this machine runs; make up starts them"


def revive(services: Services) -> list[str]:
    """Restart components whose process is gone, and say so; return their names.

    Raises:
        ServiceError: somebody stopped the services on purpose meanwhile.
    """
    if not services.dead():
        return []
    with _lock(services.layout):
        now = load_state(services.layout).processes
        if not now:
            raise ServiceError(
                "the services were stopped meanwhile",
                where=str(services.layout.local),
                fix="start again with make demo; finished steps are not repeated",
            )
        services.state.processes.update(now)
        dead = services.dead()
        _start(services, dead, known=True)
    return [part.name for part in dead]


def show(services: Services) -> None:
    """Addresses, and where the secrets are (never the secrets themselves)."""
    at, layout = services.urls, services.layout
    console.print(f"Airflow   {at['airflow']}   user {ADMIN}, password in {layout.passwords_file}")
    console.print(f"MLflow    {at['mlflow']}")
    console.print(f"Endpoint  {at['endpoint']}/docs   key in {layout.api_key_file}")
    console.print("stop all of it with: make down")


@contextmanager
def _lock(layout: Layout) -> Iterator[None]:
    path = layout.local / "supervisor.lock"
    busy = ServiceError(
        "another make up or make down is at work here",
        where=str(path),
        fix="wait for it to end, then try again",
    )
    with locked(path, _LOCK_TIMEOUT_S, busy):
        yield


def _planned(layout: Layout, before: State) -> Services:
    """Ports stay while anything lives; else the former ones if they are still free."""
    lives = any(before.alive(name) for name in before.processes)
    ports = before.ports if lives else free_ports(before.ports)
    return Services(layout, ensure_secrets(layout), State(ports, dict(before.processes)))


def _clean_up(layout: Layout, before: State) -> None:
    if before.processes:
        console.print("the services were not stopped properly last time; cleaning up")
    if before.processes or marked(str(layout.local)):
        stop(before.processes.values(), str(layout.local))


def _prepare(services: Services) -> None:
    """Make or migrate both databases once, before anything may use them."""
    from pipelines.registry.tracking import prepare

    layout = services.layout
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    prepare(layout.paths)
    stamp, wanted = layout.airflow_home / "migrated", _migrated(layout)
    if stamp.is_file() and stamp.read_text(encoding="utf-8") == wanted:
        return
    console.print("setting up Airflow's database")
    env = airflow_env(layout, services.secrets, services.state.ports)
    log = layout.logs / "db-migrate.log"
    with log.open("ab") as out:
        done = subprocess.run(
            [_which("airflow", env), "db", "migrate"],
            env=env,
            cwd=layout.airflow_home,
            stdout=out,
            stderr=subprocess.STDOUT,
            timeout=MIGRATE_TIMEOUT_S,
            check=False,
        )
    if done.returncode:
        raise ServiceError(
            "Airflow's database could not be set up",
            where=str(log),
            fix="read that log; if the database is damaged, make clean starts anew",
        )
    write_atomic(stamp, wanted)


def _migrated(layout: Layout) -> str:
    """What is noted of a database that was set up: Airflow's version, and which database it is."""
    installed, address = version("apache-airflow"), own_airflow_uri(layout.paths)
    own = address.startswith("sqlite:")
    return installed if own else f"{installed} {content_id(address)}"


def _check_databases(paths: DeploymentPaths) -> None:
    for name, address in (
        (AIRFLOW_DATABASE, own_airflow_uri(paths)),
        (MLFLOW_DATABASE, paths.own_mlflow),
    ):
        if not address.startswith(("sqlite:", _POSTGRES)):
            raise ConfigError(
                f"{name} is no address of a PostgreSQL with its driver",
                where=name,
                fix=f"write {_POSTGRES}user:password@host:5432/database, or unset it for SQLite",
            )


def _start(services: Services, parts: list[Component], known: bool) -> None:
    for part in parts:
        if known and part.name in services.state.processes:
            console.print(f"[yellow]{part.name} was gone; starting it again[/]")
            end_orphans(str(services.layout.local), part.name)
        argv = (_which(part.argv[0], part.env), *part.argv[1:])
        log = services.layout.logs / f"{part.name}.log"
        services.state.processes[part.name] = start(
            argv, {**part.env, COMPONENT: part.name}, log, services.layout.local
        )
        save_state(services.layout, services.state)


def _which(command: str, env: Mapping[str, str]) -> str:
    found = shutil.which(command, path=env["PATH"])
    if found is None:
        raise ServiceError(
            f"the command {command} is not installed",
            fix="run make install; services need the extra 'demo'",
        )
    return found
