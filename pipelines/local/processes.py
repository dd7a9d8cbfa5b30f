"""Processes that outlive the command that started them: start, find again, stop as a group.

A recorded process is its id and creation time together, so that a recycled id is never taken for
ours. Airflow's tasks make process groups of their own, so every child also carries the deployment's
folder and its component's name in its environment; that is how orphans of a crashed parent are
found.
"""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

MARKER, COMPONENT = "DENGUARD_SUPERVISED_BY", "DENGUARD_COMPONENT"
STOP_TIMEOUT_S = 20.0


@dataclass(frozen=True)
class Recorded:
    """A process as the state file remembers it."""

    pid: int
    create_time: float


def start(argv: Sequence[str], env: Mapping[str, str], log: Path, cwd: Path) -> Recorded:
    """Start a process in a session of its own; its output is appended to the log file."""
    with log.open("ab") as out:
        child = subprocess.Popen(
            list(argv),
            env=dict(env),
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=out,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
    return Recorded(child.pid, psutil.Process(child.pid).create_time())


def is_alive(recorded: Recorded) -> bool:
    """Whether this very process runs (a zombie or a recycled id does not count)."""
    return _process(recorded) is not None


def marked(marker: str, component: str | None = None) -> list[psutil.Process]:
    """Every process of this user that carries the marker in its environment, except ourselves."""
    return [
        process
        for process in psutil.process_iter()
        if process.pid != os.getpid()
        and (environment := _environ(process)).get(MARKER) == marker
        and component in {None, environment.get(COMPONENT)}
    ]


def end_orphans(marker: str, component: str) -> int:
    """End what a component left behind when it was killed; return how many there were."""
    return _end([process for process in marked(marker, component) if _runs(process)])


def stop(recorded: Iterable[Recorded], marker: str, timeout_s: float = STOP_TIMEOUT_S) -> int:
    """TERM the groups, wait, KILL what is left, orphans included; return how many were ended."""
    leaders = [p for p in map(_process, recorded) if p is not None]
    family = _family(leaders, marker)
    for leader in leaders:
        _signal_group(leader.pid, signal.SIGTERM)
    _, left = psutil.wait_procs(leaders, timeout=timeout_s)
    for leader in left:
        _signal_group(leader.pid, signal.SIGKILL)
    _end([p for p in {*family, *marked(marker)} if _runs(p)])
    return len(family)


def _end(processes: Sequence[psutil.Process]) -> int:
    for process in processes:
        _quietly(process, signal.SIGTERM)
    _, stubborn = psutil.wait_procs(processes, timeout=3)
    for process in stubborn:
        _quietly(process, signal.SIGKILL)
    psutil.wait_procs(stubborn, timeout=3)
    return len(processes)


def _process(recorded: Recorded) -> psutil.Process | None:
    try:
        process = psutil.Process(recorded.pid)
        same = abs(process.create_time() - recorded.create_time) < 0.01
    except psutil.Error:
        return None
    return process if same and _runs(process) else None


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.Error:
        return False


def _family(leaders: Iterable[psutil.Process], marker: str) -> set[psutil.Process]:
    family = {*leaders, *marked(marker)}
    for leader in list(family):
        try:
            family.update(leader.children(recursive=True))
        except psutil.Error:
            continue
    return family


def _environ(process: psutil.Process) -> dict[str, str]:
    try:
        return process.environ()
    except (psutil.Error, OSError):
        return {}


def _signal_group(pgid: int, number: int) -> None:
    try:
        os.killpg(pgid, number)
    except ProcessLookupError:
        return


def _quietly(process: psutil.Process, number: int) -> None:
    try:
        process.send_signal(number)
    except psutil.Error:
        return
