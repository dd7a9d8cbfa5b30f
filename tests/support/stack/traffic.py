"""Callers of everything behind the proxy at once, and what each was answered."""

from __future__ import annotations

import asyncio
import math
import ssl
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field

import httpx

TOO_MANY = 429
_TIMEOUT_S = 60.0
_SHOWN = 160


@dataclass(frozen=True)
class Ask:
    """One kind of request.

    Attributes:
        route: its name in the table.
        may_be_away: whether what is behind it is away just now; then the proxy's 503 is right.
    """

    route: str
    url: str
    method: str = "GET"
    headers: Mapping[str, str] = field(default_factory=dict)
    json: object = None
    may_be_away: Callable[[], bool] = lambda: False


@dataclass
class Answers:
    """Of many callers: by route how many of which kind and how long each took, in seconds."""

    seconds: dict[str, list[float]] = field(default_factory=dict)
    statuses: Counter[str] = field(default_factory=Counter)
    failed: Counter[str] = field(default_factory=Counter)
    limited: int = 0
    away: int = 0

    def took(self, route: str, seconds: float) -> None:
        self.seconds.setdefault(route, []).append(seconds)

    def count(self, ask: Ask, answer: httpx.Response, away: bool) -> None:
        """File an answer: anything but 2xx, and 429 by the limit that is stated, has failed."""
        status = answer.status_code
        self.statuses[str(status)] += 1
        if status == TOO_MANY:
            self.limited += 1
        elif status == httpx.codes.SERVICE_UNAVAILABLE and away:
            self.away += 1
        elif not answer.is_success:
            self.failed[f"{ask.route}: {status} {answer.text[:_SHOWN].strip()}"] += 1

    @property
    def total(self) -> int:
        return sum(len(found) for found in self.seconds.values())

    def text(self) -> dict[str, str]:
        """Route -> how many answers, p50, p99 and the longest in milliseconds."""
        return {route: spread(found) for route, found in sorted(self.seconds.items())}


def quantile(seconds: Sequence[float], q: float) -> float:
    """The smallest value that a share q of them does not exceed; 0 of none."""
    ranked = sorted(seconds)
    return ranked[max(0, math.ceil(q * len(ranked)) - 1)] if ranked else 0.0


def spread(seconds: Sequence[float]) -> str:
    """In words."""
    p50, p99, most = (1000 * quantile(seconds, q) for q in (0.5, 0.99, 1.0))
    return f"{len(seconds)} answers, p50 {p50:.0f} ms, p99 {p99:.0f} ms, longest {most:.0f} ms"


@dataclass(frozen=True)
class Callers:
    """Some callers of one kind: each asks for the asks in turn and rests between two.

    Attributes:
        rest_s: between an answer and the next question.
    """

    count: int
    asks: Sequence[Ask]
    rest_s: float


async def call(
    groups: Sequence[Callers], trusted: ssl.SSLContext, going_on: Callable[[], bool]
) -> Answers:
    """What all callers, each on a kept connection of its own, were answered."""
    answers = Answers()
    each = [(group, i) for group in groups for i in range(group.count)]
    await asyncio.gather(*(_one(group, i, trusted, going_on, answers) for group, i in each))
    return answers


async def _one(
    group: Callers, i: int, trusted: ssl.SSLContext, going_on: Callable[[], bool], answers: Answers
) -> None:
    async with httpx.AsyncClient(verify=trusted, timeout=_TIMEOUT_S, trust_env=False) as client:
        while going_on():
            ask = group.asks[i % len(group.asks)]
            i += 1
            await _ask(client, ask, answers)
            await asyncio.sleep(group.rest_s)


async def _ask(client: httpx.AsyncClient, ask: Ask, answers: Answers) -> None:
    away, began = ask.may_be_away(), time.monotonic()
    try:
        answer = await client.request(ask.method, ask.url, headers=dict(ask.headers), json=ask.json)
    except httpx.TransportError as err:
        answers.failed[f"{ask.route}: no answer, {type(err).__name__}"] += 1
        return
    answers.took(ask.route, time.monotonic() - began)
    answers.count(ask, answer, away or ask.may_be_away())
