"""The newest scenes for a weekly run, fetched by a process of its own.

Files of strangers are read there, by libraries in C: a crash, a file that takes all memory or a
server that never ends costs that process, and the run goes on.
"""

from __future__ import annotations

import logging
import os
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from pipelines.config import DeploymentPaths
from pipelines.run.progress import handed_on

log = logging.getLogger(__name__)
_GRACE_S = 60.0  # after its time is over: for the read that is under way
_END_S = 30.0
_TOLD = 200


class WeeklyFetch(BaseModel):
    """What came of it.

    Attributes:
        bytes_read: over the wire; None if nobody knows.
        periods: first days of those that were asked for, the newest first.
        written: scenes; without: why there is none -> how many.
        here, left, stopped: as in FetchedScenes.
        error: why it ended early, "" if it did not fail.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    bytes_read: int | None = 0
    units: int = 0
    periods: tuple[date, ...] = ()
    written: int = 0
    without: dict[str, int] = {}
    here: int = 0
    left: int = 0
    stopped: Literal["", "cap", "time"] = ""
    error: str = ""


def fetch_newest(
    profile: str, folder: Path, today: date, budget_s: float, paths: DeploymentPaths
) -> WeeklyFetch:
    """Fetch into a folder what a profile's weekly run asks for. Whatever happens is in the answer.

    Args:
        budget_s: seconds after which the rest is left; the process is ended a minute later.
    """
    arguments = [profile, str(folder), today.isoformat(), str(budget_s), str(os.getpid())]
    child = subprocess.Popen(
        [sys.executable, "-m", "pipelines.satellite.weekly_child", *arguments],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env={**os.environ, **handed_on(), "DENGUARD_HOME": str(paths.root or paths.home)},
    )
    try:
        answer, told = child.communicate(timeout=budget_s + _GRACE_S)
    except subprocess.TimeoutExpired:
        return WeeklyFetch(bytes_read=None, stopped="time")
    finally:
        if child.poll() is None:
            child.kill()
            child.communicate(timeout=_END_S)
    for line in told.splitlines()[-_TOLD:]:
        log.info("[scenes] %s", line)
    return _read(answer, child.returncode, told)


def _read(answer: str, code: int, told: str) -> WeeklyFetch:
    try:
        return WeeklyFetch.model_validate_json(answer.strip().rpartition("\n")[2])
    except ValidationError:
        last = told.strip().rpartition("\n")[2][:200] or "it said nothing"
        ended = f"was killed by signal {-code}" if code < 0 else f"ended with exit code {code}"
        return WeeklyFetch(bytes_read=None, error=f"the fetching process {ended}: {last}")
