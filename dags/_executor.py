"""The executor of one machine: Airflow's own, whose processes have the steps' libraries loaded.

Each task is a child forked from one of them. Of a task in which nothing is new, imports were most.
What is loaded stays as it is until the scheduler is restarted, as with Airflow's plugins; an
upgrade restarts it (docs/upgrading.md). Nothing heavy is imported here, because every component
reads the executor's class; only the scheduler starts it.
"""

from __future__ import annotations

from airflow.executors.local_executor import LocalExecutor


class PreloadedExecutor(LocalExecutor):
    """LocalExecutor that loads before it forks."""

    def start(self) -> None:
        """Load, then start the processes that tasks are forked from."""
        from pipelines.steps.preload import preload

        preload()
        super().start()
