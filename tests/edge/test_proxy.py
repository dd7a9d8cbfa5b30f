"""The proxy's door: TLS, headers, what is not served, sizes, slow callers."""

from __future__ import annotations

import json
import socket
import ssl
from pathlib import Path

import httpx
import pytest
from support.edge import Edge, Replica, edge

_SECURITY = ("strict-transport-security", "x-content-type-options", "referrer-policy")


def test_answers_come_over_tls_1_3(proxy: Edge) -> None:
    with proxy.connection() as connection:
        assert connection.version() == "TLSv1.3"


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_tls_1_1_is_refused(proxy: Edge) -> None:
    old = proxy.trust()
    old.minimum_version, old.maximum_version = ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1
    old.set_ciphers("ALL:@SECLEVEL=0")
    with (
        socket.create_connection(("127.0.0.1", proxy.ports["ENDPOINT"])) as raw,
        pytest.raises(ssl.SSLError),
    ):
        old.wrap_socket(raw, server_hostname="127.0.0.1")


def test_plain_http_leads_to_https(proxy: Edge) -> None:
    answer = httpx.get(proxy.url("/forecast?horizon_weeks=4", "HTTP"))
    assert answer.status_code == 308
    assert answer.headers["location"] == "https://127.0.0.1/forecast?horizon_weeks=4"


def test_a_key_sent_in_clear_is_answered_with_what_to_do(proxy: Edge) -> None:
    answer = httpx.get(proxy.url("/forecast", "HTTP"), headers={"Authorization": "Bearer k"})
    assert answer.status_code == 403
    assert "change the key" in answer.text


@pytest.mark.parametrize("server", ["ENDPOINT", "AIRFLOW", "MLFLOW", "GRAFANA"])
def test_every_server_sends_the_security_headers(proxy: Edge, server: str) -> None:
    with proxy.client() as client:
        headers = client.get(proxy.url("/page", server)).headers
    assert all(name in headers for name in _SECURITY)
    assert "frame-ancestors" in headers["content-security-policy"]
    assert headers["server"] == "nginx"  # no version


def test_answers_made_by_the_proxy_have_the_security_headers_too(proxy: Edge) -> None:
    with proxy.client() as client:
        headers = client.get(proxy.url("/metrics")).headers
    assert all(name in headers for name in _SECURITY)


def test_metrics_are_not_served(proxy: Edge, replica: Replica) -> None:
    assert httpx.get(f"http://127.0.0.1:{replica.port}/metrics").status_code == 200
    with proxy.client() as client:
        for path in ("/metrics", "//metrics", "/%6detrics", "/a/../metrics"):
            assert client.get(proxy.url(path)).status_code == 404


def test_the_execution_api_is_for_named_workers_alone(
    proxy: Edge, open_folder: Path, replica: Replica
) -> None:
    inner = open_folder / "with-workers"
    inner.mkdir()
    with proxy.client() as client:
        assert client.get(proxy.url("/execution/x", "AIRFLOW")).status_code == 404
    with (
        edge(inner, f"127.0.0.1:{replica.port}", WORKERS="10.9.0.0/24 127.0.0.1") as allowed,
        allowed.client() as client,
    ):
        assert client.get(allowed.url("/execution/x", "AIRFLOW")).status_code == 200


def test_where_a_caller_says_it_comes_from_is_replaced(proxy: Edge) -> None:
    claimed = {"X-Forwarded-For": "10.0.0.1", "Forwarded": "for=10.0.0.1"}
    with proxy.client() as client:
        seen = client.get(proxy.url("/forecast"), headers=claimed).json()["headers"]
    assert seen["x-forwarded-for"] == "127.0.0.1"
    assert seen["x-forwarded-proto"] == "https"
    assert "forwarded" not in seen


def test_mlflow_sees_no_origin_of_its_own_pages_and_every_foreign_one(proxy: Edge) -> None:
    own = {"Origin": proxy.url("", "MLFLOW")}
    with proxy.client() as client:
        url = proxy.url("/ajax-api/x", "MLFLOW")
        assert "origin" not in client.post(url, headers=own).json()["headers"]
        foreign = client.post(url, headers={"Origin": "https://evil.example"}).json()["headers"]
    assert foreign["origin"] == "https://evil.example"


def test_a_body_that_is_too_large_is_refused_before_it_is_sent(proxy: Edge) -> None:
    head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 50000000\r\n\r\n"
    with proxy.connection() as connection:
        connection.sendall(head)
        answer = _whole(connection)
    assert answer.startswith(b"HTTP/1.1 413")
    assert json.loads(answer.partition(b"\r\n\r\n")[2])["status"] == 413


def test_only_the_route_for_scenes_takes_a_scene(proxy: Edge) -> None:
    scene = b"x" * 4_000_000
    with proxy.client() as client:
        taken = client.post(proxy.url("/predictions"), content=scene)
        refused = client.post(proxy.url("/forecast"), content=scene)
    assert (taken.status_code, taken.json()["bytes"]) == (200, len(scene))
    assert refused.status_code == 413


def test_a_head_that_is_too_long_is_refused_in_words(proxy: Edge) -> None:
    with proxy.client() as client:
        answer = client.get(proxy.url("/forecast"), headers={"X-Long": "x" * 40_000})
    assert answer.status_code == 431
    assert answer.json()["fix"] == "send what you ask in the body"


@pytest.mark.parametrize(
    "part",
    [
        b"GET /forecast HTTP/1.1\r\nHost: x\r\n",
        b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 90\r\n\r\nhalf",
    ],
    ids=["head", "body"],
)
def test_a_caller_that_stops_in_the_middle_is_cut_off(
    open_folder: Path, replica: Replica, part: bytes
) -> None:
    with (
        edge(open_folder, f"127.0.0.1:{replica.port}", SLOW_S="5") as strict,
        strict.connection() as connection,
    ):
        connection.sendall(part)
        assert b"200 OK" not in _whole(connection)  # ends by itself


def test_the_log_holds_no_query_and_no_key(open_folder: Path, replica: Replica) -> None:
    with edge(open_folder, f"127.0.0.1:{replica.port}") as running, running.client() as client:
        key = {"Authorization": "Bearer secret-of-a-person"}
        trace = client.get(running.url("/forecast?municipality_code=05001"), headers=key)
        client.get(running.url("/forecast?municipality_code=05001&x=" + "y" * 20_000))
        lines = [json.loads(line) for line in running.log.splitlines()]
        said = running.said
    assert trace.status_code == 200
    assert lines[0]["path"] == "/forecast"
    assert "05001" not in json.dumps(lines) + said
    assert "secret-of-a-person" not in json.dumps(lines) + said


def _whole(connection: ssl.SSLSocket) -> bytes:
    """All that comes until the other side closes."""
    parts = []
    try:
        while part := connection.recv(65536):
            parts.append(part)
    except (ssl.SSLEOFError, ConnectionResetError):
        pass
    return b"".join(parts)
