"""More than the endpoint can answer is refused at once; nobody waits in a queue without an end."""

from __future__ import annotations

import re
import time
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest
from support.edge import Edge, Replica, edge, free_port

pytestmark = pytest.mark.timeout(300)


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
    with (
        edge(open_folder, f"127.0.0.1:{replica.port}", RATE="1") as proxy,
        ThreadPoolExecutor(16) as many,
    ):
        answers = list(many.map(lambda _: _asked(proxy, "/forecast").status_code, range(40)))
    assert 200 in answers
    assert 429 in answers
    assert set(answers) == {200, 429}


def test_large_bodies_have_few_places_and_small_ones_pass_beside_them(
    open_folder: Path, replica: Replica
) -> None:
    head = b"POST /predictions HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n"
    with (
        edge(open_folder, f"127.0.0.1:{replica.port}", LARGE_AT_ONCE="1") as proxy,
        proxy.connection() as arriving,
        proxy.client() as client,
    ):
        arriving.sendall(head + b"x" * 500_000)
        scene, row = b"x" * 2_000_000, b"{}"
        url = proxy.url("/predictions")
        while client.post(url, content=scene).status_code != 429:
            time.sleep(0.02)  # until the first one is being read
        assert client.post(url, content=row).status_code == 200


def test_guessing_airflow_s_passwords_is_refused_after_a_few(proxy: Edge) -> None:
    with proxy.client() as client:
        tried = [client.post(proxy.url("/auth/token", "AIRFLOW")).status_code for _ in range(60)]
        assert client.get(proxy.url("/auth/menus", "AIRFLOW")).status_code == 200
    assert tried[:20] == [200] * 20
    assert 429 in tried


def test_who_asks_too_fast_waits_a_tenth_of_a_second_at_most(
    open_folder: Path, replica: Replica
) -> None:
    """nginx holds back what is beyond `delay` until its turn at this rate, before it counts what is
    in hand; what is beyond `burst` it refuses."""
    upstream, found = f"127.0.0.1:{replica.port}", []
    for i, rate in enumerate(("1", "9", "50", "200", "1000")):
        folder = open_folder / str(i)
        folder.mkdir(mode=0o755)
        with edge(folder, upstream, RATE=rate):
            text = (folder / "run/nginx.conf").read_text()
        told = re.search(r"limit_req zone=rate burst=(\d+) delay=(\d+);", text)
        assert told is not None and f"zone=rate:4m rate={rate}r/s" in text
        found.append((int(told[1]) - int(told[2])) / int(rate))
    assert all(0 <= wait_s <= 0.1 for wait_s in found), found


def test_a_busy_replica_s_own_refusal_comes_through_with_when_to_ask_again(
    open_folder: Path, replica: Replica
) -> None:
    with edge(open_folder, f"127.0.0.1:{replica.port}") as proxy, proxy.client() as client:
        refused = client.post(proxy.url("/predictions"), content=f"busy {replica.host}")
        waved_on = client.post(proxy.url("/predictions"), content=b"{}")
    assert (refused.status_code, waved_on.status_code) == (503, 200)
    assert refused.headers["retry-after"] == "2"
    assert refused.json()["type"] == "urn:denguard:problem:busy"
