"""What denguard adds to Airflow's own UI: pages on runs and steps, and a note on red runs.

Airflow imports this file in every component, tasks included, so it imports nothing heavy; the pages
are built at the first request. What it imports stays in memory until the component is restarted,
also where DAG files are read again. Where it is found: AIRFLOW__CORE__PLUGINS_FOLDER.
"""

from __future__ import annotations

import functools
from typing import Any, ClassVar

from airflow.plugins_manager import AirflowPlugin

from dags import _run_note
from dags._links import PREFIX, below


@functools.cache
def _built() -> Any:
    from dags.pages.app import create_pages

    return create_pages()


async def pages(scope: Any, receive: Any, send: Any) -> None:
    """The pages as an ASGI application."""
    await _built()(scope, receive, send)


class DenguardPlugin(AirflowPlugin):
    """Found by Airflow by its base class. The UI fills in the names in braces, URL-encoded.

    A view whose `url_route` another view has, even in another place, is dropped with a warning.
    """

    name = "denguard"
    fastapi_apps: ClassVar[list[Any]] = [{"app": pages, "url_prefix": PREFIX, "name": "denguard"}]
    external_views: ClassVar[list[Any]] = [
        {
            "name": "Bulletins",
            "href": below(PREFIX) + "/",
            "destination": "nav",
            "url_route": "bulletins",
            "nav_top_level": True,
        },
        {
            "name": "Outcome",
            "href": below(PREFIX) + "/dags/{DAG_ID}/runs/{RUN_ID}",
            "destination": "dag_run",
            "url_route": "outcome",
        },
        {
            "name": "Outcome",
            "href": below(PREFIX)
            + "/dags/{DAG_ID}/runs/{RUN_ID}/tasks/{TASK_ID}?map_index={MAP_INDEX}",
            "destination": "task_instance",
            "url_route": "step-outcome",
        },
    ]
    listeners: ClassVar[list[Any]] = [_run_note]
