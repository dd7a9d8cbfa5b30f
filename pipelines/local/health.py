"""Waits until the services are healthy, by their own health pages."""

from __future__ import annotations

import time

import httpx
from rich.console import Console

from pipelines.errors import ServiceError
from pipelines.local.components import Component
from pipelines.local.layout import Layout
from pipelines.local.services import Services

HEALTHY_WITHIN_S = 180.0
_AIRFLOW_PARTS = ("metadatabase", "scheduler", "dag_processor", "triggerer")


def wait_healthy(services: Services, console: Console, within_s: float = HEALTHY_WITHIN_S) -> None:
    """Wait until every health page says so.

    Raises:
        ServiceError: a process died meanwhile, or time is up.
    """
    deadline = time.monotonic() + within_s
    with httpx.Client(timeout=5, trust_env=False) as client, console.status("waiting for health"):
        while sick := _sick(services, client):
            if dead := services.dead():
                raise ServiceError(
                    f"{dead[0].name} stopped while starting: "
                    f"{_last_words(services.layout, dead[0])}",
                    where=str(services.layout.logs / f"{dead[0].name}.log"),
                    fix="read that log, correct the cause, then make down and make up",
                )
            if time.monotonic() > deadline:
                raise ServiceError(
                    f"not healthy after {within_s:.0f} s: {', '.join(sick)}",
                    where=str(services.layout.logs),
                    fix=(
                        "read the logs there; on a slow machine run make up again, it goes on "
                        "waiting"
                    ),
                )
            time.sleep(1)


def _sick(services: Services, client: httpx.Client) -> list[str]:
    sick = [
        part.name
        for part in services.parts
        if part.health_url and not _answers(client, part.health_url)
    ]
    return sick or _sick_in_airflow(services, client)


def _answers(client: httpx.Client, url: str) -> bool:
    try:
        return client.get(url).is_success
    except httpx.HTTPError:
        return False


def _sick_in_airflow(services: Services, client: httpx.Client) -> list[str]:
    try:
        parts = client.get(f"{services.urls['airflow']}/api/v2/monitor/health").json()
    except (httpx.HTTPError, ValueError):
        return ["api-server"]
    return [name for name in _AIRFLOW_PARTS if (parts.get(name) or {}).get("status") != "healthy"]


def _last_words(layout: Layout, part: Component) -> str:
    log = layout.logs / f"{part.name}.log"
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    return lines[-1][:300] if lines else "it wrote nothing"
