"""What is tried wrong at the API: status, place and what to send instead."""

from __future__ import annotations

import asyncio
import io
import json
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx
import numpy as np
import pytest
import tifffile
from fastapi.testclient import TestClient
from starlette.requests import Request

from serving.limits import Budget, read_body
from serving.problems import Problem

PROBLEM = "application/problem+json"


def refused(response: httpx.Response, status: int, slug: str) -> dict[str, Any]:
    """The problem, checked for what every problem must say."""
    body: dict[str, Any] = response.json()
    assert response.status_code == status, body
    assert response.headers["content-type"] == PROBLEM
    assert body["type"] == f"urn:denguard:problem:{slug}"
    assert body["fix"] and body["detail"]
    assert body["trace_id"] == response.headers["X-Trace-Id"]
    return body


@pytest.mark.parametrize("header", [None, "Bearer wrong", "Bearer ", "Basic abc"])
def test_a_wrong_key_is_refused(
    client: TestClient, row: dict[str, Any], header: str | None
) -> None:
    client.headers.pop("Authorization")
    headers = {"Authorization": header} if header else {}

    response = client.post("/predictions", json={"rows": [row]}, headers=headers)

    refused(response, 401, "wrong-key" if header == "Bearer wrong" else "no-key")
    assert response.headers["WWW-Authenticate"].startswith("Bearer")


def test_without_a_champion_the_answer_is_503(client: TestClient, row: dict[str, Any]) -> None:
    body = refused(client.post("/predictions", json={"rows": [row]}), 503, "no-champion")

    assert "no champion" in body["detail"]


def test_a_declared_length_that_is_too_long_is_refused_before_a_byte_is_read() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("it asked for the body")

    asked = Request({"type": "http", "headers": [(b"content-length", b"11")]}, receive)
    with Budget(100).share() as share, pytest.raises(Problem, match="larger than"):
        asyncio.run(read_body(asked, 10, 1.0, share))


def test_a_stream_that_is_too_long_is_refused_early(serving_client: TestClient) -> None:
    sent = 0

    def hundred_mb() -> Iterator[bytes]:
        nonlocal sent
        for _ in range(100):
            sent += 1_000_000
            yield b" " * 1_000_000

    response = serving_client.post(
        "/predictions", content=hundred_mb(), headers={"Content-Type": "application/json"}
    )

    refused(response, 413, "body-too-large")


@pytest.mark.parametrize(
    ("field", "value", "words"),
    [
        ("horizon_weeks", "four", "integer"),
        ("recent_cases", [1, 2, 3, "many"], "number"),
        ("recent_cases", [1, 2, 3, -4], "greater than or equal to 0"),
        ("recent_cases", [1, 2, 3], "at least 4"),
        ("origin_week", "2018-48", "week"),
        ("municipality_code", 5001, "string"),
        ("climate", [{"temp_mean_c": 900}], "50"),
        ("recent_cases", [1, 2, 3, 3.5], "send counts, not rates"),
        ("cases_of_target", 3, "not permitted"),
    ],
)
def test_a_bad_field_is_named(
    serving_client: TestClient, row: dict[str, Any], field: str, value: Any, words: str
) -> None:
    response = serving_client.post("/predictions", json={"rows": [row, {**row, field: value}]})

    (error,) = refused(response, 422, "invalid-fields")["errors"]
    assert error["where"].startswith(f"rows.1.{field}")
    assert words in error["what"]


@pytest.mark.parametrize("odd", ["NaN", "Infinity", "-Infinity"])
def test_nan_is_refused(serving_client: TestClient, row: dict[str, Any], odd: str) -> None:
    text = json.dumps({"rows": [{**row, "population": 123456.5}]}).replace("123456.5", odd)

    response = serving_client.post(
        "/predictions", content=text, headers={"Content-Type": "application/json"}
    )

    assert "population" in refused(response, 422, "invalid-fields")["errors"][0]["where"]


