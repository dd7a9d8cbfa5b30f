"""Everybody asks through the proxy while champions change: nobody is failed. Then far too many ask.

DENGUARD_STACK_TRAFFIC_S: seconds of the mixed traffic, 600 if it is not set. No champion is trained
for it: a copy of the champion under another id takes turns with it.
"""

from __future__ import annotations

import asyncio
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from support.stack.behind_proxy import BehindProxy
from support.stack.engine import Stack, until
from support.stack.table import Row, Table
from support.stack.traffic import Answers, Callers, call, quantile, spread

pytestmark = [pytest.mark.stack, pytest.mark.timeout(4 * 3600)]
TRAFFIC_S = float(os.environ.get("DENGUARD_STACK_TRAFFIC_S", "600"))
SWAPS = 10
OVERLOAD_S, TOO_MANY_CALLERS = 20.0, 250
REFUSED_WITHIN_S, SERVED_WITHIN_S = 1.0, 2.0  # the latter of 99 of 100


@pytest.fixture(scope="module")
def place(stack: Stack) -> Iterator[BehindProxy]:
    """The stack with a second and a bad version registered."""
    found = BehindProxy(stack)
    assert found.versions["champion"] != found.versions["second"]
    yield found
    found.swap(found.versions["champion"])
    found.tidy()


class Changes(threading.Thread):
    """Ten swaps, a bad candidate after the fifth, a restart of MLflow after the eighth."""

    def __init__(self, place: BehindProxy) -> None:
        super().__init__(daemon=True)
        self._place, self._began = place, time.monotonic()
        self.swaps_s: list[float] = []
        self.mlflow_back_s = 0.0
        self.refusal = ""
        self.error: BaseException | None = None

    def run(self) -> None:
        try:
            for number in range(1, SWAPS + 1):
                self._change(number)
        except BaseException as err:  # noqa: BLE001 raised again where the verdict is
            self.error = err

    def _change(self, number: int) -> None:
        at_s = number * TRAFFIC_S / (SWAPS + 2)
        time.sleep(max(0.0, self._began + at_s - time.monotonic()))
        versions = self._place.versions
        version = versions["second" if number % 2 else "champion"]
        self.swaps_s.append(self._place.swap(version))
        if number == SWAPS // 2:
            self.refusal = self._place.name_bad(versions["bad"], version)
            self._place.swap(version)
        elif number == SWAPS - 2:
            self.mlflow_back_s = self._place.restart_mlflow()

    def go_on(self) -> bool:
        """Whether callers shall: for the time that was asked for, and until all is changed."""
        return self.is_alive() or (
            self.error is None and time.monotonic() - self._began < TRAFFIC_S
        )


def test_no_answer_fails_while_champions_change(place: BehindProxy, table: Table) -> None:
    groups = [
        Callers(8, place.of_endpoint(), 0.1),
        Callers(2, place.of_airflow(), 0.5),
        Callers(2, place.of_mlflow(), 0.5),
    ]
    before = {s: place.memory(s) for s in ("serving", "proxy")}
    began, changes = time.monotonic(), Changes(place)
    changes.start()
    answers = asyncio.run(call(groups, place.trusted, changes.go_on))
    took = time.monotonic() - began
    after = {s: place.memory(s) for s in before}
    write_down(table, answers, took, changes)
    table.figure(
        "traffic: memory at begin and end", {s: f"{before[s]}; {after[s]}" for s in before}
    )
    if changes.error is not None:
        raise changes.error
    assert len(changes.swaps_s) == SWAPS and changes.refusal
    assert answers.failed == {}
    assert set(answers.seconds) == {ask.route for group in groups for ask in group.asks}


def write_down(table: Table, answers: Answers, took_s: float, changes: Changes) -> None:
    """Figures by route, and the row of the table."""
    for route, text in answers.text().items():
        table.figure(f"traffic: {route}", text)
    happened = (
        f"{answers.total} answers, {answers.failed.total()} failed; {answers.limited} times 429; "
        f"{answers.away} pages of MLflow 503 while it was restarted, "
        f"{changes.mlflow_back_s:.0f} s; "
        f"champion taken after {quantile(changes.swaps_s, 1.0):.0f} s at most; "
        f"the bad one: {changes.refusal or 'not met'}"
    )
    fault = (
        f"{took_s:.0f} s of mixed traffic, {len(changes.swaps_s)} swaps, one bad candidate, "
        "MLflow restarted"
    )
    lost = "; ".join(f"{n} x {what}" for what, n in answers.failed.most_common(8)) or "nothing"
    table.add(Row(fault, happened, changes.mlflow_back_s, lost))


def test_too_many_callers_are_refused_at_once_and_then_all_is_as_before(
    place: BehindProxy, table: Table
) -> None:
    since, until_s = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}", time.monotonic() + OVERLOAD_S
    # A 503 is as right as a 429 here.
    asks = [replace(a, may_be_away=lambda: True) for a in place.of_endpoint() if a.method == "POST"]
    answers = asyncio.run(
        call(
            [Callers(TOO_MANY_CALLERS, asks, 0.5)],
            place.trusted,
            lambda: time.monotonic() < until_s,
        )
    )
    logged = place.predictions_s(since)
    refused = [s for status in (429, 503) for s in logged.get(status, [])]
    took = until("it serves as before", lambda: bool(place.get("/forecast")["rows"]), 60)
    everything = [s for found in answers.seconds.values() for s in found]
    statuses = ", ".join(f"{n} x {status}" for status, n in sorted(answers.statuses.items()))
    happened = (
        f"{statuses}; as callers saw it: {spread(everything)}; refused, by the proxy's log: "
        f"{spread(refused)}; served, by that log: {spread(logged.get(200, []))}"
    )
    lost = "; ".join(f"{n} x {what}" for what, n in answers.failed.most_common(8)) or "nothing"
    table.add(
        Row(f"{TOO_MANY_CALLERS} callers at once for {OVERLOAD_S:.0f} s", happened, took, lost)
    )
    assert answers.failed == {}
    assert "429" in answers.statuses and "200" in answers.statuses
    assert max(refused) <= REFUSED_WITHIN_S
    assert quantile(logged[200], 0.99) <= SERVED_WITHIN_S
