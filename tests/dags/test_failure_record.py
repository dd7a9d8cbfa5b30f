"""What a failed task leaves for the person who must act on it."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.models.taskinstance import TaskInstance
from airflow.sdk import RetryAction
from airflow.sdk.exceptions import AirflowFailException, AirflowTaskTimeout
from support.outputs import made

from dags import _bridge, _links, _retries, _run_note, _weekly_steps
from dags._shared import DEFAULT_ARGS
from dags._weekly_steps import WEEKLY
from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import (
    ChampionLostError,
    ConfigError,
    DenguardError,
    LabelRuleError,
    RegistryError,
    StoreError,
)
from pipelines.run.outputs import PlanOutput, SceneFetchOutput
from pipelines.steps import outcome
from pipelines.steps.history import history
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


HOPELESS = [ConfigError("unknown key"), LabelRuleError("others"), ChampionLostError("lost")]
AWAY = [StoreError("no answer", away=True), RegistryError("no answer", away=True)]


def action(error: BaseException, try_number: int, max_tries: int = _retries.RETRIES) -> RetryAction:
    """What Airflow is told to do; a named error reaches it as the step failed with it."""
    raised = _retries.StepFailed(error) if isinstance(error, DenguardError) else error
    return _retries.RetryWhatMayPass().evaluate(raised, try_number, max_tries).action


@pytest.mark.parametrize("error", HOPELESS, ids=lambda e: type(e).__name__)
def test_what_a_retry_cannot_cure_is_not_tried_again(error: DenguardError) -> None:
    assert action(error, 1) is RetryAction.FAIL


@pytest.mark.parametrize("error", [*AWAY, ConnectionResetError(), TimeoutError()], ids=str)
def test_a_service_that_is_away_is_waited_for_with_every_try(error: BaseException) -> None:
    tries = range(1, _retries.RETRIES + 1)
    assert {action(error, number) for number in tries} == {RetryAction.DEFAULT}


@pytest.mark.parametrize("error", [StoreError("disk full"), ZeroDivisionError()], ids=str)
def test_anything_else_is_tried_a_few_times(error: BaseException) -> None:
    found = [action(error, number) for number in (1, 2, 3)]
    assert found == [RetryAction.DEFAULT, RetryAction.DEFAULT, RetryAction.FAIL]


def test_a_task_that_a_person_cleared_is_tried_as_often_again() -> None:
    after_four_tries = 4 + _retries.RETRIES  # as Airflow counts: tries go on, more are granted
    found = [action(ZeroDivisionError(), number, after_four_tries) for number in (5, 6, 7)]
    assert found == [RetryAction.DEFAULT, RetryAction.DEFAULT, RetryAction.FAIL]


def test_airflow_waits_over_an_hour_before_the_last_try() -> None:
    """By Airflow's own computation, at its shortest."""
    ended, waited = datetime(2026, 11, 30, tzinfo=UTC), timedelta()
    for number in range(1, _retries.RETRIES + 1):
        task = SimpleNamespace(
            retry_delay=DEFAULT_ARGS["retry_delay"],
            retry_exponential_backoff=DEFAULT_ARGS["retry_exponential_backoff"],
            max_retry_delay=DEFAULT_ARGS["max_retry_delay"],
        )
        tried = SimpleNamespace(
            task=task, try_number=number, end_date=ended, dag_id="d", task_id="t",
            logical_date=ended, retry_delay_override=None,
        )  # fmt: skip
        computed: Any = TaskInstance.next_retry_datetime(tried)  # type: ignore[arg-type]
        shortest = min(
            DEFAULT_ARGS["retry_delay"] * 2 ** (number - 1), DEFAULT_ARGS["max_retry_delay"]
        )
        assert shortest <= computed - ended <= DEFAULT_ARGS["max_retry_delay"]
        waited += shortest
    assert waited > timedelta(hours=1)


def test_a_process_that_is_ended_from_outside_again_and_again_is_left_to_a_person(
    in_a_task: Path,
) -> None:
    for number in (1, 2, 3):
        airflow_calls_back(None, instance("start", try_number=number))
    _bridge.get_current_context()["ti"] = instance("start", try_number=4)
    with pytest.raises(_retries.StepFailed) as refused:
        start_rightly()
    assert "ended from outside 3 times" in record(in_a_task)["cause"]
    assert action(refused.value.error, 4) is RetryAction.FAIL
    cleared = instance("start", try_number=5)
    cleared.max_tries = 4 + _retries.RETRIES
    _bridge.get_current_context()["ti"] = cleared
    start_rightly()
    assert not (folder(in_a_task) / "failure.json").exists()


def test_a_try_of_which_nothing_was_heard_blames_no_process_alone(home: Path) -> None:
    airflow_calls_back(None)
    cause = record(home)["cause"]
    assert "out of memory" in cause and "Airflow's API server was away" in cause


def test_what_airflow_says_late_of_an_earlier_try_is_not_the_tasks_failure(
    in_a_task: Path,
) -> None:
    start_rightly()  # the second try, and it succeeds
    airflow_calls_back(None, instance("start", try_number=1))
    assert not (folder(in_a_task) / "failure.json").exists()
    assert history(DeploymentPaths(home=in_a_task), RUN).failure is None


def test_a_failure_recorded_here_is_gone_at_the_runs_end_if_another_machine_did_the_step(
    in_a_task: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "store"))
    airflow_calls_back(None, instance("start", try_number=1))  # in the DAG processor
    assert record(in_a_task)["step"] == "start"
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path / "worker"))
    start_rightly()
    monkeypatch.setenv("DENGUARD_HOME", str(in_a_task))
    _weekly_steps.run_ended({"run_id": RUN})
    assert not (folder(in_a_task) / "failure.json").exists()
    assert history(DeploymentPaths(home=in_a_task), RUN).failure is None


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
