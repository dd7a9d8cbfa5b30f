"""The link that every task shows in Airflow's UI: its outcome and its report.

The pages behind it are served by Airflow's own API server: dags/plugins, dags/pages.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import quote, urlsplit

from airflow.sdk import BaseOperatorLink

from dags._line import dag_of_line, line_of_dag

PREFIX = "/denguard"  # where the API server mounts the pages
FALLBACK = "fallback"  # the task that forecasts in place of a red run; no step of the pipeline


class OutcomeLink(BaseOperatorLink):
    """Link to the page of this step of this run.

    Airflow asks for it in the task's process when the task has ended, well or not, and keeps it as
    an XCom; what it calls `ti_key` is the task instance itself.
    """

    @property
    def name(self) -> str:
        """Label of the button."""
        return "Outcome and report"

    @property
    def xcom_key(self) -> str:
        """Fixed: by default it is the class's name, and runs keep the one that they began with."""
        return "_link_outcome"

    def get_link(self, operator: Any, *, ti_key: Any) -> str:  # noqa: ARG002 Airflow's signature
        """Address of the page, below that at which Airflow itself is reached."""
        line = line_of_dag(str(ti_key.dag_id))
        return page_url(ti_key.run_id, part_of(ti_key, ti_key.run_id), line)


def page_url(run_id: str, part: str, line: str = "") -> str:
    """Address of a step's page, for links and logs."""
    return f"{_base()}{pages_of(line)}/runs/{quote(run_id, safe='')}/{quote(part, safe='')}"


def pages_of(line: str) -> str:
    """Path of a line's pages on the API server."""
    return f"{PREFIX}/dags/{dag_of_line(line)}" if line else PREFIX


def below(path: str) -> str:
    """A path on the API server as a browser asks for it, be Airflow behind a proxy's path
    or not."""
    return urlsplit(_base()).path + path


def _base() -> str:
    from airflow.configuration import conf

    return str(conf.get("api", "base_url", fallback="")).rstrip("/")


def part_of(instance: Any, run_id: str) -> str:
    """What the step calls this task: `validate`, `embed_shard_003`, `backtest_2016`."""
    from pipelines import steps
    from pipelines.steps.summary import part_name

    step, index = instance.task_id.rpartition(".")[2], instance.map_index
    if index < 0:
        return part_name(step)
    return part_name(step, steps.backtest_years(run_id)[index] if step == "backtest" else index)
