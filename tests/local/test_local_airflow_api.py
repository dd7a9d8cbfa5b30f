"""The REST client's retries and limits, against a small server that misbehaves on purpose."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from pipelines.errors import ServiceError
from pipelines.local import airflow_api
from pipelines.local.airflow_api import AirflowApi
from pipelines.local.follow import newest_progress


class Script:
    """Answers in order, the last one for ever; and what was asked."""

    def __init__(self) -> None:
        self.answers: list[tuple[int, Any]] = [(200, {})]
        self.asked: list[tuple[str, str, Any]] = []

    def next(self) -> tuple[int, Any]:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]

    def writes(self) -> list[Any]:
        return [body for method, path, body in self.asked if method == "POST" and "/dags" in path]


def handler_for(script: Script) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def _answer(self) -> None:
            length = int(self.headers.get("content-length", 0))
            body = json.loads(self.rfile.read(length)) if length else None
            script.asked.append((self.command, self.path, body))
            login = self.path == "/auth/token"
            status, answer = (201, {"access_token": "t"}) if login else script.next()
            raw = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("content-length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        do_GET = do_POST = do_PATCH = _answer

        def log_message(self, format: str, *args: object) -> None: ...

    return Handler


@pytest.fixture
def script() -> Script:
    return Script()


@pytest.fixture
def url(script: Script, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    own_clock = SimpleNamespace(sleep=lambda _s: None, monotonic=time.monotonic)
    monkeypatch.setattr(airflow_api, "time", own_clock)  # other threads sleep as they did
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler_for(script))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_server_error_is_retried_with_the_same_run_id_after_a_look_at_the_services(
    script: Script, url: str
) -> None:
    script.answers = [(500, {}), (503, {}), (200, {})]
    looks: list[int] = []
    with AirflowApi(url, "pw", lambda: looks.append(1)) as api:
        assert api.trigger("retraining", "demo-001", {}) is True
    assert {body["dag_run_id"] for body in script.writes()} == {"demo-001"}
    assert (len(script.writes()), len(looks)) == (3, 2)


def test_a_run_that_is_already_there_is_no_error(script: Script, url: str) -> None:
    script.answers = [(409, {})]
    with AirflowApi(url, "pw", lambda: None) as api:
        assert api.trigger("retraining", "demo-001", {}) is False


def test_a_refused_parameter_is_not_retried_and_shows_airflows_message(
    script: Script, url: str
) -> None:
    script.answers = [(400, {"detail": "99 is greater than the maximum of 12"})]
    with (
        AirflowApi(url, "pw", lambda: None) as api,
        pytest.raises(ServiceError, match="greater than the maximum"),
    ):
        api.trigger("retraining", "demo-001", {"horizons": [99]})
    assert len(script.writes()) == 1


def test_an_ended_token_is_renewed(script: Script, url: str) -> None:
    script.answers = [(401, {}), (200, {"state": "running"})]
    with AirflowApi(url, "pw", lambda: None) as api:
        assert api.run("retraining", "a+b")["state"] == "running"
    assert [path for _, path, _ in script.asked].count("/auth/token") == 2
    assert script.asked[-1][1].endswith("/dagRuns/a%2Bb")


def test_retries_end(script: Script, url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(airflow_api, "GIVE_UP_AFTER_S", 0.2)
    script.answers = [(500, {"detail": "database is locked"})]
    with (
        AirflowApi(url, "pw", lambda: None) as api,
        pytest.raises(ServiceError, match="database is locked"),
    ):
        api.dag("retraining")


def test_a_dag_that_airflow_has_not_read_is_none(script: Script, url: str) -> None:
    script.answers = [(404, {})]
    with AirflowApi(url, "pw", lambda: None) as api:
        assert api.dag("retraining") is None


def test_the_newest_line_of_a_step_is_found_among_airflows_own(tmp_path: Path) -> None:
    lines = [
        {"logger": "pipelines.run.progress", "event": "scenes embedded: 3/10 (30%), ETA 7 s"},
        {"logger": "airflow.task", "event": "noise"},
        {"event": "no logger"},
    ]
    log = tmp_path / "task_id=embed.embed_shard" / "attempt=1.log"
    log.parent.mkdir()
    log.write_text("\n".join(json.dumps(line) for line in lines) + "\nnot json")
    assert newest_progress(tmp_path) == "scenes embedded: 3/10 (30%), ETA 7 s"
    assert newest_progress(tmp_path / "nothing") == ""
