"""Pages on runs for ops staff, mounted into Airflow's API server: what came of each step, what
failed and what to do, the reports. Read-only, for whoever may see the DAG.

Belongs here: routes, who may read, which files may be read. Does not belong here: reading a run
(pipelines/ops/runs.py, as `denguard status` does), layout (templates/).
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Annotated, Any
from urllib.parse import quote

from airflow.api_fastapi.auth.managers.models.resource_details import DagAccessEntity
from airflow.api_fastapi.core_api.security import requires_access_dag
from fastapi import Depends, FastAPI, HTTPException, Query, Request
from fastapi.responses import FileResponse, HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dags._links import PREFIX, below, part_of
from pipelines.config import places
from pipelines.errors import DenguardError
from pipelines.ops.parts import counted
from pipelines.ops.runs import RunView, newest_runs, view
from pipelines.run import run_folder
from pipelines.steps import failure

DAG_ID = "retraining"
SHOWN = 50  # runs on the first page: a year of bulletins
# What a run leaves for people. Everything else under home (keys, models, rows) stays where it is.
READABLE = re.compile(
    r"artifacts/(reports/[^/]+/report\.(html|json)"
    r"|decisions/[^/]+\.json"
    r"|forecasts/[^/]+/forecast\.(csv|json|parquet)"
    r"|runs/[^/]+/(metrics|failure)\.json"
    r"|runs/[^/]+/validation/(issues\.json|quarantine\.csv|revised\.csv|data_docs/.+))"
)
# No page runs a script or loads anything from elsewhere: it is served beside Airflow's session, and
# names and messages in it come from incoming data.
HEADERS = {
    "Content-Security-Policy": "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}  # fmt: skip
may_see = requires_access_dag("GET", DagAccessEntity.RUN, DAG_ID)
_LEVELS = ("critical", "error", "warning")  # of data issues, the worst first
_templates = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined)  # fmt: skip


def create_pages() -> FastAPI:
    """The application; every route asks Airflow whether this user may see runs of the DAG."""
    app = FastAPI(title="denguard", docs_url=None, redoc_url=None, openapi_url=None, dependencies=[Depends(may_see)])  # fmt: skip
    app.get("/")(all_runs)
    app.get("/runs/{run_id}")(one_run)
    app.get("/runs/{run_id}/tasks/{task_id}")(one_task)
    app.get("/runs/{run_id}/{part}")(one_step)
    app.get("/files/{name:path}")(one_file)
    app.exception_handler(HTTPException)(_refused)
    app.exception_handler(DenguardError)(_refused)
    return app


def all_runs() -> HTMLResponse:
    """The newest runs: outcome, report."""
    return _page("all.html.j2", runs=[_listed(name) for name in newest_runs(places())[:SHOWN]])


def one_run(run_id: str) -> HTMLResponse:
    """One run: the failure that stands, then every step."""
    return _page("run.html.j2", run=_known(run_id))


def one_step(run_id: str, part: str) -> HTMLResponse:
    """One step of a run, such as `validate` or `embed_shard_003`."""
    run = _known(run_id)
    found = next((step for step in run.parts if step.name == part), None)
    if found is None:
        raise HTTPException(404, f"run {run_id} has no step {part}")
    return _page("step.html.j2", run=run, step=found, issues=_issues(run_id) if part == "validate" else [])  # fmt: skip


def one_task(
    run_id: str, task_id: str, map_index: Annotated[str, Query()] = "-1"
) -> RedirectResponse:
    """The step's page under Airflow's names; the UI leaves `{MAP_INDEX}` in place if it has none."""
    index = int(map_index) if map_index.lstrip("-").isdigit() else -1
    _known(run_id)
    try:
        part = part_of(SimpleNamespace(task_id=task_id, map_index=index), run_id)
    except IndexError:
        raise HTTPException(404, f"{task_id} has no part {map_index}") from None
    return RedirectResponse(f"{below(PREFIX)}/runs/{quote(run_id, safe='')}/{part}")


def one_file(name: str) -> FileResponse:
    """A report, decision, forecast or page of data issues, by its path relative to home."""
    home = places().home.resolve()
    path = home / name
    # Equal after resolving: no `..`, and no link that leads elsewhere.
    if not READABLE.fullmatch(name) or path.resolve() != path or not path.is_file():
        raise HTTPException(404, "there is no such file, or it is not for reading here")
    return FileResponse(path, headers=HEADERS)


def _known(run_id: str) -> RunView:
    if not run_folder(places(), run_id).is_dir():
        raise HTTPException(404, f"run {run_id} left nothing here: it has not started, or another deployment ran it")  # fmt: skip
    return view(places(), run_id, datetime.now(UTC))


def _listed(run_id: str) -> RunView | SimpleNamespace:
    """A run in the list; a damaged one must not hide the others."""
    try:
        return _known(run_id)
    except DenguardError as err:
        return SimpleNamespace(run_id=run_id, state="failed", word="cannot be read", origin_week=None, line=str(err), documents={})  # fmt: skip


def _issues(run_id: str) -> list[dict[str, Any]]:
    path = run_folder(places(), run_id) / "validation" / "issues.json"
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else []  # fmt: skip
    return sorted(found, key=lambda issue: _LEVELS.index(issue["level"]) if issue["level"] in _LEVELS else len(_LEVELS))  # fmt: skip


def _page(template: str, status: int = 200, **values: object) -> HTMLResponse:
    now = datetime.now(UTC)
    html = _templates.get_template(template).render(root=below(PREFIX), said_of=failure.told, counted=lambda p: counted(p, now), **values)  # fmt: skip
    return HTMLResponse(html, status, headers=HEADERS)


def _refused(request: Request, error: Exception) -> Response:
    """Refusals as a page too: they are seen by people, in a tab of Airflow's UI."""
    del request
    if isinstance(error, HTTPException):
        log_in = error.status_code == 401
        return _page("refused.html.j2", error.status_code, said=str(error.detail), log_in=below("/") if log_in else "")  # fmt: skip
    return _page("refused.html.j2", 404, said=str(error), log_in="")
