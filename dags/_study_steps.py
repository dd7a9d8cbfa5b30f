"""The steps of the reproduction (pipelines.paper.reproduce) for Airflow; failures go to the log
alone.

No heavy import here: the scheduler reads this file again and again.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from dags._bridge import Bridge, Context, Item, params_of
from pipelines.errors import StoreError

if TYPE_CHECKING:
    from pipelines.config import DeploymentPaths
    from pipelines.paper.reproduce import Request

log = logging.getLogger(__name__)

SHARDS = 8  # most embedding tasks a vector space


class StudySteps(Bridge):
    """The functions of pipelines.paper.reproduce."""

    planning = ("start", "plan_training")
    too_long = (
        "it is tried again by itself, then clear the task: each time it goes on where it stopped"
    )

    def run(self, context: Context, step: str, item: int | None, title: str) -> list[Item] | None:
        """One step, while no command is at work in the same folder."""
        from pipelines.config import deployment_paths
        from pipelines.paper import reproduce
        from pipelines.paper.lock import at_work

        paths = deployment_paths()
        request = reproduce.ask(params_of(context), paths.home)
        with at_work(request.folder, together=True):
            return _run(step, request, paths, item, title)


STUDY = StudySteps()


def _run(
    step: str, request: Request, paths: DeploymentPaths, item: int | None, title: str
) -> list[Item] | None:
    from pipelines.paper import reproduce

    if step == "start":
        return items(step, reproduce.start(request, paths, SHARDS))
    if step == "plan_training":
        return items(step, reproduce.read_plan(request.folder))
    if step == "report":
        done = reproduce.report(request.folder)
        log.info("\n".join((done["first_line"], *done["tables"], done["report"])))
        return None
    if step == "measure":
        output = reproduce.measure(request.folder, paths)
    else:
        _check_planned(step, request, item, title)
        output = getattr(reproduce, step)(request.folder, item, paths)
    log.info(", ".join(f"{key}: {value}" for key, value in output.items()))
    return None


def items(step: str, plan: Mapping[str, Any]) -> list[Item]:
    """What a plan maps the next task over, each with the name that Airflow's grid shows; never
    none, because mapping over nothing skips the rest and the run would count as a success."""
    if step == "start":
        titles = [item["title"] for item in plan["work"]]
    else:
        titles = [f"{name}, {fusion.replace('_', '-')}" for name, fusion in plan["groups"]]
    found = [{"item": number, "title": title} for number, title in enumerate(titles)]
    return found or [{"item": None, "title": "nothing can run here: see the not-run list"}]


def _check_planned(step: str, request: Request, item: int | None, title: str) -> None:
    """The command may have planned anew with other approaches between two tasks."""
    from pipelines.paper.reproduce import read_plan

    plan, planner = read_plan(request.folder), "start" if step == "embed" else "plan_training"
    if {"item": item, "title": title} not in items(planner, plan):
        raise StoreError(
            f"{title} is no longer planned: another reproduction planned this folder anew",
            where=str(request.folder),
            fix="clear the task start of this run, and what follows it",
        )
