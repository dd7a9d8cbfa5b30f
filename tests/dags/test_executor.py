"""The executor of one machine: what the scheduler and the processes of its tasks have loaded."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[2]
HEAVY = ("torch", "mlflow", "great_expectations", "pandas", "sklearn", "matplotlib", "alembic")

# A process of its own: what it loads must not be there for the other tests. What needs an
# api-server, the run of the task itself, is replaced by a look at what its process has loaded.
STARTED = """
import json, logging, os, sys, threading, time
from dataclasses import dataclass
from pathlib import Path
home = Path.cwd()
def modules():
    return sorted(name for name in sys.modules if "." not in name)
def wait_for(what):
    while not what():
        time.sleep(0.05)

# The first two things to load: one that waits until a task is queued, one until that is over.
sys.path.insert(0, str(home))
wait = "import time\\nfrom pathlib import Path\\nwhile not Path({!r}).exists(): time.sleep(0.05)\\n"
for name, file in (("until_queued", "queued"), ("until_over", "0.json")):
    (home / f"{name}.py").write_text(wait.format(str(home / file)))

from airflow.executors.base_executor import BaseExecutor
from airflow.executors.executor_loader import ExecutorLoader
executor, _ = ExecutorLoader.import_executor_cls(ExecutorLoader.get_default_executor_name())
named = modules()

def look(task, **_):
    from pipelines.run import apart
    found = {"modules": modules(), "may_fork": apart._loaded.get(), "parent": os.getppid(),
             "threads_when_loaded": threads, "said": said}
    (home / f".{task.key}").write_text(json.dumps(found))
    (home / f".{task.key}").rename(home / f"{task.key}.json")
    wait_for(lambda: not task.until or (home / task.until).exists())
    if task.key == "bad":
        raise ValueError("a task of that kind is not known")
BaseExecutor.run_workload = staticmethod(look)

@dataclass
class Task:
    key: str
    until: str = ""
    running_state = None
    success_state = "success"
    failure_state = "failed"
    display_name = "a task"

said, threads = [], []
class Kept(logging.Handler):
    def emit(self, record):
        said.append(record.getMessage())
logging.getLogger("pipelines").addHandler(Kept())

running = executor(parallelism=2)
def put(*tasks):
    for task in tasks:
        running.queued_tasks[task.key] = task
        running.running.add(task.key)
    running._process_workloads(list(tasks))
def over(key):
    running.sync()
    return key in running.event_buffer
def seen(key):
    return json.loads((home / f"{key}.json").read_text())

from importlib import abc, util
class Before(abc.MetaPathFinder):
    # preload() is changed where it is imported, which is not here
    def find_spec(self, name, path, target=None):
        if name != "pipelines.steps.preload":
            return None
        sys.meta_path.remove(self)
        spec = util.find_spec(name)
        load = spec.loader.exec_module
        def changed(module):
            load(module)
            module.ROOMS = ("until_queued", "until_over", *module.ROOMS)
            loaded_here = module.loaded_here
            def noted():
                threads.extend(thread.name for thread in threading.enumerate())
                loaded_here()
            module.loaded_here = noted
        spec.loader.exec_module = changed
        return spec
sys.meta_path.insert(0, Before())

running.start()
found = {"executor": executor.__name__, "named": named, "scheduler": modules()}
(forks,) = running.workers
put(Task("0"))
(home / "queued").touch()
wait_for(lambda: over("0"))
found["early"] = seen("0")
number = 0
while not seen(str(number))["may_fork"]:
    number += 1
    put(Task(str(number)))
    wait_for(lambda: over(str(number)))
    time.sleep(0.2)
found["late"] = seen(str(number))
put(Task("long", "both"), Task("other", "both"), Task("bad"))
wait_for(lambda: all((home / f"{key}.json").exists() for key in ("long", "other")))
wait_for(lambda: over("bad"))
found["at_once"] = not {"long", "other"} & set(running.event_buffer)
(home / "both").touch()
running.end()
found["states"] = {key: state for key, (state, _) in running.event_buffer.items()}
found["forks"], found["left"] = forks, Path(f"/proc/{forks}").exists()
(home / "found.json").write_text(json.dumps(found))
"""


# A scheduler that is killed while its other process has nothing to do.
KILLED = """
import os, signal
from pathlib import Path
from dags._executor import PreloadedExecutor
running = PreloadedExecutor(parallelism=1)
running.start()
Path("pid").write_text(str(*running.workers))
os.kill(os.getpid(), signal.SIGKILL)
"""


def scheduler(program: str, home: Path) -> int:
    """Run a program as the scheduler's process in a folder of its own; its exit code."""
    environment = {
        **{k: v for k, v in os.environ.items() if not k.startswith("AIRFLOW")},
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__EXECUTOR": "dags._executor.PreloadedExecutor",
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "PYTHONPATH": str(ROOT),
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", program],
        env=environment,
        cwd=home,
        stdout=subprocess.DEVNULL,  # a pipe would be waited for by what is left
        timeout=240,
        check=False,
    )
    return done.returncode


@pytest.fixture(scope="module")
def started(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    home = tmp_path_factory.mktemp("airflow")
    assert scheduler(STARTED, home) == 0
    found: dict[str, Any] = json.loads((home / "found.json").read_text())
    return found


pytestmark = pytest.mark.timeout(300)


def test_airflow_finds_the_executor_by_its_name(started: dict[str, Any]) -> None:
    assert started["executor"] == "PreloadedExecutor"


def test_naming_the_executor_loads_nothing_heavy(started: dict[str, Any]) -> None:
    assert set(HEAVY) & set(started["named"]) <= {"alembic"}  # Airflow's own


def test_the_scheduler_starts_it_without_loading_anything(started: dict[str, Any]) -> None:
    assert set(HEAVY) & set(started["scheduler"]) <= {"alembic"}


def test_a_task_that_comes_while_libraries_are_loaded_does_not_wait_for_them(
    started: dict[str, Any],
) -> None:
    early = started["early"]
    assert early["parent"] == started["forks"]
    assert "torch" not in early["modules"] and not early["may_fork"]


def test_a_later_task_has_all_that_the_steps_need_and_nothing_was_left_out(
    started: dict[str, Any],
) -> None:
    late = started["late"]
    assert late["parent"] == started["forks"]
    assert set(HEAVY) <= set(late["modules"]) and late["may_fork"]
    assert late["said"] == []


def test_the_process_that_forks_them_has_no_other_thread(started: dict[str, Any]) -> None:
    assert started["late"]["threads_when_loaded"] == ["MainThread"]


def test_tasks_run_beside_each_other_and_their_ends_are_heard_of(started: dict[str, Any]) -> None:
    assert started["at_once"]
    assert started["states"] == {
        **dict.fromkeys(started["states"], "success"),
        "bad": "failed",
    }
    assert {"long", "other", "bad"} < set(started["states"])


def test_the_end_waits_for_running_tasks_and_leaves_no_process(started: dict[str, Any]) -> None:
    assert started["states"]["long"] == "success" and not started["left"]


def test_the_process_that_loads_ends_with_a_scheduler_that_is_killed(tmp_path: Path) -> None:
    assert scheduler(KILLED, tmp_path) == -signal.SIGKILL
    left = Path("/proc") / (tmp_path / "pid").read_text()
    try:
        for _ in range(2400):
            if not left.exists() or "State:\tZ" in (left / "status").read_text():
                return
            time.sleep(0.05)
        raise AssertionError(f"process {left.name} is still there")
    finally:
        with suppress(ProcessLookupError):
            os.kill(int(left.name), signal.SIGKILL)
