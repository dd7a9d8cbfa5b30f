"""Pages on runs for ops staff, mounted into Airflow's API server: what came of each step, what
failed and what to do, the reports. Read-only, for whoever may see the line's DAG."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Depends, FastAPI, HTTPException, Query
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response

from dags._links import FALLBACK, part_of
from dags.pages.line import Asked, Line, may_see, may_see_line
from dags.pages.page import HEADERS, page, refused
from pipelines.config import at_line
from pipelines.errors import DenguardError
from pipelines.ops.fallbacks import fallback_for, newest_fallback
from pipelines.ops.forecast_marks import by_run, marked_page, marks, withdrawal_of_run
from pipelines.ops.runs import RunView, newest_runs, view
from pipelines.run import run_folder

SHOWN = 50  # runs on the first page: a year of bulletins
# What a run leaves for people. Everything else under home (keys, models, rows) stays where it is.
READABLE = re.compile(
    r"artifacts/(reports/[^/]+/(report\.(html|json)|bulletin\.html)"
    r"|decisions/[^/]+\.json"
    r"|forecasts/[^/]+/forecast\.(csv|json|parquet)"
    r"|runs/[^/]+/(metrics|failure)\.json"
    r"|runs/[^/]+/validation/(issues\.json|quarantine\.csv|revised\.csv|data_docs/.+))"
)
_LEVELS = ("critical", "error", "warning")  # of data issues, the worst first


def create_pages() -> FastAPI:
    """The application; every route asks Airflow whether this user may see runs of the
    line's DAG."""
    app = FastAPI(title="denguard", docs_url=None, redoc_url=None, openapi_url=None)
    routes = APIRouter()
    routes.get("/")(all_runs)
    routes.get("/runs/{run_id}")(one_run)
    routes.get("/runs/{run_id}/tasks/{task_id}")(one_task)
    routes.get("/runs/{run_id}/{part}")(one_step)
    routes.get("/files/{name:path}")(one_file)
    app.include_router(routes, dependencies=[Depends(may_see)])
    app.include_router(routes, prefix="/dags/{dag_id}", dependencies=[Depends(may_see_line)])
    app.exception_handler(HTTPException)(refused)
    app.exception_handler(DenguardError)(refused)
    return app


def all_runs(line: Asked) -> HTMLResponse:
    """The newest runs: outcome, report."""
    fallbacks = by_run(line.paths)
    runs = [
        (_listed(line, name), marks(line.paths, name, fallbacks))
        for name in newest_runs(line.paths)[:SHOWN]
    ]
    return page("all.html.j2", line, runs=runs, fallback=newest_fallback(line.paths))


def one_run(line: Asked, run_id: str) -> HTMLResponse:
    """One run: the failure that is not over, then every step."""
    run = _known(line, run_id)
    fallback = fallback_for(line.paths, run_id)
    withdrawn = withdrawal_of_run(line.paths, run_id)
    return page("run.html.j2", line, run=run, fallback=fallback, withdrawn=withdrawn)


def one_step(line: Asked, run_id: str, part: str) -> HTMLResponse:
    """One step of a run, such as `validate` or `embed_shard_003`."""
    if part == FALLBACK:  # no step of the pipeline: what it made is on the run's page
        return one_run(line, run_id)
    run = _known(line, run_id)
    found = next((step for step in run.parts if step.name == part), None)
    if found is None:
        raise HTTPException(404, f"run {run_id} has no step {part}")
    issues = _issues(line, run_id) if part == "validate" else []
    return page("step.html.j2", line, run=run, step=found, issues=issues)


def one_task(
    line: Asked, run_id: str, task_id: str, map_index: Annotated[str, Query()] = "-1"
) -> RedirectResponse:
    """The step's page under Airflow's names; the UI leaves `{MAP_INDEX}` in place if it
    has none."""
    index = int(map_index) if map_index.lstrip("-").isdigit() else -1
    _known(line, run_id)
    try:
        with at_line(line.name):
            part = part_of(SimpleNamespace(task_id=task_id, map_index=index), run_id)
    except IndexError:
        raise HTTPException(404, f"{task_id} has no part {map_index}") from None
    return RedirectResponse(f"{line.root}/runs/{quote(run_id, safe='')}/{part}")


def one_file(line: Asked, name: str) -> Response:
    """A report, decision, forecast or page of data issues, by its path relative to the line's home.

    The page of a forecast that was withdrawn has a notice on top.
    """
    home = line.paths.home.resolve()
    path = home / name
    # Equal after resolving: no `..`, and no link that leads elsewhere.
    if not READABLE.fullmatch(name) or path.resolve() != path or not path.is_file():
        raise HTTPException(404, "there is no such file, or it is not for reading here")
    shown = (
        marked_page(line.paths, path) if path.suffix == ".html" and "/reports/" in name else None
    )
    return HTMLResponse(shown, headers=HEADERS) if shown else FileResponse(path, headers=HEADERS)


def _known(line: Line, run_id: str) -> RunView:
    if not run_folder(line.paths, run_id).is_dir():
        raise HTTPException(
            404, f"run {run_id} left nothing here: it has not started, or another deployment ran it"
        )
    return view(line.paths, run_id, datetime.now(UTC))


def _listed(line: Line, run_id: str) -> RunView | SimpleNamespace:
    """A run in the list; a damaged one must not hide the others."""
    try:
        return _known(line, run_id)
    except DenguardError as err:
        return SimpleNamespace(
            run_id=run_id,
            state="failed",
            word="cannot be read",
            origin_week=None,
            line=str(err),
            documents={},
        )


def _issues(line: Line, run_id: str) -> list[dict[str, Any]]:
    path = run_folder(line.paths, run_id) / "validation" / "issues.json"
    found: list[dict[str, Any]] = (
        json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []
    )
    return sorted(
        found,
        key=lambda issue: (
            _LEVELS.index(issue["level"]) if issue["level"] in _LEVELS else len(_LEVELS)
        ),
    )
