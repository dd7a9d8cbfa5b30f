"""The executor of one machine: Airflow's own, with tasks forked from a process that has loaded.

Of a task in which nothing is new, imports were most, so one process loads what the steps import
and forks a child for each task. The scheduler itself loads none of it: its loop begins at once, and
with it the search for tasks that died with the machine. A task that comes while the other one still
loads waits for the import at hand alone, and imports the rest itself.

What is loaded stays as it is until the scheduler is restarted, as with Airflow's plugins; an
upgrade restarts it (docs/upgrading.md).
"""

from __future__ import annotations

import gc
import importlib
import os
import signal
import sys
from multiprocessing import Process
from typing import TYPE_CHECKING, Any, NamedTuple

from airflow.executors import local_executor
from airflow.executors.local_executor import LocalExecutor

if TYPE_CHECKING:
    from multiprocessing.queues import SimpleQueue

    from airflow.executors.workloads import ExecutorWorkload

# Of each task's supervisor: Airflow imports it in the process that runs one.
_SUPERVISOR = "airflow.sdk.execution_time.supervisor"


class PreloadedExecutor(LocalExecutor):
    """LocalExecutor with one process that forks the others.

    How many tasks run at once is Airflow's to keep: it hands out no more than `parallelism`.
    """

    def _spawn_worker(self) -> None:
        """Called as often as LocalExecutor wants workers."""
        if self.workers:
            return
        process = Process(
            target=_fork_for_each,
            args=(self.activity_queue, os.getpid()),
            kwargs={
                "logger_name": self.log.name,
                "output": self.result_queue,
                "unread_messages": self._unread_messages,
                "team_conf": self.conf,
            },
        )
        process.start()
        self.workers[process.pid or 0] = process


class _One(NamedTuple):
    """A queue of one task, for Airflow's own worker: it ends after it."""

    left: list[ExecutorWorkload | None]

    def get(self) -> ExecutorWorkload | None:
        """The task, then None, which tells a worker to end."""
        return self.left.pop()


def _fork_for_each(
    tasks: SimpleQueue[ExecutorWorkload | None], scheduler: int, **worker: Any
) -> None:
    """Load, and fork a worker for each task until None comes, in a process without other threads.

    Its exit waits for tasks that run. If the scheduler is killed it ends, and they run on.
    """
    from pipelines.run.apart import end_with

    end_with(scheduler)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # as in Airflow's own: tasks run to their end

    def take() -> None:
        if (task := tasks.get()) is None:
            sys.exit()
        own = {**worker, "input": _One([None, task])}
        Process(target=local_executor._run_worker, kwargs=own).start()

    def take_what_waits() -> None:
        while not tasks.empty():
            take()

    importlib.import_module(_SUPERVISOR)
    take_what_waits()
    from pipelines.steps.preload import preload

    preload(take_what_waits)
    gc.freeze()  # so that what is loaded stays shared with the children
    while True:
        take()
