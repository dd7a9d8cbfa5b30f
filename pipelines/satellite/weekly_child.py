"""The fetching process of a weekly run: fetches the newest periods and says what came of it.

Run as `python -m pipelines.satellite.weekly_child PROFILE FOLDER TODAY BUDGET_S PARENT_PID`. Log
lines go to stderr, one JSON line (weekly.WeeklyFetch) to stdout, also where it failed.
"""

from __future__ import annotations

import logging
import os
import sys
import threading
import time
from collections import Counter
from datetime import date
from pathlib import Path

from pipelines.config import load_profile
from pipelines.errors import ConfigError, DenguardError
from pipelines.run.progress import inherited
from pipelines.satellite.fetch import fetch_scenes
from pipelines.satellite.one_call import FetchedScenes
from pipelines.satellite.periods import newest_periods
from pipelines.satellite.units import units_of
from pipelines.satellite.weekly import WeeklyFetch

_LOOK_S = 1.0


def fetch(profile: str, folder: Path, today: date, until: float) -> WeeklyFetch:
    """Fetch what a profile's weekly run asks for; what went wrong is in the answer.

    Args:
        until: of time.monotonic().
    """
    done, asked, error = FetchedScenes(), WeeklyFetch(), ""
    try:
        chosen = load_profile(profile)
        if (settings := chosen.satellite) is None:
            raise ConfigError("the profile names no catalogue of scenes", where=profile)
        newest = newest_periods(
            settings.period, chosen.calendar, settings.weekly_periods, settings.settled_days, today
        )
        units = units_of(chosen.place.boundaries, chosen.codes)
        asked = WeeklyFetch(units=len(units), periods=tuple(one.first for one in newest))
        fetch_scenes(settings, units, newest, folder, today, until=until, done=done)
    except DenguardError as err:
        error = str(err)
    except ImportError as err:
        error = f"{err.name} is not installed. What to do: install denguard[scenes]."
    return asked.model_copy(update={**_came(done), "error": error})


def _came(done: FetchedScenes) -> dict[str, object]:
    return {
        "bytes_read": done.bytes_read,
        "written": len(done.written),
        "without": dict(Counter(record.reason for record in done.without)),
        "here": done.here,
        "left": done.left,
        "stopped": done.stopped,
    }


def _end_with(parent_pid: int) -> None:
    """A task that was killed must not leave behind what reads on and holds the folder."""
    while os.getppid() == parent_pid:
        time.sleep(_LOOK_S)
    os._exit(1)  # what is on the disk is whole at any instant


def main(profile: str, folder: str, today: str, budget_s: str, parent_pid: str) -> int:
    """Entry of the process."""
    until = time.monotonic() + float(budget_s)
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stderr)
    threading.Thread(target=_end_with, args=(int(parent_pid),), daemon=True).start()
    with inherited():
        answer = fetch(profile, Path(folder), date.fromisoformat(today), until)
    sys.stdout.write(answer.model_dump_json() + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
