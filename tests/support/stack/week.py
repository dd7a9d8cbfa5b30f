"""A weekly run in whose middle things are broken, one after another, and which must end green.

A fault has cost nothing if every forecast that was there has its bytes still, the run is green, and
what was begun again is a try of the task that was hit.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial

from support.stack import run as weekly
from support.stack.engine import FaultyStack, Stack, until
from support.stack.table import Row, Table

LIGHT = "worker-default"
BACK_S = 600
NOTICED_S = 60  # at most, until Airflow gives up what a power cut ended


@dataclass
class Hit:
    """One fault.

    Attributes:
        began: when it began, by the clock that only goes forward.
        happened: what was seen, in words.
        recovery_s: until what it hit worked again.
        tries: tasks that were begun again since, until the next fault.
    """

    stack: Stack
    fault: str
    began: float = field(default_factory=time.monotonic)
    happened: str = ""
    recovery_s: float | None = None
    tries: dict[str, int] = field(default_factory=dict)

    def back(self, *services: str, within_s: float = BACK_S) -> None:
        """Wait until services are healthy again; seconds count from the fault."""
        for service in services:
            until(f"{service} is healthy", partial(self.stack.healthy, service), within_s)
        self.recovered()

    def recovered(self) -> None:
        """What was hit works again now."""
        self.recovery_s = time.monotonic() - self.began


@dataclass
class Week:
    """A run under way.

    Attributes:
        hits: faults so far.
    """

    stack: Stack
    run_id: str
    hits: list[Hit] = field(default_factory=list)
    _tries: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def hit(self, task: str, fault: str) -> Iterator[Hit]:
        """While the first instance of a task is at work."""
        weekly.until_running(self.stack, self.run_id, task)
        self.settle()
        self.hits.append(Hit(self.stack, f"{fault} during {task}"))
        yield self.hits[-1]

    def power_cut(self, hit: Hit, task: str, services: Sequence[str]) -> float:
        """End every process at once; seconds until Airflow gave up the task that was at work."""
        cut_at = datetime.now(UTC)
        self.stack.kill_tree(*services)
        hit.back(*services)

        def again() -> bool:
            tries = weekly.tries_of(self.stack, self.run_id)
            return any(title.split(".")[-1] == task for title in tries)

        until(f"{task} is tried again", again, BACK_S)
        given_up = weekly.given_up_at(self.stack, self.run_id, task)
        took = (given_up - cut_at).total_seconds()
        hit.happened = f"containers back by themselves; task given up after {took:.0f} s"
        return took

    def settle(self) -> None:
        """Tries since the newest fault are that one's."""
        now = weekly.tries_of(self.stack, self.run_id)
        if self.hits:
            self.hits[-1].tries = {t: n for t, n in now.items() if n > self._tries.get(t, 1)}
        self._tries = now

    def rows(self, lost: str) -> list[Row]:
        """Of the table."""
        found = []
        for hit in self.hits:
            again = ", ".join(f"{task} ({n} tries)" for task, n in hit.tries.items())
            words = f"{lost}; begun again: {again}" if again else lost
            found.append(Row(hit.fault, f"{hit.happened}; run green", hit.recovery_s, words))
        return found


@contextmanager
def week(stack: Stack, table: Table, run_id: str, home: str = LIGHT) -> Iterator[Week]:
    """Begin a run that repeats its work, let it be broken, see it end green.

    Args:
        home: a service whose home has the forecasts.

    Raises:
        FaultyStack: it does not, or forecasts have other bytes; the table says so.
    """
    under_way = Week(stack, run_id)
    try:
        before = weekly.forecasts(stack, home)
        weekly.begin(stack, run_id)
        yield under_way
        weekly.until_done(stack, run_id)
        under_way.settle()
        lost = weekly.lost(before, weekly.forecasts(stack, home), ())
    except FaultyStack as err:
        for hit in under_way.hits:
            table.add(Row(hit.fault, f"FAILED: {err}", None, "not known"))
        raise
    for row in under_way.rows(lost):
        table.add(row)
