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
Each week one run makes one forecast, at the time of its schedule in the time zone of the profile's place. A *drop* is one
delivery of data files; one that arrives later starts a run of its own. You may clear any task: it runs again and repeats
nothing that is finished. A new model serves only if the gate promotes it; until then the *champion*, which serves now, stays.

| Step | What it does | If it fails |
| --- | --- | --- |
| start | Checks the run's parameters; refuses unknown names | Correct them and trigger a new run |
| data | Fetches the newest scenes, if the profile says `satellite.weekly` (what goes wrong there stops nothing). Reads the newest drop, checks it and fixes it as a version. A critical issue stops the run here, before anything changed | Open the data issues: each names file, row and what to do |
| embed | Turns new scenes and prompts into vectors, in parts (shards); known ones are reused | Clear the red shard |
| train | Trains the candidates; replays past years with the recipes of candidates and champion | Clear the red task |
| judge | Scores all of them on the same rows; the gate decides and writes why | Clear the red task. The champion serves on |
| release | Registers the winner, lets the endpoint load it and writes the forecast. Without a winner the champion forecasts | See that MLflow and the endpoint run, then clear the red task. The previous champion serves on |
| report | Writes one page for people: artifacts/reports/&lt;run id&gt;/ | Read the cause, then clear the task |
| fallback | Only if a step is red: the champion forecasts from the last accepted data, and every row says so. The run stays red | Nothing was published; its log says why |

**Something failed?** The red run's note and its tab *Outcome* name step, cause and what to do; so do
the red task's log and `artifacts/runs/<run id>/failure.json`. Correct the cause, then clear the red task: the
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
        description="Drop -> checks -> vectors -> models -> gate -> endpoint -> forecast -> report",
        doc_md=DOC,
        schedule=schedule,
        start_date=datetime(2020, 1, 1, tzinfo=time_zone_of(profile)),
        catchup=False,
        max_active_runs=1,  # two runs at once would compare with each other's champion
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
        fetch = _step("fetch_scenes")
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

    with TaskGroup(
        "judge", tooltip="Scores on the same rows; in doubt the gate keeps the champion"
    ):
        evaluate = _step("evaluate", queue=HEAVY)
        gate = _step("gate", queue=HEAVY)

    with TaskGroup("release", tooltip="Registry, endpoint, forecast"):
        register = _step("register")
        deploy = _step("deploy", outlets=[CHAMPION])
        forecast = _step("forecast", outlets=[FORECAST])

    report = _step("report")

    start >> fetch >> ingest >> validate >> snapshot >> plan >> shards >> features
    (features >> [candidates, years] >> replay)  # the replay includes the champion that train found
    replay >> evaluate >> gate >> register >> deploy >> forecast >> report

    # Not behind the report: a run is as red as its last tasks, and this one's success must not hide
    # it.
    steps = [start, fetch, ingest, validate, snapshot, plan, shards, features, candidates, years]
    [*steps, replay, evaluate, gate, register, deploy, forecast] >> fallback_task()
