"""A step of Airflow that finds a run by hand at work comes again later; the end of a run frees its
lock.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from airflow.sdk.exceptions import AirflowRescheduleException

from dags import _bridge
from dags._weekly_steps import WEEKLY, run_ended
from dags.retraining import dag
from pipelines.config import DeploymentPaths
from pipelines.run.lock import by_airflow, during, hold, holder


@pytest.fixture
def paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    instance = SimpleNamespace(task_id="start", map_index=-1, try_number=1, max_tries=10)
    context: dict[str, Any] = {
        "params": {"profile": "ci"},
        "dag_run": SimpleNamespace(run_id="weekly", conf=None),
        "ti": instance,
    }
    monkeypatch.setattr(_bridge, "get_current_context", lambda: context)
    return DeploymentPaths(home=home)


def test_a_step_waits_for_a_run_by_hand_without_failing(paths: DeploymentPaths) -> None:
    with hold(paths, "by-hand"), pytest.raises(AirflowRescheduleException) as later:
        WEEKLY.call("start")
    wait = later.value.reschedule_date - datetime.now(UTC)
    assert timedelta(0) < wait <= timedelta(minutes=1)
    assert not (paths.artifacts / "runs").exists()
    WEEKLY.call("start")
    owner = holder(paths)
    assert owner is not None
    assert (owner.run_id, owner.caller) == ("weekly", "airflow")


def test_the_end_of_a_dag_run_frees_its_lock_however_it_ends(paths: DeploymentPaths) -> None:
    assert dag.on_failure_callback == dag.on_success_callback == run_ended
    with by_airflow(), during(paths, "weekly", "train"):
        pass
    run_ended({"run_id": "another"})
    assert holder(paths) is not None
    run_ended({"run_id": "weekly"})
    assert holder(paths) is None
