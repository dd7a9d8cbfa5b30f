"""A Celery worker as it starts: what died is given up first, then what steps import is loaded."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = {"torch", "mlflow", "great_expectations", "pandas", "sklearn", "matplotlib", "alembic"}

# Airflow's own app and Celery's own worker with its pool of processes; its queue is in memory.
STARTED = """
import json, os, signal, sys, threading
from pathlib import Path
from celery.signals import worker_init
from sqlalchemy import event
from sqlalchemy.engine import Engine
from airflow.providers.celery.executors.celery_executor import app

found = {}

@event.listens_for(Engine, "before_cursor_execute")
def asked(connection, cursor, statement, *_):
    if "UPDATE task_instance" in statement:
        found["loaded_when_given_up"] = "torch" in sys.modules

@worker_init.connect
def last(**_):
    found["threads_before_the_fork"] = [thread.name for thread in threading.enumerate()]
    found["worker"] = os.getpid()

@app.task(name="look")
def look():
    from pipelines.run import apart
    work = apart.Work(main=lambda: 7, command=["false"], environment=dict(os.environ))
    with apart.running(work, 1, 2) as child:
        found["child"] = child.wait(60)
    seen = {**found, "parent": os.getppid(), "may_fork": apart._loaded.get(),
            "modules": sorted(name for name in sys.modules if "." not in name)}
    Path("seen.json").write_text(json.dumps(seen))
    os.kill(os.getppid(), signal.SIGTERM)

look.apply_async(queue="default")
worker = app.Worker(pool="prefork", concurrency=1, queues=["default"], hostname="here@test",
                    without_gossip=True, without_mingle=True, loglevel="INFO")
worker.start()
"""


@pytest.fixture(scope="module")
def seen(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    pytest.importorskip(
        "airflow.providers.celery", reason="Celery workers need the extra `production`"
    )
    home = tmp_path_factory.mktemp("airflow")
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CELERY__CELERY_CONFIG_OPTIONS": "dags._celery.CONFIG",
        "AIRFLOW__CELERY__BROKER_URL": "memory://",
        "AIRFLOW__CELERY__RESULT_BACKEND": "cache+memory://",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")]),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", STARTED],
        env=environment,
        cwd=home,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert (home / "seen.json").is_file(), done.stderr[-3000:]
    found: dict[str, Any] = json.loads((home / "seen.json").read_text())
    return found


pytestmark = pytest.mark.timeout(300)


def test_the_process_of_a_task_has_what_the_steps_need_and_may_fork(seen: dict[str, Any]) -> None:
    assert set(seen["modules"]) >= HEAVY and seen["may_fork"]
    assert seen["parent"] == seen["worker"]


def test_a_step_forks_a_child_from_the_process_of_its_task(seen: dict[str, Any]) -> None:
    assert seen["child"] == 7


def test_no_thread_was_there_when_it_was_forked(seen: dict[str, Any]) -> None:
    assert seen["threads_before_the_fork"] == ["MainThread"]


def test_what_died_with_the_worker_before_is_given_up_without_waiting_for_libraries(
    seen: dict[str, Any],
) -> None:
    assert seen["loaded_when_given_up"] is False
