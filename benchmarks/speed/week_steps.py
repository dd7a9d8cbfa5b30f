"""All steps of one run as a version's DAG runs them: each a child of a process that stays.

    python week_steps.py RUN_ID PROFILE

A process of its own, started with the version's sources on PYTHONPATH: ours or those of the first
version. Airflow's LocalExecutor forks each task from a process that has the step functions
imported and, in versions that preload, what these need; two tasks at a time, so mapped ones share
two cores. Prints {"wall", "cpu", "loading"} in seconds; loading, once a scheduler, is in neither of
the others. What each step took goes to the error output.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import resource
import sys
import time
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import Any

AT_ONCE = 2


def main() -> None:
    """Run all steps, then say what they took."""
    run_id, profile = sys.argv[1:3]
    begun = time.perf_counter()
    steps = _loaded()
    loading = time.perf_counter() - begun
    cpu, wall = _children_cpu(), time.perf_counter()
    walk(steps, run_id, profile)
    took = {
        "wall": time.perf_counter() - wall,
        "cpu": _children_cpu() - cpu,
        "loading": loading,
    }
    _free(run_id)
    sys.stdout.write(json.dumps(took))


def _free(run_id: str) -> None:
    """Give the run's lock back, as the end of a DAG run does."""
    config = importlib.import_module("pipelines.config")
    paths = config.deployment_paths() if hasattr(config, "deployment_paths") else config.places()
    importlib.import_module("pipelines.run.lock").release(paths, run_id)


def _loaded() -> Any:
    """The version's step functions; MLflow's database is made before any run, as `make up` does."""
    steps = importlib.import_module("pipelines.steps")
    if child := os.fork():
        if os.waitpid(child, 0)[1]:
            raise SystemExit("MLflow's database could not be made")
    else:
        _in_child(importlib.import_module("pipelines.registry.tracking").prepare)
    try:
        importlib.import_module("pipelines.steps.preload").preload()
    except ModuleNotFoundError as err:
        if err.name != "pipelines.steps.preload":
            raise
    gc.freeze()  # as the executor does before it forks
    return steps


def walk(steps: Any, run_id: str, profile: str) -> None:
    """The DAG's order."""
    folder = Path(os.environ["DENGUARD_HOME"]) / "artifacts" / "runs" / run_id
    _run(steps.start, run_id, [[{"profile": profile}]])
    names = ["ingest", "validate", "snapshot", "plan_embedding"]
    for name in (["fetch_scenes"] if hasattr(steps, "fetch_scenes") else []) + names:
        _run(getattr(steps, name), run_id)
    plan = json.loads((folder / "plan_embedding.json").read_text(encoding="utf-8"))
    _run(steps.embed_shard, run_id, [[shard] for shard in plan["shards"]])
    _run(steps.features, run_id)
    _run(steps.train, run_id)
    _run(steps.backtest, run_id, [[year] for year in steps.backtest_years(run_id)])
    for name in ("evaluate", "gate", "register", "deploy", "forecast", "report"):
        _run(getattr(steps, name), run_id)


def _run(step: Any, run_id: str, items: Sequence[Sequence[Any]] = ((),)) -> None:
    """One child an item, AT_ONCE of them at a time."""
    wall, cpu = time.perf_counter(), _children_cpu()
    waiting, running = list(items), set[int]()
    while waiting or running:
        if waiting and len(running) < AT_ONCE:
            item = waiting.pop(0)
            child = os.fork()
            if not child:
                _in_child(step, run_id, *item)
            running.add(child)
            continue
        ended, status = os.wait()
        running.discard(ended)
        if status:
            raise SystemExit(f"{step.__name__} failed")
    took = f"{time.perf_counter() - wall:6.2f} s, {_children_cpu() - cpu:6.2f} s of processor"
    sys.stderr.write(f"@ {step.__name__:<15}{took}\n")


def _in_child(work: Any, *arguments: Any) -> None:
    """Ends the process. As for Airflow, so that two tasks of one run share its lock."""
    code = 1
    try:
        with importlib.import_module("pipelines.run.lock").by_airflow():
            work(*arguments)
        code = 0
    finally:
        if code:
            traceback.print_exc()
        sys.stderr.flush()
        os._exit(code)


def _children_cpu() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


if __name__ == "__main__":
    main()
