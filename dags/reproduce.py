"""The paper's tables on one data set: the same five steps as `denguard reproduce`, on workers.

Wiring only; what a step does is in pipelines/paper/reproduce.py.
"""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param

from dags._shared import DEFAULT_ARGS, HEAVY
from dags._study_steps import STUDY
from pipelines.contracts import PAPER_DATASETS

DOC = """
### Reproduction of the paper
Start it by hand. It is no part of the weekly cycle, and none of its models ever serves. One run is one data set
under one protocol: *paper* as printed (epoch and lambda are picked on the test rows, so its figures look too
good), *safe* split forward in time or by patient, picked on validation rows. Run both: the report shows them
side by side.

| Step | What it does | If it fails |
| --- | --- | --- |
| start | Checks parameters and data; plans what can run here | Correct what the log names, trigger again |
| embed | Turns images and texts into vectors, once each | Clear the task |
| plan_training | Lists the approaches and fusions to train | Clear the task |
| train | One task an approach and fusion: every seed, lambda and ablation | Clear the task: finished trainings are not repeated |
| measure | Modality gap, cone effect, baselines | Clear the task |
| report | Writes the tables as CSV and one page | Clear the task |

**Where**: below *out*, in `<data set>/<protocol>/`. Relative folders start from the deployment's home.

**An approach is missing?** Its weights are not on this machine; the report lists it as not run, with the
command that gets them. A run in which nothing can run is green, and its report says so.

**Queues**: `cpu-heavy` embeds, trains and measures, `default` does the rest. A task that finds `denguard
reproduce` at work in the same folder waits for it.
"""
_PATH, _PATH_OR_NONE = (
    {"type": "string", "minLength": 1},
    {"type": ["null", "string"], "minLength": 1},
)

with DAG(
    "reproduce",
    description="The paper's tables on one data set, by its own protocol or the safe one",
    doc_md=DOC,
    schedule=None,
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,  # two runs may be asked for the same folder
    params={
        "dataset": Param("ham10000", enum=sorted(PAPER_DATASETS), description="Which data set."),
        "protocol": Param(
            "safe",
            enum=["paper", "safe"],
            description="paper: as printed, picked on test rows; safe: picked on validation rows.",
        ),
        "data": Param("data/ham10000", **_PATH, description="Folder of the data set."),
        "out": Param(
            "artifacts/paper",
            **_PATH,
            description="Where everything is written; a run in the same folder goes on there.",
        ),
        "study": Param(
            None,
            **_PATH_OR_NONE,
            description="Study file with approaches and their weights; empty = the shipped one.",
        ),
        "general": Param(
            None,
            **_PATH_OR_NONE,
            description="Folder of everyday images and texts (rows.csv) for the cone effect; empty = none.",
        ),
    },
    default_args=DEFAULT_ARGS,
    tags=["denguard", "paper", "by hand"],
):
    start = STUDY.task(
        "start",
        minutes=240,
        doc="Checks the request, reads and splits the data, finds what can run.",
    )
    embed = STUDY.task(
        "embed",
        minutes=720,
        queue=HEAVY,
        over=start,
        doc="Embeds one shard; what is stored is not embedded again.",
    )
    plan_training = STUDY.task(
        "plan_training", minutes=5, doc="Lists the approaches and fusions that can be trained."
    )
    train = STUDY.task(
        "train",
        minutes=720,
        queue=HEAVY,
        over=plan_training,
        doc="Trains one approach and fusion; finished trainings are not repeated.",
    )
    measure = STUDY.task(
        "measure", minutes=240, queue=HEAVY, doc="Modality gap, cone effect and baselines."
    )
    report = STUDY.task("report", minutes=60, doc="Writes results.json, the tables and the page.")

    start >> [embed, plan_training] >> train >> measure >> report