def test_an_unknown_municipality_is_told_its_neighbours(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    response = serving_client.post(
        "/predictions", json={"rows": [{**row, "municipality_code": "05002"}]}
    )

    body = refused(response, 422, "unknown-municipality")
    assert "the 2 that the model knows" in body["detail"]
    assert "05001" in body["errors"][0]["what"]


def test_an_unknown_horizon_is_told_the_known_ones(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    response = serving_client.post("/predictions", json={"rows": [{**row, "horizon_weeks": 9}]})

    assert "[1, 4]" in refused(response, 422, "unknown-horizon")["fix"]


def test_too_many_rows_are_refused(serving_client: TestClient, row: dict[str, Any]) -> None:
    response = serving_client.post("/predictions", json={"rows": [row] * 51})

    assert "50" in refused(response, 422, "too-many-rows")["fix"]


@pytest.mark.parametrize("body", [{}, {"rows": []}, {"rows": None, "vectors": None}, []])
def test_a_body_without_rows_is_refused(serving_client: TestClient, body: Any) -> None:
    refused(serving_client.post("/predictions", json=body), 422, "invalid-fields")


def test_broken_json_is_refused(serving_client: TestClient) -> None:
    response = serving_client.post(
        "/predictions", content=b'{"rows": [', headers={"Content-Type": "application/json"}
    )

    refused(response, 422, "invalid-fields")


def test_another_content_type_is_refused(serving_client: TestClient) -> None:
    response = serving_client.post(
        "/predictions", content=b"a,b", headers={"Content-Type": "text/csv"}
    )

    assert "application/json" in refused(response, 415, "content-type")["fix"]


def test_climate_from_after_the_origin_is_refused(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    response = serving_client.post(
        "/predictions", json={"rows": [{**row, "climate_month": "2019-03"}]}
    )

    assert "not known" in refused(response, 422, "unusable-row")["detail"]


def test_unknown_covariates_are_refused(serving_client: TestClient) -> None:
    vector = {"municipality_code": "05001", "horizon_weeks": 1, "covariates": {"cases_next": 1.0}}

    body = refused(
        serving_client.post("/predictions", json={"vectors": [vector]}), 422, "invalid-fields"
    )

    assert "cases_next" in body["errors"][0]["what"]


def _upload(client: TestClient, row: dict[str, Any], data: bytes, name: str) -> httpx.Response:
    files = {"scene": (name, data, "application/octet-stream")}
    return client.post("/predictions", data={"row": json.dumps(row)}, files=files)


def test_a_truncated_png_is_refused(
    serving_client: TestClient, row: dict[str, Any], png: bytes
) -> None:
    body = refused(
        _upload(serving_client, row, png[: len(png) // 2], "a.png"), 422, "damaged-scene"
    )

    assert body["errors"][0]["where"] == "scene"


def test_a_pixel_bomb_is_refused_undecoded(serving_client: TestClient, row: dict[str, Any]) -> None:
    def chunk(kind: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        )

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    bomb = (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 100))
    )

    refused(_upload(serving_client, row, bomb + chunk(b"IEND", b""), "a.png"), 413, "pixel-bomb")


def test_an_eight_band_tiff_is_refused(serving_client: TestClient, row: dict[str, Any]) -> None:
    out = io.BytesIO()
    tifffile.imwrite(out, np.zeros((16, 16, 8), np.uint8), photometric="minisblack")

    body = refused(_upload(serving_client, row, out.getvalue(), "a.tiff"), 422, "wrong-bands")

    assert "8 bands" in body["detail"]


def test_a_file_that_is_no_image_is_refused(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    refused(_upload(serving_client, row, b"%PDF-1.7", "a.pdf"), 415, "unknown-format")
    refused(_upload(serving_client, row, b"%PDF-1.7", "a.png"), 415, "unknown-format")


def test_a_form_without_its_scene_is_refused(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    response = serving_client.post("/predictions", files={"row": (None, json.dumps(row))})

    assert refused(response, 422, "bad-form")["errors"] == [{"where": "scene", "what": "absent"}]


def test_a_bad_row_beside_a_scene_is_named(
    serving_client: TestClient, row: dict[str, Any], png: bytes
) -> None:
    response = _upload(serving_client, {**row, "population": "many"}, png, "a.png")

    assert refused(response, 422, "invalid-fields")["errors"][0]["where"] == "row.population"


def test_an_unknown_route_is_a_problem_too(client: TestClient) -> None:
    refused(client.get("/nothing"), 404, "http")


def test_a_week_that_the_champions_calendar_does_not_have_is_refused_by_the_calendars_name(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    response = serving_client.post(
        "/predictions", json={"rows": [row, {**row, "origin_week": "2018-w53"}]}
    )

    body = refused(response, 422, "unknown-week")
    assert "CDC weeks" in body["detail"]
    assert body["errors"][0]["where"] == "rows.1.origin_week"


def test_a_code_is_read_by_the_rule_of_the_champions_place(
    serving_client: TestClient, row: dict[str, Any]
) -> None:
    answer = serving_client.post(
        "/predictions", json={"rows": [{**row, "municipality_code": "5001"}]}
    )
    assert answer.json()["predictions"][0]["municipality_code"] == "05001"
    body = refused(
        serving_client.post(
            "/predictions", json={"rows": [{**row, "municipality_code": "VN-HN-01"}]}
        ),
        422,
        "unknown-municipality",
    )
    assert "DANE" in body["fix"]
