"""A page as it is sent: its template, and what no browser may do with it."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

from fastapi import HTTPException, Request
from fastapi.responses import HTMLResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from dags._links import PREFIX, below
from dags.pages.line import Line
from pipelines.ops.parts import counted
from pipelines.steps import failure

# No page runs a script or loads anything from elsewhere: it is served beside Airflow's session, and
# names and messages in it come from incoming data.
HEADERS = {
    "Content-Security-Policy": (
        "default-src 'none'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src "
        "'self' data:; frame-ancestors 'self'; base-uri 'none'; form-action 'none'"
    ),
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "Cache-Control": "no-store",
}
_FOLDER = FileSystemLoader(Path(__file__).parent / "templates")
_templates = Environment(loader=_FOLDER, autoescape=True, undefined=StrictUndefined)


def page(template: str, line: Line | None, status: int = 200, **values: object) -> HTMLResponse:
    """A page of a line, or of none."""
    now = datetime.now(UTC)
    html = _templates.get_template(template).render(
        root=line.root if line else below(PREFIX),
        lines=line.all_lines if line else {},
        fields_of=failure.as_fields,
        counted=lambda progress: counted(progress, now),
        **values,
    )
    return HTMLResponse(html, status, headers=HEADERS)


def refused(request: Request, error: Exception) -> Response:
    """Refusals as a page too: they are seen by people, in a tab of Airflow's UI."""
    del request
    status, message, log_in = 404, str(error), ""
    if isinstance(error, HTTPException):
        status, message = error.status_code, str(error.detail)
        log_in = below("/") if status == 401 else ""
    return page("refused.html.j2", None, status, message=message, log_in=log_in)
