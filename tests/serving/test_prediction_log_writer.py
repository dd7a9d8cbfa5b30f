"""What the endpoint leaves in the prediction log, and that predictions go on without it."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from pipelines.contracts import COVARIATE_NAMES
from pipelines.fusion.bundle import Bundle
from pipelines.inference.prediction_log import (
    LoggedAnswer,
    log_folder,
    logged_days,
    read_day,
    read_predictions,
)
from serving.app import create_app
from serving.metrics import Metrics
from serving.prediction_log_writer import PredictionLogWriter
from serving.settings import Settings

Eventually = Callable[..., None]
HEADERS = {"Authorization": "Bearer a-key-for-tests"}


def logged(deployment: Any) -> list[LoggedAnswer]:
    return [a for day in logged_days(deployment.paths) for a in read_day(deployment.paths, day)]


def metric(client: TestClient, name: str) -> float:
    (line,) = (x for x in client.get("/metrics").text.splitlines() if x.startswith(f"{name} "))
    return float(line.split()[-1])


def test_an_answer_is_found_by_its_trace_id(
    serving_client: TestClient, deployment: Any, row: dict[str, Any]
) -> None:
    body = json.dumps({"rows": [row, {**row, "horizon_weeks": 1}]}).encode()
    headers = {"Content-Type": "application/json"}

    response = serving_client.post("/predictions", content=body, headers=headers)

    found = read_predictions(deployment.paths, response.headers["X-Trace-Id"])
    assert found is not None
    sent = response.json()["predictions"]
    assert found.input_sha256 == hashlib.sha256(body).hexdigest()
    assert {(found.bundle_id, found.model_version)} == {
        (p["bundle_id"], p["model_version"]) for p in sent
    }
    fields = (
        "municipality_code",
        "horizon_weeks",
        "origin_week",
        "target_week",
        "probability",
        "outbreak",
    )
    assert [p.model_dump() for p in found.predictions] == [{k: p[k] for k in fields} for p in sent]
    assert datetime.now(UTC) - found.at < timedelta(minutes=2)


def test_nothing_of_what_was_asked_is_in_the_log(
    serving_client: TestClient, deployment: Any, row: dict[str, Any], png: bytes
) -> None:
    text, name = "fiebre alta en la vereda El Tablazo", "Villanueva de la Sierra"
    counts = [18211 + i for i in range(12)]
    private = {
        **row,
        "recent_cases": counts,
        "text": text,
        "municipality_name": name,
        "population": 771_199,
    }
    vector = {
        "municipality_code": "05001",
        "horizon_weeks": 1,
        "covariates": {COVARIATE_NAMES[0]: 3.14159},
        "text": [0.27182],
    }
    form = {
        "data": {"row": json.dumps(private)},
        "files": {"scene": ("finca.png", png, "image/png")},
    }
    for asked in ({"json": {"rows": [private]}}, {"json": {"vectors": [vector]}}, form):
        assert serving_client.post("/predictions", **asked).status_code == 200

    files = [path for path in log_folder(deployment.paths).rglob("*") if path.is_file()]
    written = b"".join(path.read_bytes() for path in files)
    assert written.count(b"\n") == 3
    pieces = [
        *text.split(),
        *name.split(),
        *map(str, counts),
        "771199",
        "3.14159",
        "0.27182",
        "finca",
    ]
    assert [piece for piece in pieces if len(piece) > 2 and piece.encode() in written] == []
    scene = [png[i : i + 8] for i in range(0, len(png) - 8, 8)]
    assert not any(piece in written or piece.hex().encode() in written for piece in scene)


def test_a_refused_request_leaves_no_line(
    serving_client: TestClient, deployment: Any, row: dict[str, Any]
) -> None:
    assert (
        serving_client.post(
            "/predictions", json={"rows": [{**row, "municipality_code": "99999"}]}
        ).status_code
        == 422
    )

    assert logged(deployment) == []


def test_a_disk_that_takes_no_line_costs_lines_and_no_answer(
    serving_client: TestClient,
    deployment: Any,
    row: dict[str, Any],
    caplog: pytest.LogCaptureFixture,
) -> None:
    folder: Path = log_folder(deployment.paths)
    shutil.rmtree(folder, ignore_errors=True)
    folder.write_text("a file where the log should be")

    def ask() -> int:
        return serving_client.post("/predictions", json={"rows": [row]}).status_code

    with caplog.at_level(logging.WARNING, logger="serving.prediction_log_writer"):
        assert [ask() for _ in range(3)] == [200] * 3
        lost = metric(serving_client, "denguard_prediction_log_lost_total")
        folder.unlink()
        assert ask() == 200

    assert lost == 3
    assert metric(serving_client, "denguard_prediction_log_lines_total") == 1
    assert len(logged(deployment)) == 1
    lines = [
        record.getMessage()
        for record in caplog.records
        if record.name == "serving.prediction_log_writer"
    ]
    assert ["cannot be written" in line for line in lines] == [True, False], lines
    assert "written again" in lines[1]


def test_days_beyond_retention_go_when_the_endpoint_starts(
    deployment: Any, settings: Settings, eventually: Eventually
) -> None:
    today = datetime.now(UTC).date()
    for back in range(403):
        (log_folder(deployment.paths) / str(today - timedelta(days=back))).mkdir(parents=True)

    with TestClient(create_app(settings)):
        eventually(lambda: len(logged_days(deployment.paths)) == 401)

    left = logged_days(deployment.paths)
    assert (left[0], left[-1]) == (today, today - timedelta(days=400))


def test_without_days_to_keep_there_is_no_log(
    deployment: Any,
    settings: Settings,
    bundle_of: Callable[..., Bundle],
    row: dict[str, Any],
) -> None:
    old = log_folder(deployment.paths) / "2001-01-01"
    old.mkdir(parents=True)
    deployment.promote(bundle_of())
    without = settings.model_copy(update={"prediction_log_days": 0})

    with TestClient(create_app(without), headers=HEADERS) as client:
        assert client.post("/predictions", json={"rows": [row]}).status_code == 200

    assert list(log_folder(deployment.paths).iterdir()) == [old]


def test_a_day_on_which_nobody_asked_counts_as_a_day(settings: Settings) -> None:
    """Retention goes by days of the log; quiet ones are days, too."""
    PredictionLogWriter(settings, Metrics()).tidy()

    assert len(logged_days(settings.paths)) == 1
