"""History is embedded with adopted encoders each night, within a budget, for every line.

Wiring only; pipelines/steps/reembedding.py does it, `embed.nightly_minutes` of the profile is the
budget.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from airflow.providers.standard.operators.python import PythonOperator
from airflow.sdk import DAG

from dags._shared import HEAVY, MAIN_PROFILE
from pipelines.config import lines

DOC = """
### Another encoder
After `denguard adopt-encoder` this DAG embeds past scenes or prompts with the new encoder, a part
each night, while the champion goes on with its own vectors. When nothing is missing, the next run
trains on the new vectors and the gate compares both on the same rows. Without an adopted encoder it
ends at once.
"""
_LONGEST = timedelta(hours=25)  # the budget is a day at most; a part that was begun may end


def embed_history(line: str, profile: str) -> str:
    """One night's part of a line, in words."""
    from pipelines.config import at_line, deployment_paths, load_profile
    from pipelines.steps.reembedding import reembed

    with at_line(line):
        chosen = load_profile(profile)
        if chosen.embed is None:
            return "the profile has no encoders"
        minutes = chosen.embed.nightly_minutes
        done = reembed(deployment_paths(), chosen, minutes)
    return "nothing to embed" if done is None else done.words(minutes)


with DAG(
    "reembed",
    description="Embeds history with an adopted encoder, a part each night",
    doc_md=DOC,
    schedule="0 22 * * *",
    start_date=datetime(2020, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    tags=["denguard", "encoders"],
):
    for line in ("", *lines()):
        PythonOperator(
            task_id=f"reembed_{line or 'main'}",
            python_callable=embed_history,
            op_kwargs={"line": line, "profile": line or MAIN_PROFILE},
            queue=HEAVY,
            execution_timeout=_LONGEST,
            doc_md="Embeds what an adopted encoder lacks, within the night's budget.",
        )
