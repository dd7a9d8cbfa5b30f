"""Figures of Airflow from its REST API: heartbeats of its components, and tasks that wait.

The API and not the database: it is Airflow's public interface, and a user who may only read
suffices.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from pipelines.errors import ServiceError
from pipelines.ops.monitor.asking import RefusedError, ask
from pipelines.ops.monitor.figures import Readings
from pipelines.ops.monitor.settings import WatchSettings

_COMPONENTS = ("scheduler", "dag_processor", "triggerer")
_QUEUED = "/api/v2/dags/~/dagRuns/~/taskInstances?state=queued&order_by=run_after&limit=100"


class AirflowWatch:
    """One user of one Airflow, who reads.

    Args:
        settings: `airflow_url` must be set; without a user only heartbeats are read.
    """

    def __init__(self, settings: WatchSettings) -> None:
        self._url, self._user = str(settings.airflow_url), settings.airflow_user
        secret = settings.airflow_password
        self._password = secret.get_secret_value() if secret else ""
        self._token = ""

    def read(self, found: Readings) -> None:
        """Raises ServiceError: Airflow does not answer, or not as it should."""
        try:
            self._heartbeats(found)
            if self._user:
                self._queue(found)
        except (KeyError, TypeError, ValueError, AttributeError) as err:
            raise ServiceError(
                f"an odd answer of Airflow: {type(err).__name__}",
                where=self._url,
                fix="see that DENGUARD_AIRFLOW_URL names Airflow's API server",
            ) from err

    def _heartbeats(self, found: Readings) -> None:
        health: Any = ask(f"{self._url}/api/v2/monitor/health")
        for name in _COMPONENTS:
            last = (health.get(name) or {}).get(f"latest_{name}_heartbeat")
            if last:  # a component that was never started has none
                at = datetime.fromisoformat(last).timestamp()
                found.put("denguard_airflow_heartbeat_timestamp_seconds", at, name)

    def _queue(self, found: Readings) -> None:
        """Of 100 tasks at most, those of the oldest runs first."""
        answer: Any = self._asked(_QUEUED)
        waits: dict[str, list[float]] = {"default": []}
        for task in answer["task_instances"]:
            since = datetime.fromisoformat(task["queued_when"] or task["run_after"])
            waits.setdefault(str(task["queue"]), []).append(since.timestamp())
        for queue, times in waits.items():
            found.put("denguard_airflow_queued_tasks", len(times), queue)
            if times:
                found.put("denguard_airflow_oldest_queued_timestamp_seconds", min(times), queue)

    def _asked(self, path: str) -> object:
        """A token ends after a day, or when the server is set up anew: then another one, once."""
        if self._token:
            try:
                return ask(f"{self._url}{path}", self._token)
            except RefusedError as err:
                if err.status != 401:
                    raise
        self._token = self._logged_in()
        return ask(f"{self._url}{path}", self._token)

    def _logged_in(self) -> str:
        user = {"username": str(self._user), "password": self._password}
        answer: Any = ask(f"{self._url}/auth/token", send=user)
        return str(answer["access_token"])
