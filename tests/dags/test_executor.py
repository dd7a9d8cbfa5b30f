"""The executor of one machine: what its processes have loaded before a task is forked from them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "mlflow", "great_expectations", "pandas", "sklearn", "matplotlib", "alembic")

# A process of its own: what it loads must not be there for the other tests.
STARTED = """
import json, logging, sys
from pathlib import Path
class Kept(logging.Handler):
    said = []
    def emit(self, record):
        self.said.append(record.getMessage())
logging.getLogger("pipelines").addHandler(Kept())
from airflow.executors.executor_loader import ExecutorLoader
executor, _ = ExecutorLoader.import_executor_cls(ExecutorLoader.get_default_executor_name())
before = sorted(name for name in sys.modules if "." not in name)
running = executor(parallelism=1)
running.start()
worker = next(iter(running.workers))
found = {
    "executor": executor.__name__,
    "before": before,
    "loaded": sorted(name for name in sys.modules if "." not in name),
    "worker": Path(f"/proc/{worker}/maps").read_text(),
    "said": Kept.said,
}
running.end()
print(json.dumps(found))
"""


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__EXECUTOR": "dags._executor.PreloadedExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARTED],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
        check=True,
    )
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


@pytest.mark.timeout(300)
def test_airflow_finds_the_executor_by_its_name(started: dict[str, Any]) -> None:
    assert started["executor"] == "PreloadedExecutor"


@pytest.mark.timeout(300)
def test_naming_the_executor_loads_nothing_heavy(started: dict[str, Any]) -> None:
    assert set(HEAVY) & set(started["before"]) <= {"alembic"}  # Airflow's own


@pytest.mark.timeout(300)
def test_what_the_steps_need_is_loaded_and_nothing_is_left_out(started: dict[str, Any]) -> None:
    assert set(HEAVY) <= set(started["loaded"])
    assert started["said"] == []


@pytest.mark.timeout(300)
def test_the_processes_that_tasks_are_forked_from_have_it(started: dict[str, Any]) -> None:
    assert "libtorch_cpu" in started["worker"]
