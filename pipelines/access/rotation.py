"""Change one secret of a running deployment; what was stopped in the middle goes on when repeated.

A new value is first written as NAME.next beside the file. So a server that was told of it, and a
file that was not written yet, meet again: the same value is used by the next call.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from pipelines.access.endpoint_keys import EndpointKeys, new_key
from pipelines.access.rotations import BY_SECRET, How, Rotation
from pipelines.deploy.secret_files import read_secret, secret_file, write_secret
from pipelines.deploy.secret_table import BY_NAME
from pipelines.errors import ConfigError

_NEXT = ".next"


@dataclass(frozen=True)
class Servers:
    """How the servers that keep a password themselves are told of a new one.

    Each takes user and password, and raises ServiceError if the server did not take it. `role`
    takes the passwords of PostgreSQL's superuser to try, too.
    """

    role: Callable[[str, str, list[str]], None]
    mlflow: Callable[[str, str], None]
    airflow: Callable[[str, str], None]


@dataclass(frozen=True)
class Changed:
    """What was done and what is left.

    Attributes:
        names: files that were written.
        restart: services to start anew now.
        between: a command for after that, "" if there is none.
        finish: whether `--finish` is left.
        lost: what the change costs.
        key: of the endpoint, told once; else "".
    """

    names: tuple[str, ...]
    restart: tuple[str, ...]
    between: str
    finish: bool
    lost: str
    key: str = ""


def rotate(deployment: Path, name: str, servers: Servers) -> Changed:
    """Give a secret a new value.

    Raises:
        ConfigError: there is no such secret, it is somebody else's to give, or it is in the middle
            of a change.
        ServiceError: a server did not take the new value; the old one holds.
    """
    rotation = _rotation(name)
    key = ""
    if rotation.how is How.LISTED:
        _list_new(deployment, rotation.names)
    elif rotation.how is How.ENDPOINT:
        key = _new_endpoint_key(deployment)
    else:
        _replace(deployment, rotation, servers)
    two = rotation.how in (How.LISTED, How.ENDPOINT)
    return Changed(rotation.names, _services(rotation), rotation.between, two, rotation.lost, key)


def finish(deployment: Path, name: str) -> Changed:
    """Take the old value of a secret with two away. Raises ConfigError if there is only one."""
    rotation = _rotation(name)
    if rotation.how is How.ENDPOINT:
        keys = EndpointKeys(deployment)
        _require_two(keys.of_programs(), name)
        keys.set_programs(keys.of_programs()[:1])
    else:
        lists = {one: _values(deployment, one) for one in rotation.names}
        for one, values in lists.items():
            _require_two(values, one)
        for one, values in lists.items():
            write_secret(deployment, one, values[0])
    return Changed(rotation.names, _services(rotation), "", False, "nothing")


def _rotation(name: str) -> Rotation:
    if name not in BY_SECRET:
        raise ConfigError(f"there is no secret {name}", fix=f"use one of {', '.join(BY_SECRET)}")
    rotation = BY_SECRET[name]
    if rotation.how is How.BY_HAND:
        raise ConfigError(
            f"{name} is not made here",
            where=f"secrets/{name}",
            fix=f"write the new value into the file and start {', '.join(_services(rotation))} "
            f"anew. {rotation.lost}"
            if _services(rotation)
            else rotation.lost,
        )
    return rotation


def _services(rotation: Rotation) -> tuple[str, ...]:
    """Services to start anew, each once, in the order of the table of secrets."""
    if not rotation.restart:
        return ()
    return tuple(dict.fromkeys(s for name in rotation.names for s in BY_NAME[name].read_by))


def _values(deployment: Path, name: str) -> list[str]:
    return [part.strip() for part in (read_secret(deployment, name) or "").split(",") if part]


def _require_two(values: list[str], name: str) -> None:
    if len(values) < 2:
        raise ConfigError(
            f"{name} has one value: there is nothing to finish", fix=f"denguard rotate {name}"
        )


def _list_new(deployment: Path, names: tuple[str, ...]) -> None:
    lists = {name: _values(deployment, name) for name in names}
    half = [name for name, values in lists.items() if len(values) > 1]
    if half and len(half) == len(names):
        raise ConfigError(
            f"{names[0]} has two values already",
            where=f"secrets/{names[0]}",
            fix=f"start its services anew, then denguard rotate {names[0]} --finish",
        )
    for name, values in lists.items():
        if name not in half:  # of a pair the first half may have been written before
            write_secret(deployment, name, ",".join([_made(name), *values]))


def _new_endpoint_key(deployment: Path) -> str:
    keys = EndpointKeys(deployment)
    if len(keys.of_programs()) > 1:
        raise ConfigError(
            "the endpoint has two keys of programs already",
            fix="denguard rotate endpoint_keys_sha256 --finish takes the older one away",
        )
    made = new_key()
    keys.set_programs([made.sha256, *keys.of_programs()])
    return made.key


def _replace(deployment: Path, rotation: Rotation, servers: Servers) -> None:
    (name,) = rotation.names
    value = _next(deployment, name)
    if rotation.how is How.ROLE:
        known = [read_secret(deployment, "postgres_password") or ""]
        servers.role(
            rotation.user, value, [*known, value] if rotation.user == "denguard" else known
        )
    elif rotation.how is How.MLFLOW:
        servers.mlflow(rotation.user, value)
    elif rotation.how is How.AIRFLOW:
        servers.airflow(rotation.user, value)
    write_secret(deployment, name, value)
    secret_file(deployment, f"{name}{_NEXT}").unlink()


def _next(deployment: Path, name: str) -> str:
    """The value that a call before this one began with, else a new one, written down."""
    begun = read_secret(deployment, f"{name}{_NEXT}")
    if begun is not None:
        return begun
    value = _made(name)
    write_secret(deployment, f"{name}{_NEXT}", value)
    return value


def _made(name: str) -> str:
    make = BY_NAME[name].make
    if make is None:
        raise ConfigError(f"{name} is not made here", fix="write its file yourself")
    return make()
