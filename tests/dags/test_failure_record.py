"""What a failed task leaves for the person who must act on it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from support.outputs import made

from dags import _bridge, _links, _retries, _run_note, _weekly_steps
from dags._weekly_steps import WEEKLY
from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.run.outputs import PlanOutput, SceneFetchOutput
from pipelines.steps import outcome
from pipelines.storage import read_json

RUN = "manual__2026-11-21T00:00:00+00:00"


def instance(task_id: str = "data.validate", map_index: int = -1, try_number: int = 2) -> Any:
    return SimpleNamespace(
        task_id=task_id, map_index=map_index, try_number=try_number, max_tries=10, run_id=RUN
    )


def airflow_calls_back(error: BaseException | str | None, of: Any = None) -> None:
    """Airflow calls back: in the task's process, or elsewhere if that one is gone."""
    WEEKLY.on_failure(
        {"ti": of or instance(), "dag_run": SimpleNamespace(run_id=RUN), "exception": error}
    )


def folder(home: Path) -> Path:
    return home / "artifacts" / "runs" / RUN


def record(home: Path) -> dict[str, Any]:
    return read_json(folder(home) / "failure.json")


@pytest.fixture
def in_a_task(home: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Steps believe that they run in a task of Airflow."""
    run = SimpleNamespace(run_id=RUN, conf={"profil": "sample"})
    context = {"params": {}, "dag_run": run, "ti": instance("start")}
    monkeypatch.setattr(_bridge, "get_current_context", lambda: context)
    return home


def start_rightly() -> None:
    """The step `start`, with its parameters corrected."""
    _bridge.get_current_context()["dag_run"].conf = {"profile": "ci"}
    WEEKLY.call("start")


def test_a_steps_own_error_ends_the_log_with_step_cause_place_and_fix(
    in_a_task: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR), pytest.raises(SystemExit):
        WEEKLY.call("start")
    messages = [line.message for line in caplog.records if line.name == "dags._bridge"]
    assert [line.split("  ")[0] for line in messages] == ["STEP", "CAUSE", "WHERE", "WHAT TO DO"]
    assert (
        "start, try 2" in messages[0]
        and "profil" in messages[1]
        and "known parameters" in messages[3]
    )
    assert not any(line.exc_info for line in caplog.records)


def test_step_and_callback_write_one_and_the_same_format(in_a_task: Path) -> None:
    with pytest.raises(SystemExit):
        WEEKLY.call("start")
    by_the_step = record(in_a_task)
    airflow_calls_back(None, instance("start", try_number=3))
    by_the_callback = record(in_a_task)
    assert set(by_the_step) == set(by_the_callback)
    assert by_the_callback["try_number"] == 3, "another try than the one the step spoke of"
    assert by_the_step | {"error": "", "cause": "", "where": "", "fix": ""} == {
        "run_id": RUN,
        "step": "start",
        "map_index": -1,
        "try_number": 2,
        "error": "",
        "cause": "",
        "where": "",
        "fix": "",
    }


def test_the_callback_leaves_what_the_step_said_itself(in_a_task: Path) -> None:
    with pytest.raises(SystemExit) as caught:
        WEEKLY.call("start")
    airflow_calls_back(caught.value, instance("start"))
    assert record(in_a_task)["error"] == "ConfigError"


def test_an_error_that_nobody_named_keeps_its_traceback(
    in_a_task: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(run_id: str) -> None:
        raise ZeroDivisionError(f"in {run_id}")

    monkeypatch.setattr(steps, "ingest", broken)
    with pytest.raises(ZeroDivisionError):
        WEEKLY.call("ingest")
    assert record(in_a_task)["error"] == "ZeroDivisionError"


def test_a_step_that_succeeds_later_takes_its_failure_back(in_a_task: Path) -> None:
    with pytest.raises(SystemExit):
        WEEKLY.call("start")
    start_rightly()
    assert not (folder(in_a_task) / "failure.json").exists()


def test_another_parts_failure_stands_when_one_part_is_mended(home: Path) -> None:
    for shard in (0, 1):
        part, error = f"embed_shard_00{shard}", StoreError(f"shard {shard}")
        outcome.fail(DeploymentPaths(home=home), RUN, part, error, shard)
    outcome.finish(DeploymentPaths(home=home), RUN, "embed_shard_001", None)
    assert record(home)["cause"] == "shard 0"
    outcome.finish(DeploymentPaths(home=home), RUN, "embed_shard_000", None)
    assert not (folder(home) / "failure.json").exists()


def test_a_killed_process_leaves_a_record_too(home: Path) -> None:
    airflow_calls_back("terminated externally", instance("embed.embed_shard", map_index=3))
    assert record(home)["step"] == "embed_shard_003"
    assert "killed" in record(home)["cause"] and "terminated externally" in record(home)["cause"]
    assert "clear" in record(home)["fix"]


def test_a_step_past_its_limit_says_so(home: Path) -> None:
    airflow_calls_back(AirflowTaskTimeout("Timeout, PID: 1"))
    assert "longer than its limit" in record(home)["cause"] and "PID" not in record(home)["cause"]


def test_a_replayed_year_is_named_by_its_year(in_a_task: Path) -> None:
    start_rightly()
    years = steps.backtest_years(RUN)
    assert _links.part_of(instance("train.backtest", map_index=1), RUN) == f"backtest_{years[1]}"


def test_what_a_retry_cannot_cure_is_not_tried_again() -> None:
    decide = _retries.RetryWhatMayPass().evaluate
    hopeless = _retries.StepFailed(ConfigError("unknown key"))
    assert decide(hopeless, 1, 3).action is RetryAction.FAIL
    assert decide(_retries.StepFailed(StoreError("disk full")), 1, 3).action is RetryAction.DEFAULT
    assert decide(ZeroDivisionError(), 1, 3).action is RetryAction.DEFAULT


def test_unknown_conf_keys_reach_the_check_that_refuses_them() -> None:
    run = SimpleNamespace(conf={"force": True, "profil": "x"})
    context = {"params": {"force": False, "as_of": None}, "dag_run": run}
    assert _bridge.params_of(context) == {"force": True, "as_of": None, "profil": "x"}


def test_mapping_over_nothing_is_refused() -> None:
    with pytest.raises(AirflowFailException, match="nothing to map over"):
        _weekly_steps.items("plan_embedding", made(PlanOutput, shards=(), titles=()))


def test_mapped_tasks_are_named_for_people() -> None:
    assert _weekly_steps.items("backtest_years", [2016]) == [
        {"item": 2016, "title": "test year 2016"}
    ]


def red_run(note: str | None = None, dag_id: str = "retraining") -> Any:
    return SimpleNamespace(dag_id=dag_id, run_id=RUN, note=note)


def test_a_red_run_carries_cause_and_fix_as_its_note(home: Path) -> None:
    damaged = StoreError("a shard is damaged", fix="run again")
    outcome.fail(DeploymentPaths(home=home), RUN, "validate", damaged)
    run = red_run()
    _run_note.on_dag_run_failed(run, "task_failure")
    assert run.note.startswith("Why it is red: validate. CAUSE: a shard is damaged.")
    assert "WHAT TO DO: run again" in run.note
    _run_note.on_dag_run_success(run, "success")
    assert "damaged" not in run.note


@pytest.mark.parametrize("run", [red_run("mine, says Ana"), red_run(dag_id="another")])
def test_notes_of_people_and_of_other_dags_are_left_alone(home: Path, run: Any) -> None:
    outcome.fail(DeploymentPaths(home=home), RUN, "gate", None)
    before = run.note
    _run_note.on_dag_run_failed(run, "task_failure")
    _run_note.on_dag_run_success(run, "success")
    assert run.note == before


def test_a_green_run_without_its_newest_scenes_says_so_in_its_note(home: Path) -> None:
    paths, run = DeploymentPaths(home=home), red_run()
    failed = made(SceneFetchOutput, ending="failed", reason="the catalogue does not answer")
    outcome.finish(paths, RUN, "fetch_scenes", failed)
    _run_note.on_dag_run_success(run, "success")
    assert run.note.startswith("Scenes that were not fetched: failed: the catalogue does not")
    outcome.finish(paths, RUN, "fetch_scenes", made(SceneFetchOutput, ending="fetched", reason=""))
    _run_note.on_dag_run_success(run, "success")
    assert run.note == "Its scenes were fetched after all."
    run = red_run()
    _run_note.on_dag_run_success(run, "success")
    assert run.note is None
