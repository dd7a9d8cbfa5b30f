"""The weekly DAG as the scheduler and ops staff see it. Reads the file in a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from pipelines.storage import write_json

ROOT = Path(__file__).resolve().parents[2]
LINE = {
    "profile": "hanoi",
    "schedule": "0 7 * * 1",
    "place": {"time_zone": "Asia/Ho_Chi_Minh"},
    "data": {"inputs": [{"file": "cases.csv"}]},
}
HEAVY_LIBRARIES = ("torch", "mlflow", "great_expectations", "pandas", "sklearn", "transformers")

# Airflow takes seconds to load: one process does, and a fork of it reads the files in each environment.
PARSE = """
import json, os, sys, time
from airflow.dag_processing.dagbag import DagBag
for name, environment in json.loads(sys.argv[1]).items():
    if (child := os.fork()) == 0:
        os.environ.update(environment)
        break
    assert os.waitpid(child, 0)[1] == 0, name
else:
    sys.exit()
started = time.process_time()
bag = DagBag("dags", load_op_links=False)
took = time.process_time() - started
def listed(value):
    return value if isinstance(value, (list, tuple)) else [value]
found = {
    "errors": {str(k): v for k, v in bag.import_errors.items()},
    "seconds": took,
    "modules": sorted({m.split(".")[0] for m in sys.modules}),
    "dags": {},
}
for dag_id, dag in bag.dags.items():
    found["dags"][dag_id] = {
        "doc": dag.doc_md, "tags": sorted(dag.tags), "catchup": dag.catchup,
        "schedule": dag.schedule, "time_zone": str(dag.timetable.timezone) if dag.schedule else None, "max_active_runs": dag.max_active_runs,
        "params": {k: [p.value, p.schema] for k, p in dag.params._ParamsDict__dict.items()},
        "leaves": [t.task_id for t in dag.leaves],
        "tasks": {
            t.task_id: {
                "queue": t.queue, "retries": t.retries, "doc": t.doc_md, "rule": str(t.trigger_rule.value),
                "timeout_s": t.execution_timeout and t.execution_timeout.total_seconds(),
                "delay_s": t.retry_delay.total_seconds(), "mapped": t.is_mapped,
                "callback": [c.__module__ + "." + c.__name__ for c in listed(t.on_failure_callback)],
                "outlets": [o.name for o in t.outlets],
                "upstream": sorted(t.get_flat_relative_ids(upstream=True)),
            }
            for t in dag.tasks
        },
    }
