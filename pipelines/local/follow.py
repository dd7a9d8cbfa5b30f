"""Follow a DAG run on a terminal: each task as it ends, the newest progress line, the time."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path

from rich.console import Console
from rich.markup import escape

from pipelines.errors import ServiceError
from pipelines.local.airflow_api import AirflowApi, TaskState

_POLL_S = 1.0
_SAY_AGAIN_S = 15.0
_TAIL_BYTES = 20_000
_ENDED = {"success", "failed", "skipped", "upstream_failed", "removed"}
_WORDS = {
    "success": "[green]done[/]   ",
    "up_for_retry": "[yellow]retries[/]",
    "failed": "[red]failed[/] ",
}


class Follower:
    """Follows runs of one DAG until they end.

    Args:
        keep_alive: called at every look, restarts services that died.
        logs: Airflow's log folder.
    """

    def __init__(
        self,
        api: AirflowApi,
        dag_id: str,
        logs: Path,
        console: Console,
        keep_alive: Callable[[], object],
    ) -> None:
        self._api, self._dag_id, self._logs = api, dag_id, logs
        self._console, self._keep_alive = console, keep_alive

    def until_end(self, run_id: str, within_s: float) -> str:
        """Show a run until it ends; return "success" or "failed".

        Raises:
            ServiceError: the run has not ended in time.
        """
        started, shown, last_printed = time.monotonic(), set[tuple[str, str]](), 0.0
        with self._console.status("waiting for the first task") as spinner:
            while (elapsed := time.monotonic() - started) < within_s:
                self._keep_alive()
                state = str(self._api.run(self._dag_id, run_id)["state"])
                tasks = self._api.tasks(self._dag_id, run_id)
                self._print_changes(tasks, shown)
                if state in {"success", "failed"}:
                    return state
                line = self._line(tasks, run_id, elapsed)
                spinner.update(line)
                if not self._console.is_terminal and elapsed - last_printed > _SAY_AGAIN_S:
                    self._console.print(line)
                    last_printed = elapsed
                time.sleep(_POLL_S)
        raise ServiceError(
            f"the run has not ended after {within_s / 60:.0f} minutes",
            where=f"run {run_id}",
            fix="it goes on in the background: look at it in Airflow, or stop with make down",
        )

    def _print_changes(self, tasks: list[TaskState], shown: set[tuple[str, str]]) -> None:
        for task in tasks:
            change = (f"{task.title} {task.try_number}", str(task.state))
            if task.state in _WORDS and change not in shown:
                took = f"{task.duration_s:6.1f} s" if task.duration_s else ""
                self._console.print(f"  {_WORDS[task.state]} {escape(task.title):<24} {took}")
                shown.add(change)

    def _line(self, tasks: list[TaskState], run_id: str, elapsed_s: float) -> str:
        done = sum(task.state in _ENDED for task in tasks)
        running = ", ".join(task.title for task in tasks if task.state == "running") or "waiting"
        newest = newest_progress(self._logs / "dag_id=retraining" / f"run_id={run_id}")
        progress = f" · {newest}" if newest else ""
        return f"{elapsed_s:4.0f} s  {done}/{len(tasks)} tasks  {escape(running + progress)}"


def newest_progress(folder: Path) -> str:
    """The last line that a step of denguard wrote to the newest task log below the folder."""
    logs = sorted(folder.rglob("*.log"), key=_mtime)
    if not logs:
        return ""
    with logs[-1].open("rb") as handle:
        handle.seek(max(0, logs[-1].stat().st_size - _TAIL_BYTES))
        lines = handle.read().decode("utf-8", errors="replace").splitlines()
    return next((text for line in reversed(lines) if (text := _own_message(line))), "")


def _mtime(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except FileNotFoundError:
        return 0.0


def _own_message(line: str) -> str:
    try:
        entry = json.loads(line)
    except ValueError:
        return ""
    if not isinstance(entry, dict) or not str(entry.get("logger", "")).startswith("pipelines"):
        return ""
    return str(entry.get("event", "")).splitlines()[0][:120] if entry.get("event") else ""
