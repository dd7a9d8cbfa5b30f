"""A real Prometheus scrapes a real watch and a real endpoint: alerts fire, and reach people through
the watch; every panel of the board has an answer.

The rules are those of deploy/monitoring, without their waits; the targets are on loopback.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import pytest
import uvicorn
import yaml
from support.monitoring_files import MONITORING, ROOT, expressions_of_board
from support.receivers import Hook, free_port
from support.watched import PASSWORD, USER, Airflow, answering, eventful

from serving.app import create_app
from serving.settings import Settings

pytestmark = [pytest.mark.slow, pytest.mark.timeout(400)]
_PATIENCE_S = 120.0


def configured(folder: Path, targets: dict[str, int]) -> Path:
    """The configuration and the rules as delivered, but for addresses and waits."""
    config = yaml.safe_load((MONITORING / "prometheus.yml").read_text(encoding="utf-8"))
    config["global"] = {
        "scrape_interval": "1s",
        "scrape_timeout": "1s",
        "evaluation_interval": "1s",
    }
    for job in config["scrape_configs"]:
        job.pop("dns_sd_configs", None)
        job["static_configs"] = [{"targets": [f"127.0.0.1:{targets[job['job_name']]}"]}]
    rules = yaml.safe_load((MONITORING / "rules.yml").read_text(encoding="utf-8"))
    for group in rules["groups"]:
        for rule in group["rules"]:
            rule["for"] = "0s"
    (folder / "rules.yml").write_text(yaml.safe_dump(rules), encoding="utf-8")
    (folder / "prometheus.yml").write_text(yaml.safe_dump(config), encoding="utf-8")
    return folder / "prometheus.yml"


@contextmanager
def process(command: list[str], home: Path, **environment: str) -> Iterator[None]:
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    with (home / f"{Path(command[0]).name}.log").open("wb") as log:
        running = subprocess.Popen(command, cwd=home, env=env, stdout=log, stderr=log)
        try:
            yield
            assert running.poll() is None, "it ended by itself"
        finally:
            running.terminate()
            running.wait(timeout=60)


@contextmanager
def endpoint(home: Path) -> Iterator[int]:
    """The port of an endpoint without a champion."""
    hashed = hashlib.sha256(b"a-key-for-tests").hexdigest()
    app = create_app(Settings(api_key_sha256=hashed, home=home))
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        server = uvicorn.Server(uvicorn.Config(app, log_level="warning"))
        thread = threading.Thread(target=server.run, kwargs={"sockets": [taken]}, daemon=True)
        thread.start()
        yield taken.getsockname()[1]
        server.should_exit = True
        thread.join(timeout=30)


def eventually(found: Callable[[], Any]) -> Any:
    """What is found, once it is; services come up while this waits."""
    until, last = time.monotonic() + _PATIENCE_S, None
    while time.monotonic() < until:
        try:
            if last := found():
                return last
        except httpx.TransportError:
            pass
        time.sleep(0.3)
    raise AssertionError("it did not come")


def test_alerts_fire_and_reach_people_and_every_panel_has_an_answer(
    home: Path, tmp_path: Path
) -> None:
    prometheus = shutil.which("prometheus") or pytest.skip(
        "prometheus is not installed here (Debian: apt-get install prometheus)"
    )
    settings = eventful(home, datetime.now(UTC))
    hook, ports = Hook(), {"watch": free_port(), "prometheus": free_port()}
    asked = f"http://127.0.0.1:{ports['prometheus']}"
    watch = [sys.executable, "-m", "pipelines.cli", "watch", "--every", "10"]
    with answering(Airflow()) as airflow, endpoint(home) as ports["serving"]:
        airflow.queued = [("default", datetime(2026, 1, 1, tzinfo=UTC))]
        config = configured(tmp_path, ports)
        served = ["--web.listen-address", asked.removeprefix("http://")]
        stored = ["--storage.tsdb.path", str(tmp_path / "data"), "--config.file", str(config)]
        beside = {
            **settings,
            "DENGUARD_AIRFLOW_URL": airflow.url,
            "DENGUARD_AIRFLOW_USER": USER,
            "DENGUARD_AIRFLOW_PASSWORD": PASSWORD,
            "DENGUARD_PROMETHEUS_URL": asked,
            "DENGUARD_ALERT_WEBHOOK_URL": hook.url,
            "DENGUARD_ALERT_LANGUAGE": "en",
        }
        watched = [*watch, "--metrics-port", str(ports["watch"])]
        with process([prometheus, *served, *stored], home), process(watched, home, **beside):
            eventually(lambda: {"RunFailed", "QueueStands"} <= set(firing(asked)))
            assert firing(asked)["RunFailed"]["summary"] == "The newest run failed (line main)."
            sent = eventually(lambda: [a for a in hook.alerts if "queue default" in a["title"]])
            assert sent[0]["kind"] == "monitoring"
            assert "docs/runbooks/queue-stands.md" in sent[0]["body"]
            answers = {e: query(asked, e) for e in expressions_of_board()}
            empty = {e for e, answer in answers.items() if not answer["data"]["result"]}
    hook.close()
    assert {e: a for e, a in answers.items() if a["status"] != "success"} == {}
    assert {e for e in empty if "denguard_requests" not in e and "denguard_request_" not in e} <= {
        "denguard_champion_info == 1",  # nobody serves here
        "sum by (horizon_weeks) (rate(denguard_predictions_total[5m]))",
    }


def firing(url: str) -> dict[str, dict[str, str]]:
    found = httpx.get(f"{url}/api/v1/alerts", timeout=20, trust_env=False).json()
    alerts = [one for one in found["data"]["alerts"] if one["state"] == "firing"]
    return {one["labels"]["alertname"]: one["annotations"] for one in alerts}


def query(url: str, expression: str) -> dict[str, Any]:
    answer = httpx.get(
        f"{url}/api/v1/query", params={"query": expression}, timeout=20, trust_env=False
    )
    return dict(answer.json())
