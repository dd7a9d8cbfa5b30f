"""The DAG of the reproduction: its graph, and its tasks run one by one on a tiny data set."""

from __future__ import annotations

import json
import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowRescheduleException, AirflowTaskTimeout
from support import tiny_study

from dags import _bridge, _retries
from dags._limits import STEP_LIMITS
from dags._study_steps import STUDY
from dags.reproduce import embed, measure, plan_training, report, start, train
from pipelines.errors import StoreError
from pipelines.paper.lock import at_work
from pipelines.storage import read_json

TASKS = {t.task_id: t for t in (start, embed, plan_training, train, measure, report)}
DAG = start.dag


@pytest.fixture(scope="module")
def inputs(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Data, checkpoints and a study of the raw-data baseline alone: no encoder process."""
    root = tmp_path_factory.mktemp("study")
    tiny_study.data(root / "data")
    loose = {"name": "dinov2", "hub": "nobody/nothing", "file": "f", "pooling": "cls"}
    unpinned = {
        "id": "unpinned",
        "kind": "frozen",
        "title": "No pin",
        "beside": "clip",
        "image": loose,
        "text": loose,
    }
    approaches = [tiny_study.raw_approach(root / "weights"), unpinned]
    about = {"approaches": approaches, "fusions": ["early"], "resamples": 100}
    tiny_study.write(root, about)
    return root


@pytest.fixture
def parameters(home: Path, inputs: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """A run's conf, which a test may change; tasks believe that they run in Airflow."""
    conf = {
        "dataset": "folder",
        "protocol": "safe",
        "data": str(inputs / "data"),
        "out": "artifacts/paper",
        "study": str(inputs / "study.yaml"),
    }
    run = SimpleNamespace(run_id="by-hand", conf=conf)
    instance = SimpleNamespace(task_id="start", map_index=-1, try_number=1, max_tries=10)
    context = {"params": dict(DAG.params), "dag_run": run, "ti": instance}
    monkeypatch.setattr(_bridge, "get_current_context", lambda: context)
    return conf


def do(step: str, **item: Any) -> Any:
    """What Airflow does with a task, or with one of its mapped items."""
    task = TASKS[step]
    function = task.partial_kwargs["python_callable"] if task.is_mapped else task.python_callable
    return function(**item)


def folder(home: Path) -> Path:
    return home / "artifacts" / "paper" / "folder" / "safe"


def test_it_is_started_by_hand_and_one_run_at_a_time() -> None:
    assert DAG.schedule is None and DAG.max_active_runs == 1 and DAG.catchup is False
    assert {"denguard", "paper"} <= set(DAG.tags)
    assert all(f"| {name} |" in DAG.doc_md for name in TASKS)


def test_every_task_has_queue_limit_retries_and_doc() -> None:
    longest = timedelta(minutes=max(minutes for minutes, _ in STEP_LIMITS.values()))
    for task in TASKS.values():
        assert task.doc_md and task.retries >= 1
        # Tokens and the broker's visibility are set for the weekly cycle's longest task.
        assert timedelta(0) < task.execution_timeout <= longest
    assert {n for n, t in TASKS.items() if t.queue == "cpu-heavy"} == {"embed", "train", "measure"}
    assert {n for n, t in TASKS.items() if t.is_mapped} == {"embed", "train"}


def test_the_report_is_last_and_waits_for_everything() -> None:
    assert [t.task_id for t in DAG.leaves] == ["report"]
    assert set(report.get_flat_relative_ids(upstream=True)) == set(TASKS) - {"report"}
    assert {str(t.trigger_rule.value) for t in TASKS.values()} == {"all_success"}


def test_parameters_have_a_schema() -> None:
    schemas = {name: DAG.params.get_param(name).schema for name in DAG.params}
    assert "brset" in schemas["dataset"]["enum"] and schemas["protocol"]["enum"] == [
        "paper",
        "safe",
    ]
    assert schemas["study"]["type"] == schemas["general"]["type"] == ["null", "string"]
    assert DAG.params["protocol"] == "safe"


def test_the_tasks_walk_the_reproduction_and_reach_no_run_of_the_weekly_road(
    parameters: dict[str, Any], home: Path
) -> None:
    vectors = do("start")
    assert vectors == [{"item": None, "title": "nothing can run here: see the not-run list"}]
    assert do("embed", **vectors[0]) is None
    groups = do("plan_training")
    assert groups == [{"item": 0, "title": "tiny_raw, early"}]
    for item in groups:
        do("train", **item)
    do("measure")
    do("report")
    results = read_json(folder(home) / "results.json")
    assert [row["approach"] for row in results["table1"]] == ["tiny_raw"]
    assert [item["what"] for item in results["not_run"]] == ["No pin"]
    assert (folder(home) / "table1.csv").is_file()
    assert (
        not (home / "artifacts" / "runs").exists() and not (home / "artifacts" / "locks").exists()
    )


def test_where_nothing_can_run_the_run_still_ends_with_its_report(
    parameters: dict[str, Any], home: Path, inputs: Path
) -> None:
    about = json.loads((inputs / "study.yaml").read_text())
    about["approaches"] = about["approaches"][1:]
    parameters["study"] = str(tiny_study.write(home, about))
    do("embed", **do("start")[0])
    groups = do("plan_training")
    assert len(groups) == 1 and groups[0]["item"] is None
    do("train", **groups[0])
    do("measure")
    do("report")
    assert "No approach" in read_json(folder(home) / "results.json")["first_line"]


@pytest.mark.parametrize(
    ("key", "value"),
    [("datset", "brset"), ("protocol", "both"), ("dataset", "x"), ("data", "nowhere")],
)
def test_a_wrong_parameter_ends_the_log_with_what_to_do_and_is_not_tried_again(
    parameters: dict[str, Any], caplog: pytest.LogCaptureFixture, key: str, value: str
) -> None:
    parameters[key] = value
    with caplog.at_level(logging.ERROR), pytest.raises(_retries.StepFailed) as failed:
        do("start")
    messages = [line.message for line in caplog.records if line.name == "dags._bridge"]
    assert messages[0].startswith("STEP        start") and any(
        line.startswith("WHAT TO DO") for line in messages
    )
    assert value in "".join(messages) or key in "".join(messages)
    decided = _retries.RetryWhatMayPass().evaluate(failed.value, 1, 2)
    assert decided.action == RetryAction.FAIL


def test_a_task_waits_while_the_command_is_at_work_in_the_same_folder(
    parameters: dict[str, Any], home: Path
) -> None:
    with at_work(folder(home)), pytest.raises(AirflowRescheduleException) as later:
        do("start")
    wait = later.value.reschedule_date - datetime.now(UTC)
    assert timedelta(0) < wait <= timedelta(minutes=1)
    with at_work(folder(home), together=True):  # another task of this run
        do("start")


def test_a_folder_that_was_planned_anew_is_told_before_another_group_is_trained(
    parameters: dict[str, Any], home: Path
) -> None:
    do("start")
    with pytest.raises(_retries.StepFailed) as failed:
        do("train", item=0, title="lite0_minilm, early")
    assert "planned this folder anew" in failed.value.error.what
    assert not (folder(home) / "groups").exists()


def test_a_task_that_takes_too_long_says_that_it_goes_on(caplog: pytest.LogCaptureFixture) -> None:
    context = {
        "ti": SimpleNamespace(task_id="train", try_number=1),
        "dag_run": SimpleNamespace(run_id="r"),
    }
    with caplog.at_level(logging.ERROR):
        STUDY.on_failure(context | {"exception": AirflowTaskTimeout("limit")})
        before = len(caplog.records)
        STUDY.on_failure(context | {"exception": _retries.StepFailed(StoreError("said"))})
    assert "longer than its limit" in caplog.text and "goes on where it stopped" in caplog.text
    assert len(caplog.records) == before, "what the step said itself is not said twice"
