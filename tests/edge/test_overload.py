"""More than the endpoint can answer is refused at once; nobody waits in a queue without an end."""

from __future__ import annotations

import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.edge import Edge, Replica, edge

pytestmark = pytest.mark.timeout(120)


def _asked(proxy: Edge, path: str) -> httpx.Response:
    with proxy.client() as client:
        return client.get(proxy.url(path))


def _waiting(replica: Replica, count: int) -> None:
    """Until so many requests are in hand behind the proxy."""
    told = replica.gate.parent / "waiting"
    while not told.exists() or len(told.read_text()) < count:
        time.sleep(0.02)


@pytest.mark.parametrize("limit", ["AT_ONCE", "AT_ONCE_ADDRESS"])
def test_requests_beyond_those_in_hand_are_refused_while_these_still_wait(
    open_folder: Path, tmp_path: Path, limit: str
) -> None:
    from support.edge import free_port

    slow = Replica("127.0.0.1", free_port(), tmp_path / "open").start()
    try:
        with edge(open_folder, f"127.0.0.1:{slow.port}", **{limit: "4"}) as proxy:
            with ThreadPoolExecutor(4) as four:
                held: list[Future[httpx.Response]] = [
                    four.submit(_asked, proxy, "/held") for _ in range(4)
                ]
                _waiting(slow, 4)
                refused = [_asked(proxy, "/held") for _ in range(8)]
                none_answered = not any(one.done() for one in held)
                slow.gate.touch()
            assert none_answered
            assert {one.status_code for one in refused} == {429}
            assert {one.headers["retry-after"] for one in refused} == {"1"}
            assert {one.json()["type"] for one in refused} == {"urn:denguard:problem:too-many"}
            assert {one.result().status_code for one in held} == {200}
    finally:
        slow.kill()


def test_an_address_that_asks_too_fast_is_slowed_then_refused(
    open_folder: Path, replica: Replica
) -> None:
    with edge(open_folder, f"127.0.0.1:{replica.port}", RATE="1") as proxy:
        with ThreadPoolExecutor(16) as many:
            answers = list(many.map(lambda _: _asked(proxy, "/forecast").status_code, range(40)))
    assert 200 in answers
    assert 429 in answers
    assert set(answers) == {200, 429}


def test_guessing_airflow_s_passwords_is_refused_after_a_few(proxy: Edge) -> None:
    with proxy.client() as client:
        tried = [client.post(proxy.url("/auth/token", "AIRFLOW")).status_code for _ in range(60)]
        assert client.get(proxy.url("/auth/menus", "AIRFLOW")).status_code == 200
    assert tried[:20] == [200] * 20
    assert 429 in tried