print("FOUND", name, json.dumps(found), flush=True)
"""


@pytest.fixture(scope="module")
def read(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What is found as it is, with a profile that is nowhere, and in a home with another line."""
    home = tmp_path_factory.mktemp("airflow")
    write_json(home / "profiles" / "hanoi.yaml", LINE)
    environments = {
        "plain": {},
        "nowhere": {"DENGUARD_PROFILE": "nowhere"},
        "line": {"DENGUARD_HOME": str(home)},
    }
    settings = {
        "AIRFLOW_HOME": str(home),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "PYTHONPATH": str(ROOT),
    }
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "DENGUARD"))}
    done = subprocess.run(
        [sys.executable, "-c", PARSE, json.dumps(environments)],
        cwd=ROOT,
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    found = [line.split(" ", 2)[1:] for line in done.stdout.splitlines() if line[:6] == "FOUND "]
    return {name: json.loads(what) for name, what in found}


@pytest.fixture(scope="module")
def parsed(read: dict[str, dict[str, Any]]) -> dict[str, Any]:
    return read["plain"]


@pytest.fixture(scope="module")
def dag(parsed: dict[str, Any]) -> dict[str, Any]:
    return parsed["dags"]["retraining"]


def test_every_dag_file_is_read_without_error(parsed: dict[str, Any]) -> None:
    assert parsed["errors"] == {}
    assert set(parsed["dags"]) == {"retraining", "reproduce", "arrivals", "deadline", "reembed"}


def test_reading_takes_no_heavy_library_and_little_time(parsed: dict[str, Any]) -> None:
    assert set(parsed["modules"]) & set(HEAVY_LIBRARIES) == set()
    assert parsed["seconds"] < 5


def test_it_runs_every_monday_by_the_places_clock_one_at_a_time(dag: dict[str, Any]) -> None:
    assert (dag["schedule"], dag["time_zone"]) == ("0 6 * * 1", "America/Bogota")
    assert dag["catchup"] is False
    assert dag["max_active_runs"] == 1


def test_the_page_explains_every_group(dag: dict[str, Any]) -> None:
    groups = {task_id.split(".")[0] for task_id in dag["tasks"]}
    assert groups == {"start", "data", "embed", "train", "judge", "release", "report", "fallback"}
    assert all(f"| {group} |" in dag["doc"] for group in groups)
    assert dag["tags"] == ["denguard", "dengue", "weekly"]


def test_every_task_has_queue_limit_retries_doc_and_callback(dag: dict[str, Any]) -> None:
    for name, task in dag["tasks"].items():
        assert task["queue"] in {"default", "cpu-heavy"}, name
        assert task["retries"] >= 1 and task["delay_s"] > 0, name
        assert task["timeout_s"] and task["timeout_s"] > 0, name
        assert task["doc"], name
        # The fallback's failure is in its log; the run is red for another reason.
        callbacks = [] if name == "fallback" else ["dags._bridge.on_failure"]
        assert task["callback"] == callbacks, name


def test_embedding_and_training_run_on_the_heavy_queue(dag: dict[str, Any]) -> None:
    heavy = {name for name, task in dag["tasks"].items() if task["queue"] == "cpu-heavy"}
    assert {"embed.embed_shard", "train.train", "train.backtest"} <= heavy
    assert heavy.isdisjoint({"start", "data.ingest", "release.deploy", "report"})


def test_shards_and_years_are_mapped_and_nothing_else(dag: dict[str, Any]) -> None:
    mapped = {name for name, task in dag["tasks"].items() if task["mapped"]}
    assert mapped == {"embed.embed_shard", "train.backtest"}


def test_the_run_succeeds_only_if_every_task_did(dag: dict[str, Any]) -> None:
    tasks = dict(dag["tasks"])
    fallback = tasks.pop("fallback")
    assert sorted(dag["leaves"]) == ["fallback", "report"]
    assert {task["rule"] for task in tasks.values()} == {"all_success"}
    assert set(tasks["report"]["upstream"]) == set(tasks) - {"report"}
    # behind the report its success would be the run's
    assert fallback["rule"] == "one_failed"
    assert set(fallback["upstream"]) == set(tasks) - {"report"}


def test_a_backtest_waits_for_the_champion_that_train_finds(dag: dict[str, Any]) -> None:
    assert "train.train" in dag["tasks"]["train.backtest"]["upstream"]


def test_nothing_is_embedded_before_validation(dag: dict[str, Any]) -> None:
    assert "data.validate" in dag["tasks"]["data.snapshot"]["upstream"]
    assert "data.snapshot" in dag["tasks"]["embed.plan_embedding"]["upstream"]


def test_assets_are_emitted_once_each(dag: dict[str, Any]) -> None:
    emitted = [asset for task in dag["tasks"].values() for asset in task["outlets"]]
    names = ("champion", "dataset", "embeddings", "forecast")
    assert sorted(emitted) == [f"denguard://{name}" for name in names]


def test_parameters_have_a_schema(dag: dict[str, Any]) -> None:
    params = dag["params"]
    assert set(params) == {"profile", "as_of", "horizons", "force"}
    assert params["profile"][0] == "sample" and "sample" in params["profile"][1]["enum"]
    assert params["as_of"][0] is None and params["as_of"][1]["type"] == ["null", "string"]
    assert params["horizons"][1]["items"] == {"type": "integer", "minimum": 0, "maximum": 12}
    assert params["force"][0] is False


def test_an_unknown_default_profile_is_an_import_error_that_names_it(
    read: dict[str, dict[str, Any]],
) -> None:
    assert "nowhere" in "".join(read["nowhere"]["errors"].values())


def test_a_line_has_a_dag_of_its_own_by_the_clock_of_its_own_place(
    read: dict[str, dict[str, Any]],
) -> None:
    found = read["line"]
    assert found["errors"] == {}
    line = found["dags"]["retraining_hanoi"]
    assert (line["schedule"], line["time_zone"]) == ("0 7 * * 1", "Asia/Ho_Chi_Minh")
    assert line["params"]["profile"][0] == "hanoi"


def test_every_task_calls_a_step_that_exists(dag: dict[str, Any]) -> None:
    from pipelines import steps

    names = {task_id.split(".")[-1] for task_id in dag["tasks"]}
    assert [name for name in names if not callable(getattr(steps, name, None))] == []
