"""More than can be computed: few wait, the rest is told at once, and what is quick is answered."""

from __future__ import annotations

import asyncio
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest
from fastapi.testclient import TestClient
from support.api import KEY, ROW, make_app, running

from serving import answers
from serving.app import create_app
from serving.problems import Problem
from serving.routes import predictions
from serving.settings import Settings
from serving.work import Work

pytestmark = pytest.mark.timeout(300)
AT_ONCE, WAITING = 2, 3
ROWS = (AT_ONCE + WAITING) * 5
_HEADERS = {"Authorization": f"Bearer {KEY}"}
_FIVE_ROWS = {"rows": [ROW] * 5}  # more than are answered on the loop


class Held:
    """Computes nothing before `go_on` is set.

    Attributes:
        begun: requests of five rows that are in a thread.
    """

    def __init__(self) -> None:
        self.go_on, self.begun = threading.Event(), 0
        self._lock = threading.Lock()

    def answer(self, champion: Any, asked: Any, *rest: Any, **named: Any) -> list[dict[str, Any]]:
        if len(asked.rows) == len(_FIVE_ROWS["rows"]):
            with self._lock:
                self.begun += 1
            assert self.go_on.wait(120)
        return answers.answer(champion, asked, *rest, **named)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    one = Held()
    monkeypatch.setattr(predictions, "answer", one.answer)
    yield one
    one.go_on.set()


def _until(so: Callable[[], bool]) -> None:
    end = time.monotonic() + 120
    while not so():
        assert time.monotonic() < end
        time.sleep(0.01)


def test_whoever_finds_no_place_is_told_at_once_and_everybody_else_is_answered(
    tmp_path: Path, held: Held
) -> None:
    app = make_app(
        tmp_path, max_computed_at_once=AT_ONCE, max_rows_in_hand=ROWS, request_timeout_s=120.0
    )
    work: Work = app.state.work
    with running(app) as (host, port), ThreadPoolExecutor(AT_ONCE + WAITING) as callers:
        url = f"http://{host}:{port}"

        def ask(body: dict[str, Any] = _FIVE_ROWS) -> httpx.Response:
            return httpx.post(f"{url}/predictions", json=body, headers=_HEADERS, timeout=120)

        let_in: list[Future[httpx.Response]] = [
            callers.submit(ask) for _ in range(AT_ONCE + WAITING)
        ]
        _until(lambda: work.in_hand == ROWS and held.begun == AT_ONCE)
        refused = [ask() for _ in range(4)]
        quick = ask({"rows": [ROW]})
        seen = [httpx.get(f"{url}{path}", timeout=120) for path in ("/health/live", "/metrics")]
        none_answered = not any(one.done() for one in let_in)
        at_once = held.begun
        held.go_on.set()
        answered = [one.result() for one in let_in]
        _until(lambda: work.in_hand == 0)
        assert ask().status_code == 200
    assert none_answered and at_once == AT_ONCE
    assert {one.status_code for one in refused} == {503}
    assert {one.json()["type"] for one in refused} == {"urn:denguard:problem:busy"}
    assert all(int(one.headers["retry-after"]) > 0 for one in refused)
    assert quick.status_code == 200
    assert [one.status_code for one in seen] == [200, 200]
    assert {one.status_code for one in answered} == {200}


def test_a_caller_that_gives_up_frees_its_place_once_nothing_computes_for_it() -> None:
    go_on = threading.Event()

    async def scene() -> list[int]:
        work = Work(1, 2)
        computed = asyncio.create_task(work.run(lambda: go_on.wait(120)))
        waiting = asyncio.create_task(work.run(lambda: True))
        await asyncio.sleep(0)
        found = [work.in_hand]
        waiting.cancel()
        await asyncio.wait([waiting])
        found.append(work.in_hand)
        computed.cancel()  # its thread goes on: nobody else may have the place
        await asyncio.wait([computed])
        found.append(work.in_hand)
        go_on.set()
        while work.in_hand:
            await asyncio.sleep(0.01)
        assert await work.run(lambda: 7) == 7
        work.close()
        return found

    assert asyncio.run(scene()) == [2, 1, 1]


def test_a_computation_that_fails_frees_its_place() -> None:
    async def scene() -> int:
        work = Work(1, 1)
        for _ in range(3):
            with pytest.raises(ZeroDivisionError):
                await work.run(lambda: 1 // 0)
        with pytest.raises(Problem):
            await asyncio.gather(*(work.run(lambda: time.sleep(0.05)) for _ in range(2)))
        while work.in_hand:
            await asyncio.sleep(0.01)
        return work.in_hand

    assert asyncio.run(scene()) == 0


def test_threads_take_short_turns_while_it_serves_and_python_s_own_afterwards(
    deployment: object, settings: Settings
) -> None:
    usual_s = sys.getswitchinterval()
    with TestClient(create_app(settings)):
        serving_s = sys.getswitchinterval()
    assert serving_s == pytest.approx(0.001)
    assert sys.getswitchinterval() == usual_s > serving_s


def test_many_callers_of_one_row_are_let_in_where_few_of_many_rows_are() -> None:
    async def refused(callers: int, rows: int) -> int:
        work, go_on = Work(1, 160), threading.Event()
        asked = [
            asyncio.create_task(work.run(lambda: go_on.wait(120), rows)) for _ in range(callers)
        ]
        await asyncio.sleep(0)
        found = sum(isinstance(one.exception(), Problem) for one in asked if one.done())
        go_on.set()
        await asyncio.wait(asked)
        work.close()
        return found

    assert asyncio.run(refused(32, 4)) == 0
    assert asyncio.run(refused(32, 20)) == 24
    assert asyncio.run(refused(2, 100_000)) == 0
