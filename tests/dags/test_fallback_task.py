"""The forecast in place of a red run, as Airflow makes it: the run stays red; and the deadline's
look.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.outputs import made

from dags import _fallback
from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.run.events import read_events
from pipelines.run.outputs import FallbackOutput
from pipelines.steps import outcome
from pipelines.steps.history import history
from pipelines.storage import read_json

ROOT = Path(__file__).resolve().parents[2]
RUN = "weekly"

# Its parameters name no profile that there is, so that the first step is red.
WALK = """
import json
from airflow import settings
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.taskinstance import TaskInstance
from sqlalchemy import select
dag = DagBag("dags", load_op_links=False).dags["retraining"]
for task in dag.tasks:
    task.retries = 0
run = dag.test(run_conf={"profil": "ci"})
with settings.Session() as session:
    found = session.execute(select(TaskInstance.task_id, TaskInstance.state)).all()
    states = {task_id: str(state) for task_id, state in found}
print("FOUND" + json.dumps({"run": str(run.state), "tasks": states}))
"""


@pytest.mark.slow  # Airflow makes its tables and walks the DAG
def test_a_run_with_a_red_step_makes_the_fallback_and_stays_red(tmp_path: Path) -> None:
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "DENGUARD_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "DENGUARD"))}
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        cwd=ROOT,
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert "FOUND" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.split("FOUND", 1)[1].splitlines()[0])
    assert found["run"] == "failed"
    tasks = found["tasks"]
    assert (tasks["start"], tasks["report"], tasks["fallback"]) == (
        "failed",
        "upstream_failed",
        "success",
    )


@pytest.fixture
def in_a_task(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    instance = SimpleNamespace(task_id="fallback", map_index=-1, try_number=1, max_tries=10)
    context: dict[str, Any] = {
        "dag_run": SimpleNamespace(run_id=RUN, dag_id="retraining"),
        "ti": instance,
    }
    monkeypatch.setattr(_fallback, "get_current_context", lambda: context)
    return home


def test_a_fallback_that_fails_leaves_the_runs_own_cause_in_its_place(
    in_a_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = in_a_task / "artifacts" / "runs" / RUN
    paths = DeploymentPaths(home=in_a_task)
    outcome.fail(paths, RUN, "validate", StoreError("the first cause"))

    def broken(**_: Any) -> None:
        raise StoreError("no bundle is here")

    monkeypatch.setattr(steps, "fallback", broken)
    with pytest.raises(SystemExit):
        _fallback.run_fallback()
    assert read_json(folder / "failure.json")["cause"] == "the first cause"
    _, event = read_events(paths, "step-failed")
    assert (history(paths, RUN).failure or pytest.fail("lost")).cause == "the first cause"
    assert (event["step"], event["cause"]) == ("fallback", "no bundle is here")


def test_the_deadline_looks_at_the_home_of_its_line(
    in_a_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Path, str]] = []

    def look(profile: str) -> FallbackOutput:
        from pipelines.config import deployment_paths

        calls.append((deployment_paths().home, profile))
        return made(FallbackOutput, note="nothing to do")

    monkeypatch.setattr(steps, "at_deadline", look)
    _fallback.at_deadline("", "sample")
    _fallback.at_deadline("city", "city")
    assert calls == [(in_a_task, "sample"), (in_a_task / "lines" / "city", "city")]


def test_before_any_champion_the_deadline_invents_nothing(in_a_task: Path) -> None:
    assert steps.at_deadline("ci", datetime(2026, 11, 24, 23, tzinfo=UTC)).forecast is None
