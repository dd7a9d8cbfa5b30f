"""The few calls of Airflow's REST API that the demo makes, each with a timeout and an end.

On SQLite there may be one writer over REST: nothing here posts before the last answer is in.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Self
from urllib.parse import quote

import httpx

from pipelines.errors import ServiceError
from pipelines.local.layout import ADMIN

GIVE_UP_AFTER_S = 90.0
_CALL_TIMEOUT_S = 20.0
_ALREADY_THERE = 409


@dataclass(frozen=True)
class TaskState:
    """One task instance."""

    name: str
    map_index: int
    state: str | None
    duration_s: float | None
    try_number: int

    @property
    def title(self) -> str:
        """Name as in Airflow's grid, mapped instances numbered from 1."""
        return self.name if self.map_index < 0 else f"{self.name} {self.map_index + 1}"


class AirflowApi:
    """One user of one Airflow.

    Args:
        between_tries: called before a call is repeated, to bring back services that died.
    """

    def __init__(self, url: str, password: str, between_tries: Callable[[], object]) -> None:
        self._url, self._password, self._between_tries = url, password, between_tries
        self._client = httpx.Client(base_url=url, timeout=_CALL_TIMEOUT_S, trust_env=False)
        self._token = ""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._client.close()

    def dag(self, dag_id: str) -> dict[str, Any] | None:
        """The DAG, or None while Airflow has not read it."""
        answer = self._call("GET", f"/dags/{dag_id}", accept=(404,))
        return None if answer.status_code == 404 else dict(answer.json())

    def import_errors(self) -> list[str]:
        """Last line of every DAG file's import error."""
        found = self._call("GET", "/importErrors").json()["import_errors"]
        return [f"{e['filename']}: {e['stack_trace'].strip().splitlines()[-1]}" for e in found]

    def unpause(self, dag_id: str) -> None:
        """Let the DAG's schedule run."""
        self._call("PATCH", f"/dags/{dag_id}?update_mask=is_paused", json={"is_paused": False})

    def runs(self, dag_id: str) -> list[dict[str, Any]]:
        """The newest 100 runs, newest first."""
        answer = self._call("GET", f"/dags/{dag_id}/dagRuns?order_by=-run_after&limit=100")
        return list(answer.json()["dag_runs"])

    def run(self, dag_id: str, run_id: str) -> dict[str, Any]:
        """One run."""
        return dict(self._call("GET", _run_path(dag_id, run_id)).json())

    def tasks(self, dag_id: str, run_id: str) -> list[TaskState]:
        """Task instances of a run."""
        path = f"{_run_path(dag_id, run_id)}/taskInstances?limit=500"
        return [
            TaskState(t["task_id"], t["map_index"], t["state"], t["duration"], t["try_number"])
            for t in self._call("GET", path).json()["task_instances"]
        ]

    def trigger(self, dag_id: str, run_id: str, conf: dict[str, Any]) -> bool:
        """Start a run under a name of ours; False if it is already there (a repeated call)."""
        body = {"dag_run_id": run_id, "logical_date": None, "conf": conf}
        answer = self._call("POST", f"/dags/{dag_id}/dagRuns", json=body, accept=(_ALREADY_THERE,))
        return answer.status_code != _ALREADY_THERE

    def clear_failed(self, dag_id: str, run_id: str) -> None:
        """Let a failed run go on with the tasks that failed and those after them."""
        body = {
            "dry_run": False,
            "dag_run_id": run_id,
            "only_failed": True,
            "reset_dag_runs": True,
            "include_downstream": True,
        }
        self._call("POST", f"/dags/{dag_id}/clearTaskInstances", json=body)

    def _call(
        self, method: str, path: str, json: object = None, accept: tuple[int, ...] = ()
    ) -> httpx.Response:
        deadline, wait_s, trouble = time.monotonic() + GIVE_UP_AFTER_S, 1.0, ""
        while time.monotonic() < deadline:
            try:
                answer = self._send(method, path, json)
            except httpx.TransportError as err:
                trouble = f"{type(err).__name__}: {err}"
            else:
                if answer.is_success or answer.status_code in accept:
                    return answer
                trouble = f"HTTP {answer.status_code}: {answer.text[:500]}"
                if answer.status_code < 500:
                    raise ServiceError(
                        f"Airflow refused a request, {trouble}",
                        where=f"{method} {path}",
                        fix="read the message; parameters are described in the DAG's trigger form",
                    )
            self._between_tries()
            time.sleep(wait_s)
            wait_s = min(wait_s * 2, 10.0)
        raise ServiceError(
            f"Airflow did not answer for {GIVE_UP_AFTER_S:.0f} s, last: {trouble}",
            where=self._url,
            fix="read artifacts/local/logs/api-server.log; then make down and make up",
        )

    def _send(self, method: str, path: str, json: object) -> httpx.Response:
        for attempt in (1, 2):  # a token ends after a day, or when the server is set up anew
            if not self._token:
                login = self._client.post(
                    "/auth/token", json={"username": ADMIN, "password": self._password}
                )
                if not login.is_success:
                    return login
                self._token = login.json()["access_token"]
            headers = {"Authorization": f"Bearer {self._token}"}
            answer = self._client.request(method, f"/api/v2{path}", json=json, headers=headers)
            if answer.status_code != 401 or attempt == 2:
                break
            self._token = ""
        return answer


def _run_path(dag_id: str, run_id: str) -> str:
    return f"/dags/{dag_id}/dagRuns/{quote(run_id, safe='')}"
