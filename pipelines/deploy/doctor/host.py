"""The machine: room on its disks, memory, cores, and whether the ports are free."""

from __future__ import annotations

import os
import shutil
import socket
from pathlib import Path

import psutil

from pipelines.deploy.doctor.finding import Finding, Level, Scene
from pipelines.deploy.doctor.services import is_ours
from pipelines.deploy.setting_table import overlays_of, ports_of
from pipelines.ops.growth import growth, spell_bytes

_GIB = 1 << 30
_LEAST_FREE, _EASY_FREE = (
    2_000_000_000,
    20_000_000_000,
)  # images and databases grow beside the artifacts
_WEEKS_OF_ROOM = 26
_LEAST_MEMORY, _EASY_MEMORY, _WITH_WORKERS = 4, 8, 12  # GiB
_WANTED_CORES = 2


def disk(scene: Scene) -> list[Finding]:
    """Free bytes on each file system that the deployment writes to."""
    found, seen = [], set[int]()
    for path in _written(scene):
        if path.is_dir() and (device := path.stat().st_dev) not in seen:
            seen.add(device)
            found.append(_room(path))
    return found


def growing(scene: Scene) -> list[Finding]:
    """Whether what runs leave behind fits for half a year; looks at every file."""
    if not scene.paths.artifacts.is_dir():
        return [Finding("skip", "growth", f"there is no {scene.paths.artifacts} here")]
    per_week = growth(scene.paths).per_week
    if per_week is None:
        return [Finding("skip", "growth", "known after a second run")]
    free = shutil.disk_usage(scene.paths.artifacts).free
    said = f"{spell_bytes(per_week)} more a week, {spell_bytes(free)} free"
    if free >= _WEEKS_OF_ROOM * per_week:
        return [Finding("ok", "growth", said)]
    fix = "denguard prune --help, or a larger disk"
    return [Finding("warn", "growth", f"{said}: less than half a year", fix)]


def _written(scene: Scene) -> list[Path]:
    places = [scene.deployment] if scene.deployment else []
    return [*places, scene.paths.home, scene.paths.artifacts, scene.paths.data]


def _room(path: Path) -> Finding:
    free = shutil.disk_usage(path).free
    level: Level = "ok" if free >= _EASY_FREE else "warn" if free >= _LEAST_FREE else "fail"
    said = f"{spell_bytes(free)} free at {path}; {spell_bytes(_EASY_FREE)} are wanted"
    fix = "" if level == "ok" else "make room: denguard prune --help, docker image prune, or a disk"
    return Finding(level, "disk", said, fix)


def memory(scene: Scene) -> list[Finding]:
    """Memory of the machine against what the stack and one training need."""
    total = psutil.virtual_memory().total / _GIB
    wanted = _WITH_WORKERS if "workers" in overlays_of(scene.settings) else _EASY_MEMORY
    level: Level = (
        "ok" if total > wanted - 0.5 else "warn" if total > _LEAST_MEMORY - 0.5 else "fail"
    )
    said = f"{total:.1f} GiB; {wanted} are wanted"
    fix = "" if level == "ok" else "give the server more, or a small profile (denguard plan says)"
    return [Finding(level, "memory", said, fix)]


def cores(_: Scene) -> list[Finding]:
    """Cores that this process may use."""
    count = len(os.sched_getaffinity(0))
    level: Level = "ok" if count >= _WANTED_CORES else "warn"
    fix = "" if level == "ok" else "give the server two or more; a run takes twice as long on one"
    return [Finding(level, "cores", f"{count}; {_WANTED_CORES} or more are wanted", fix)]


def ports(scene: Scene) -> list[Finding]:
    """Ports that the stack publishes: free, or taken by something that answers."""
    if not scene.settings:
        return [Finding("skip", "ports", "no .env is seen from here")]
    if Path("/.dockerenv").exists() and not _sees_the_host():
        return [Finding("skip", "ports", f"a container does not see the host's: {_HOST_VIEW}")]
    named = {n: int(p) for n, p in ports_of(scene.settings).items() if p.isdecimal()}
    taken = {n: p for n, p in named.items() if 0 < p < 65536 and not _free(p)}
    foreign = {n: p for n, p in taken.items() if not _answers_as_ours(p)}
    if foreign:
        said = f"taken: {', '.join(f'{p} ({n})' for n, p in foreign.items())}"
        fix = "end what listens there, or name another port in .env"
        return [Finding("warn", "ports", said, fix)]
    said = "answered by this stack" if taken else "all are free" if named else "none is in .env"
    return [Finding("ok", "ports", said)]


def _answers_as_ours(port: int) -> bool:
    """Whether endpoint, Airflow, MLflow or the proxy's way to https answers there."""
    return any(is_ours(f"{scheme}://127.0.0.1:{port}") for scheme in ("http", "https"))


_HOST_VIEW = "docker compose -f deploy/init.yml run --rm doctor"


def _sees_the_host() -> bool:
    """Whether this container has the host's network: then it has Docker's own bridge."""
    return any(name.startswith(("docker", "br-")) for name in psutil.net_if_addrs())


def _free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except PermissionError:  # below 1024: not for this user, so ask whether anybody answers
            probe.settimeout(1)
            return probe.connect_ex(("127.0.0.1", port)) != 0
        except OSError:
            return False
    return True
