"""One round of the watch: lateness and alerts of each line, and every figure.

No part stops another.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from typing import TypeVar

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.deployment_paths import at_line
from pipelines.errors import DenguardError
from pipelines.ops.alerts import send_alerts
from pipelines.ops.monitor import home, surroundings
from pipelines.ops.monitor.airflow import AirflowWatch
from pipelines.ops.monitor.figures import Figures, Readings
from pipelines.ops.monitor.firing import Firing, firing_alerts
from pipelines.ops.monitor.settings import WatchSettings
from pipelines.ops.watch import Verdict, check_lateness

log = logging.getLogger(__name__)
MAIN = "main"  # what figures call the line without a name
Found = TypeVar("Found")
_MAY_FAIL = (DenguardError, OSError, ValueError, KeyError, TypeError)


@dataclass
class _Round:
    """What is found in a round, and (part, line) -> why it could not be read."""

    now: datetime
    found: Readings = field(default_factory=Readings)
    failed: dict[tuple[str, str], str] = field(default_factory=dict)

    def read(self, part: str, line: str, reader: Callable[[], Found]) -> Found | None:
        """What a reader gives; None if it cannot, which is noted."""
        try:
            return reader()
        except _MAY_FAIL as err:
            said = isinstance(err, DenguardError | OSError)
            self.failed[part, line] = str(err) if said else repr(err)
            self.found.put("denguard_watch_part_failed", 1, part, line)
            return None

    def words(self) -> list[str]:
        """The parts that could not be read, for the log's line."""
        return [f"{part}{line and f' of {line}'} could not be read" for part, line in self.failed]


class Rounds:
    """What a round needs to know, and the figures that it leaves.

    Args:
        every_s: from one round to the next.
        max_age_days, max_origin_age_weeks: as check_lateness.
    """

    def __init__(
        self,
        settings: WatchSettings,
        every_s: float,
        max_age_days: float,
        max_origin_age_weeks: int | None,
    ) -> None:
        self.every_s = every_s
        self.figures = Figures()
        self._settings, self._age_days, self._weeks = settings, max_age_days, max_origin_age_weeks
        self._airflow = AirflowWatch(settings) if settings.airflow_url else None
        self._finished_s: float | None = None  # on the monotonic clock
        self._said: dict[tuple[str, str], str] = {}

    def round(self, now: datetime | None = None) -> str:
        """Look at everything once, send alerts, show the figures; the round in a line."""
        began, here = time.monotonic(), _Round(now or datetime.now(UTC))
        firing, lines = self._firing(here), _lines()
        said = [self._line(here, name, firing if name == lines[0] else None) for name in lines]
        self._surroundings(here)
        here.found.put("denguard_watch_every_seconds", self.every_s)
        here.found.put("denguard_watch_round_seconds", time.monotonic() - began)
        here.found.put("denguard_watch_round_finished_timestamp_seconds", time.time())
        self.figures.show(here.found)
        self._finished_s = time.monotonic()
        self._log(here.failed)
        return "; ".join([*said, *here.words()])

    def healthy(self) -> bool:
        """Whether a round has finished within the time of three."""
        last = self._finished_s
        return last is not None and time.monotonic() - last < 3 * self.every_s + 60

    def _line(self, here: _Round, name: str, firing: dict[str, Firing] | None) -> str:
        line, found, now = name or MAIN, here.found, here.now
        with at_line(name):
            paths = deployment_paths()
            verdict = here.read("bulletin", line, partial(self._lateness, here, line, paths))
            send_alerts(paths, verdict, now, firing)
            held = here.read("held", line, lambda: home.read_held(found, line, paths))
            here.read("run", line, lambda: home.read_run(found, line, paths, now))
            here.read("champion", line, lambda: home.read_champion(found, line, paths))
            here.read("alerts", line, lambda: home.read_alerts(found, line, paths))
        words = [w for w in (verdict.words() if verdict else "", held) if w]
        return (f"line {line}: " if name else "") + "; ".join(words)

    def _lateness(self, here: _Round, line: str, paths: DeploymentPaths) -> Verdict:
        verdict = check_lateness(paths, here.now, self._age_days, self._weeks)
        home.read_bulletin(here.found, line, verdict, self._age_days)
        return verdict

    def _surroundings(self, here: _Round) -> None:
        paths, found, settings = deployment_paths(), here.found, self._settings
        here.read("disk", "", lambda: surroundings.read_disks(found, paths))
        if (file := settings.watch_certificate) is not None:
            here.read("certificate", "", lambda: surroundings.read_certificate(found, file))
        if (folder := settings.watch_backups) is not None:
            here.read("backup", "", lambda: surroundings.read_backups(found, folder))
        if (airflow := self._airflow) is not None:
            here.read("airflow", "", lambda: airflow.read(found))

    def _firing(self, here: _Round) -> dict[str, Firing] | None:
        """What Prometheus' rules raise; None where nobody can know."""
        url = self._settings.prometheus_url
        return here.read("prometheus", "", lambda: firing_alerts(url)) if url else None

    def _log(self, failed: dict[tuple[str, str], str]) -> None:
        """Why a part could not be read, once while it stays so."""
        for part, why in failed.items():
            if self._said.get(part) != why:
                log.warning("%s could not be read: %s", " of ".join(filter(None, part)), why)
        self._said = failed


def _lines() -> list[str]:
    """The line that DENGUARD_LINE names alone; else the main one and all further ones."""
    paths = deployment_paths()
    return [paths.home.name] if paths.root else ["", *paths.line_names]
