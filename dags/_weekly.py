"""The weekly cycle as a graph: one run is one bulletin, from the newest drop to this week's
forecast.

Wiring only; what a step does is in pipelines/steps, what its figures mean in the run's report. The
DAGs made of it are those of retraining.py and lines.py.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from airflow.sdk import DAG, TaskGroup

from dags._fallback import fallback_task
from dags._limits import STEP_LIMITS
from dags._shared import (
    CHAMPION,
    DATASET,
    DEFAULT_ARGS,
    EMBEDDINGS,
    FORECAST,
    HEAVY,
    params_for,
)
from dags._weekly_steps import WEEKLY, run_ended
from pipelines.config import time_zone_of

DOC = """
### Weekly retraining
On its schedule (by the clock of the profile's place) one run goes through the pipeline once, forward; a drop that arrives later starts a run of its own. Every task can be killed and run again
(clear it): finished work is found and not repeated. A model goes live only if the gate says so.

| Step | What happens | If it fails |
| --- | --- | --- |
| start | The run's parameters are checked; unknown names are refused | Correct them, trigger again |
| data | The newest drop is read, checked and fixed as a version. A critical issue stops the run here, before anything changed | Open the data issues: each names file, row and what to do |
| embed | New scenes and prompts become vectors, in shards; known ones are reused | Clear the shard |
| train | Candidate heads are trained; champion's and challenger's recipes are replayed on past years | Clear the task |
| judge | Everything is scored on the same rows; the gate writes its decision and why | The champion stays |
| release | The winner is registered and taken by the endpoint, and the forecast is written. If the gate kept the champion, it forecasts | The previous champion serves on |
| report | One page for people: artifacts/reports/&lt;run id&gt;/ | Clear the task |
| fallback | Only if a step is red: the champion forecasts from the last accepted data, and every row says so. The run stays red | Nothing is published; read its log |

**Something failed?** The red run's note and its tab *Outcome* say step, cause and what to do; so does
the red task's log, and `artifacts/runs/<run id>/failure.json`. Correct it, then clear the red task: the
run goes on there and does only what is missing.

**Reports**: every task has a tab *Outcome* and, under *Details*, the link *Outcome and report*;
*Bulletins* in the menu lists all runs with their reports.

**Queues**: `cpu-heavy` embeds and trains, `default` does the rest.
"""


def weekly(dag_id: str, schedule: str | None, profile: str) -> DAG:
    """The cycle of one line.

    Args:
        schedule: cron, by the clock of the profile's place.
        profile: what a run uses unless its parameters say otherwise.
    """
    with DAG(
        dag_id,
        description="Drop -> checks -> vectors -> heads -> gate -> endpoint -> forecast -> report",
        doc_md=DOC,
        schedule=schedule,
        start_date=datetime(2020, 1, 1, tzinfo=time_zone_of(profile)),
        catchup=False,
        max_active_runs=1,  # two bulletins at once would judge each other's champion
        params=params_for(profile),
        default_args=DEFAULT_ARGS,
        on_success_callback=run_ended,
        on_failure_callback=run_ended,
        tags=["denguard", "weekly", "dengue"],
    ) as dag:
        _tasks()
    return dag


def _step(name: str, **more: Any) -> Any:
    minutes, doc = STEP_LIMITS[name]
    return WEEKLY.task(name, minutes=minutes, doc=doc, **more)


def _tasks() -> None:
    """Every step of a run and what it waits for."""
    start = _step("start")

    with TaskGroup("data", tooltip="Read, check and fix the newest drop as a version"):
        ingest = _step("ingest")
        validate = _step("validate")
        snapshot = _step("snapshot", outlets=[DATASET])

    with TaskGroup("embed", tooltip="Turn scenes and prompts into vectors, once each"):
        plan = _step("plan_embedding")
        shards = _step("embed_shard", queue=HEAVY, over=plan)
        features = _step("features", queue=HEAVY, outlets=[EMBEDDINGS])

    candidates_and_replay = "Candidates on all labelled weeks, recipes replayed on past years"
    with TaskGroup("train", tooltip=candidates_and_replay):
        candidates = _step("train", queue=HEAVY)
        years = _step("backtest_years")
        replay = _step("backtest", queue=HEAVY, over=years)

    with TaskGroup("judge", tooltip="Same rows for all; the gate fails closed"):
        evaluate = _step("evaluate", queue=HEAVY)
        gate = _step("gate", queue=HEAVY)

    with TaskGroup("release", tooltip="Registry, endpoint, forecast"):
        register = _step("register")
        deploy = _step("deploy", outlets=[CHAMPION])
        forecast = _step("forecast", outlets=[FORECAST])

    report = _step("report")

    start >> ingest >> validate >> snapshot >> plan >> shards >> features
    (features >> [candidates, years] >> replay)  # the replay includes the champion that train found
    replay >> evaluate >> gate >> register >> deploy >> forecast >> report

    # Not behind the report: a run is as red as its last tasks, and this one's success must not hide
    # it.
    steps = [start, ingest, validate, snapshot, plan, shards, features, candidates, years, replay]
    [*steps, evaluate, gate, register, deploy, forecast] >> fallback_task()
