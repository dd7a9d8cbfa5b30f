"""What a stack's users ask for through its proxy: the endpoint, Airflow and MLflow with log-in."""

from __future__ import annotations

import base64
import json
import ssl
import subprocess
import threading
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import httpx
from support.stack.engine import DAG, FaultyStack, Stack, until
from support.stack.traffic import Ask

from pipelines.contracts import CHAMPION
from pipelines.registry.named import MODEL_NAME
from serving.examples import ROW_EXAMPLE

ROWS = 20
TAKEN_S = 60.0
_BACK_S = 600
_MAKES = Path(__file__).with_name("two_versions.py")
_ALIAS = "/api/2.0/mlflow/registered-models/alias"


@dataclass
class BehindProxy:
    """One stack as its users reach it.

    Attributes:
        mlflow_away: set while MLflow is being restarted on purpose.
    """

    stack: Stack
    mlflow_away: threading.Event = field(default_factory=threading.Event)

    def url(self, port: str, path: str) -> str:
        return f"https://127.0.0.1:{self.stack.settings[port]}{path}"

    @cached_property
    def trusted(self) -> ssl.SSLContext:
        """Trusts the certificate that the proxy made for itself, and no other."""
        port = int(self.stack.settings["PROXY_HTTPS_PORT"])
        pem = ssl.get_server_certificate(("127.0.0.1", port), timeout=30)
        context = ssl.create_default_context(cadata=pem)
        context.check_hostname = False
        return context

    @property
    def key(self) -> dict[str, str]:
        return {"Authorization": f"Bearer {self.stack.endpoint_key}"}

    def get(self, path: str) -> dict[str, Any]:
        """Of the endpoint."""
        answer = httpx.get(
            self.url("PROXY_HTTPS_PORT", path), headers=self.key, verify=self.trusted, timeout=30
        )
        answer.raise_for_status()
        return dict(answer.json())

    @cached_property
    def versions(self) -> dict[str, str]:
        """The champion, a second version and a bad one, registered now."""
        prefix = ("/opt/denguard/deploy/entrypoint.sh", "python", "-c")
        shown = self.stack.execute("airflow-scheduler", *prefix, _MAKES.read_text(), timeout_s=300)
        found: dict[str, str] = json.loads(shown.strip().splitlines()[-1])
        return found

    def tidy(self) -> None:
        """Take away what `versions` laid beside the forecasts."""
        folder = f"/opt/denguard/home/artifacts/forecasts/{self.versions['forecast']}"
        self.stack.execute("airflow-scheduler", "rm", "-r", folder)

    # --- what is asked ------------------------------------------------------------------------

    def of_endpoint(self) -> list[Ask]:
        """Rows of fields, rows of vectors, forecasts, health."""
        model, forecast = self.get("/model"), self.get("/forecast")
        seen = forecast["rows"][0]
        unit = {k: seen[k] for k in ("municipality_code", "horizon_weeks")}
        row = {**ROW_EXAMPLE, **unit, "origin_week": seen["origin_week"]}
        vector = {**unit, "origin_week": seen["origin_week"]}
        vector["covariates"] = dict.fromkeys(model["covariate_names"], 0.5)
        one = f"/forecast?municipality_code={unit['municipality_code']}"
        asks = [
            self._endpoint("POST /predictions, vectors", "/predictions", vectors=[vector] * ROWS)
        ]
        if model["lone_row"]:
            asks.append(
                self._endpoint("POST /predictions, fields", "/predictions", rows=[row] * ROWS)
            )
        gets = {"GET /forecast": one, "GET /health/ready": "/health/ready", "GET /model": "/model"}
        return asks + [self._endpoint(name, path) for name, path in gets.items()]

    def _endpoint(self, route: str, path: str, **body: object) -> Ask:
        url = self.url("PROXY_HTTPS_PORT", path)
        return Ask(route, url, "POST" if body else "GET", self.key, body or None)

    def of_airflow(self) -> list[Ask]:
        """Log-in, the page, and what it shows."""
        who = {"username": "admin", "password": self.stack.secret("airflow_admin_password")}
        login = Ask(
            "Airflow, log-in", self.url("PROXY_AIRFLOW_PORT", "/auth/token"), "POST", json=who
        )
        answer = httpx.post(login.url, json=who, verify=self.trusted, timeout=60)
        token = {"Authorization": f"Bearer {answer.raise_for_status().json()['access_token']}"}
        paths = ["/", "/api/v2/dags", f"/api/v2/dags/{DAG}/dagRuns", "/api/v2/monitor/health"]
        urls = [self.url("PROXY_AIRFLOW_PORT", path) for path in paths]
        return [
            login,
            *(Ask("Airflow, pages", url, headers=token) for _ in range(5) for url in urls),
        ]

    def of_mlflow(self) -> list[Ask]:
        """The page and what it shows, with a password; it may be away while it is restarted."""
        urls = [
            self.url("PROXY_MLFLOW_PORT", path)
            for path in ("/", f"/api/2.0/mlflow/registered-models/get?name={MODEL_NAME}",
                         "/ajax-api/2.0/mlflow/experiments/search?max_results=10")
        ]  # fmt: skip
        return [
            Ask("MLflow, pages", url, headers=self._mlflow, may_be_away=self.mlflow_away.is_set)
            for url in urls
        ]

    @property
    def _mlflow(self) -> dict[str, str]:
        user = f"denguard:{self.stack.secret('mlflow_service_password')}"
        return {"Authorization": f"Basic {base64.b64encode(user.encode()).decode()}"}

    # --- what is changed ----------------------------------------------------------------------

    def name_champion(self, version: str) -> None:
        """Move the alias in MLflow, as a person could in its pages."""
        body = {"name": MODEL_NAME, "alias": CHAMPION, "version": version}
        url = self.url("PROXY_MLFLOW_PORT", _ALIAS)
        httpx.post(
            url, json=body, headers=self._mlflow, verify=self.trusted, timeout=60
        ).raise_for_status()

    def swap(self, version: str) -> float:
        """Seconds until the endpoint serves a version that was named champion."""
        self.name_champion(version)
        return until(f"version {version} serves", lambda: self.serves(version), TAKEN_S)

    def serves(self, version: str) -> bool:
        """Whether it does, and the endpoint finds no fault with what the alias names."""
        model = self.get("/model")
        return str(model["version"]) == version and model["candidate_error"] is None

    def name_bad(self, version: str, serving: str) -> str:
        """What the endpoint says of a bad version while the former one goes on serving.

        Raises:
            FaultyStack: the bad one serves.
        """
        self.name_champion(version)
        until(
            "the bad version is refused",
            lambda: bool(self.get("/model")["candidate_error"]),
            TAKEN_S,
        )
        model = self.get("/model")
        if str(model["version"]) != serving:
            raise FaultyStack(f"version {model['version']} serves, not {serving}")
        return str(model["candidate_error"]["error"])

    def restart_mlflow(self) -> float:
        """Seconds until it is healthy again and answers behind the proxy."""
        self.mlflow_away.set()
        try:
            took = until_restarted(self.stack)
            until("MLflow answers", lambda: self._mlflow_answers(), _BACK_S)
        finally:
            self.mlflow_away.clear()
        return took

    def _mlflow_answers(self) -> bool:
        url = self.url("PROXY_MLFLOW_PORT", "/health")
        return httpx.get(url, headers=self._mlflow, verify=self.trusted, timeout=10).is_success

    # --- what it costs ------------------------------------------------------------------------

    def memory(self, service: str) -> str:
        """As docker stats says it."""
        return self.stack.docker(
            "stats", "--no-stream", "--format", "{{.MemUsage}}", self.stack.container(service)
        ).strip()

    def predictions_s(self, since: str) -> dict[int, list[float]]:
        """Status -> seconds of each POST /predictions by the proxy's own log, since a time of
        Docker's."""
        done = subprocess.run(
            ["docker", "logs", "--since", since, self.stack.container("proxy")],
            capture_output=True, text=True, timeout=120, check=True,
        )  # fmt: skip
        found: dict[int, list[float]] = {}
        for text in done.stdout.splitlines():
            line = json.loads(text) if text.startswith("{") else {}
            if line.get("path") == "/predictions":
                found.setdefault(int(line["status"]), []).append(float(line["seconds"]))
        return found


def until_restarted(stack: Stack) -> float:
    """Seconds that MLflow's restart takes until its health check passes."""
    stack.compose("restart", "mlflow", timeout_s=_BACK_S)
    return until("MLflow is healthy", lambda: stack.healthy("mlflow"), _BACK_S)
