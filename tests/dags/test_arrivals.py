"""The DAG `arrivals`: its look by itself, and walked by Airflow on a database of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from dags import arrivals

ROOT = Path(__file__).resolve().parents[2]

# It looks twice: while the line's weekly run stands in the queue, and after that run has gone.
WALK = """
import json
from datetime import UTC, datetime
from airflow import settings
from airflow.utils.db import initdb
initdb()
from airflow.dag_processing.dagbag import DagBag
from airflow.models.dagrun import DagRun
from sqlalchemy import select, update
found = {}
dag = DagBag("dags", load_op_links=False).dags["arrivals"]
when = datetime(2026, 11, 23, 6, tzinfo=UTC)
with settings.Session() as session:
    session.add(DagRun(dag_id="retraining", run_id="scheduled__weekly", run_type="scheduled", state="queued", logical_date=when, run_after=when))
    session.commit()
    for name in ("queued", "gone"):
        dag.test()
        session.expire_all()
        runs = session.execute(select(DagRun.dag_id, DagRun.run_id, DagRun.state)).all()
        found[name] = sorted(list(map(str, run)) for run in runs if run[0] != "arrivals")
        found[name + " looks"] = sorted({str(r[2]) for r in runs if r[0] == "arrivals"})
        session.execute(update(DagRun).where(DagRun.dag_id == "retraining").values(state="success"))
        session.commit()
print("FOUND" + json.dumps(found))
"""


def put_drop(home: Path) -> None:
    drop = home / "data" / "drops" / "2018-12-04"
    drop.mkdir(parents=True)
    (drop / "drop.yaml").write_text("received_date: 2018-12-04\n")
    os.utime(drop, (1_600_000_000, 1_600_000_000))  # it is no longer being copied


@pytest.mark.parametrize(("line", "dag_id"), [("", "retraining"), ("city", "retraining_city")])
def test_a_drop_waits_while_a_run_of_its_line_is_queued_or_at_work(
    home: Path, monkeypatch: pytest.MonkeyPatch, line: str, dag_id: str
) -> None:
    put_drop(home / "lines" / line if line else home)
    active: list[Any] = [dag_id]
    left: dict[str, str] = {}

    def count(dag_id: str, states: list[str]) -> int:
        assert states == ["queued", "running"]
        return active.count(dag_id)

    task = SimpleNamespace(
        get_dr_count=count, xcom_push=lambda key, value: left.update({key: value})
    )
    monkeypatch.setattr(arrivals, "get_current_context", lambda: {"ti": task})
    assert arrivals.look(line, dag_id) is False and not left
    active[:] = ["another"]
    assert arrivals.look(line, dag_id) is True and left == {"drop": "2018-12-04"}


@pytest.mark.slow  # Airflow makes its tables and walks the DAG twice
def test_airflow_starts_no_run_beside_a_queued_one_and_one_when_there_is_none(
    tmp_path: Path,
) -> None:
    put_drop(tmp_path)
    settings = {
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__DAGS_FOLDER": str(ROOT / "dags"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "false",
        "DENGUARD_HOME": str(tmp_path),
        "PYTHONPATH": str(ROOT),
    }
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("AIRFLOW", "DENGUARD"))}
    done = subprocess.run(
        [sys.executable, "-c", WALK],
        cwd=ROOT,
        env=clean | settings,
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )
    assert "FOUND" in done.stdout, done.stdout[-2000:] + done.stderr[-4000:]
    found = json.loads(done.stdout.split("FOUND", 1)[1].splitlines()[0])
    assert found["queued"] == [["retraining", "scheduled__weekly", "queued"]]
    assert found["gone"] == [
        ["retraining", "drop__2018-12-04", "queued"],
        ["retraining", "scheduled__weekly", "success"],
    ]
    assert found["queued looks"] == found["gone looks"] == ["success"]
