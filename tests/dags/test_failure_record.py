"""What a failed task leaves for the person who must act on it."""

from __future__ import annotations

import logging
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowFailException

from dags import _shared
from pipelines.errors import ConfigError, StoreError, ValidationStopped
from pipelines.storage import read_json


def fail(error: BaseException | None, run_id: str = "manual__2026-11-21T00:00:00+00:00") -> None:
    instance = SimpleNamespace(task_id="data.validate", map_index=-1, try_number=2)
    _shared.on_failure({"ti": instance, "dag_run": SimpleNamespace(run_id=run_id), "exception": error})  # fmt: skip


def record(home: Path) -> dict[str, Any]:
    return read_json(home / "artifacts/runs/manual__2026-11-21T00:00:00+00:00/failure.json")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))
    return tmp_path


def test_a_failure_names_step_cause_and_fix_in_log_and_file(
    here: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.ERROR):
        fail(StoreError("a shard is damaged", where="shard 3", fix="run the step again"))
    assert record(here) == {
        "run_id": "manual__2026-11-21T00:00:00+00:00",
        "step": "data.validate",
        "map_index": -1,
        "try_number": 2,
        "error": "StoreError",
        "cause": "a shard is damaged",
        "where": "shard 3",
        "fix": "run the step again",
    }
    assert "data.validate failed" in caplog.text
    assert "run the step again" in caplog.text


def test_a_failure_that_is_not_retried_names_the_error_behind_it(here: Path) -> None:
    try:
        raise AirflowFailException("x") from ValidationStopped("column is missing", fix="add it")
    except AirflowFailException as err:
        fail(err)
    assert record(here)["error"] == "ValidationStopped"
    assert record(here)["fix"] == "add it"


def test_a_killed_process_leaves_a_record_too(here: Path) -> None:
    fail(None)
    assert "killed" in record(here)["cause"]
    assert "clear" in record(here)["fix"]


def test_a_step_error_that_a_retry_cannot_cure_fails_at_once(
    here: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    context = {"dag_run": SimpleNamespace(run_id="run-1")}
    monkeypatch.setattr(_shared, "get_current_context", lambda: context)
    with pytest.raises(AirflowFailException) as caught:
        _shared.call_step("start", {"profil": "sample"})
    assert isinstance(caught.value.__cause__, ConfigError)
    assert "profil" in str(caught.value)


def test_unknown_conf_keys_reach_the_check_that_refuses_them(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    run = SimpleNamespace(conf={"force": True, "profil": "x"})
    context = {"params": {"force": False, "as_of": None}, "dag_run": run}
    monkeypatch.setattr(_shared, "get_current_context", lambda: context)
    assert _shared.asked_for() == {"force": True, "as_of": None, "profil": "x"}


def test_mapping_over_nothing_is_refused() -> None:
    with pytest.raises(AirflowFailException, match="nothing to map over"):
        _shared.at_least_one("plan_embedding", [])
