"""Alerts that Prometheus' rules raise, so that the watch, the one sender, sends them as well."""

from __future__ import annotations

from typing import Any, TypedDict

from pipelines.contracts import content_id
from pipelines.errors import ServiceError
from pipelines.ops.monitor.asking import ask


class Firing(TypedDict):
    """One alert that fires, as its words need it."""

    alert: str
    severity: str
    about: str
    summary: str
    description: str
    runbook: str


def firing_alerts(url: str) -> dict[str, Firing]:
    """Id -> what fires now, but for rules whose matter the watch reports itself (`told_by: watch`).

    Args:
        url: of Prometheus.

    Raises:
        ServiceError: it does not answer, or not as it should.
    """
    answer: Any = ask(f"{url}/api/v1/alerts")
    try:
        alerts = [one for one in answer["data"]["alerts"] if one["state"] == "firing"]
        return {
            content_id(one["labels"])[:16]: _firing(one["labels"], one["annotations"])
            for one in alerts
            if one["labels"].get("told_by") != "watch"
        }
    except (KeyError, TypeError, AttributeError) as err:
        raise ServiceError(
            f"an odd answer of Prometheus: {type(err).__name__}",
            where=url,
            fix="see that DENGUARD_PROMETHEUS_URL names Prometheus",
        ) from err


def _firing(labels: dict[str, str], notes: dict[str, str]) -> Firing:
    others = sorted(labels.items() - {("alertname", labels["alertname"])})
    return {
        "alert": labels["alertname"],
        "severity": labels.get("severity", ""),
        "about": ", ".join(f"{name} {value}" for name, value in others if name != "severity"),
        "summary": notes.get("summary", ""),
        "description": notes.get("description", ""),
        "runbook": notes.get("runbook_url", ""),
    }
