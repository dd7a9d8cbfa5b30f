"""Whose pages are asked for: the deployment's main line, or a further one by its DAG's name."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, HTTPException, Request

from dags._line import MAIN_DAG, line_of_dag
from dags._links import below, pages_of
from pipelines.config import DeploymentPaths, at_line, deployment_paths

may_see = requires_access_dag("GET", DagAccessEntity.RUN, MAIN_DAG)
may_see_line = requires_access_dag("GET", DagAccessEntity.RUN)  # of the DAG in the path


@dataclass(frozen=True)
class Line:
    """A line of the deployment, "" being the main one, and its folders."""

    name: str
    paths: DeploymentPaths

    @property
    def root(self) -> str:
        """Path of its pages as a browser asks for it."""
        return below(pages_of(self.name))

    @property
    def all_lines(self) -> dict[str, str]:
        """Lines that one may go on to -> the path of their pages; none where there is one alone."""
        names = self.paths.line_names
        return {name or "main": below(pages_of(name)) for name in ("", *names)} if names else {}


def asked_line(request: Request) -> Line:
    """The line of a request's path. Raises HTTPException (404) if there is none of that name."""
    dag_id = str(request.path_params.get("dag_id", MAIN_DAG))
    name = line_of_dag(dag_id)
    with at_line(""):
        known = dag_id == MAIN_DAG or name in deployment_paths().line_names
    if not known:
        raise HTTPException(
            404, f"{dag_id} is no line of this deployment, or nothing has run for it yet"
        )
    with at_line(name):
        return Line(name, deployment_paths())


Asked = Annotated[Line, Depends(asked_line)]
