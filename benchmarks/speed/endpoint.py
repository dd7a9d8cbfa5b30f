"""The endpoint on one worker beside `mlflow models serve` on the same bundle, and its cold start.

Both are asked by the same loader from a process of its own, in turn.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from statistics import median

from benchmarks.speed.endpoint_home import FUSED, Home, fields, make_home, ours, rivals
from benchmarks.speed.endpoint_load import Load, load
from benchmarks.speed.endpoint_server import Server, bare_server, mlflow_serve, our_endpoint
from benchmarks.speed.row import Bound, Row
from benchmarks.speed.side_by_side import wait_until_quiet
from pipelines.contracts import LINEAR

_CONNECTIONS = (1, 8, 32)
_ROUNDS, _STARTS = 3, 2
_SECONDS = 2.0
_PROMPTS = 200  # new ones in the round of new prompts
_RIVAL = "mlflow models serve, 1 worker, the same bundle, loader and machine"


def rows() -> list[Row]:
    """Some two minutes and a half."""
    logging.getLogger("mlflow").setLevel(logging.WARNING)
    with tempfile.TemporaryDirectory(prefix="denguard-bench-") as folder:
        home = make_home(Path(folder))
        return [*_cold(home), *_asked(home)]


def _cold(home: Home) -> Iterator[Row]:
    """From the start of the process to the first answer, and memory then; a bundle that was fetched
    before, as after any restart."""
    for head, name, goal in ((LINEAR, "linear", 2.0), (FUSED, "fused", 3.0)):
        home.let_serve(head)
        found = [_started(home) for _ in range(_STARTS + 1)][1:]  # the first fetches the bundle
        seconds, megabytes = median(s for s, _ in found), median(m for _, m in found)
        note = "before its encoders are loaded" if head == FUSED else ""
        yield Row(
            f"endpoint, cold start, {name} champion",
            "s",
            seconds,
            goal=goal,
            goal_is="at most",
            note=note,
        )
        yield Row(
            f"endpoint, resident memory after the first answer, {name} champion",
            "MB",
            megabytes,
            goal=200.0 if head == LINEAR else None,
            goal_is="at most",
            note=note,
        )


def _started(home: Home) -> tuple[float, float]:
    wait_until_quiet()
    with our_endpoint(home.paths.home) as server:
        return server.started_s, server.megabytes


def _asked(home: Home) -> Iterator[Row]:
    """Answers a second under a fused champion. Its encoders are loaded before anything is timed."""
    home.let_serve(FUSED)
    row = home.vectors()
    with (
        our_endpoint(home.paths.home) as mine,
        mlflow_serve(home.model_folder(FUSED)) as theirs,
        bare_server() as bare,
    ):
        load(mine.port, mine.path, [fields(_PROMPTS + 1)], 1, _SECONDS)
        for connections in _CONNECTIONS:
            yield from _beside(
                connections,
                partial(_load, mine, [ours(row)], connections),
                partial(_load, theirs, [rivals(row)], connections),
                _load(bare, [ours(row)], connections),
            )
        yield from _fields(mine)


def _load(server: Server, bodies: Sequence[bytes], connections: int) -> Load:
    return load(server.port, server.path, bodies, connections, _SECONDS)


def _beside(
    connections: int, mine: Callable[[], Load], theirs: Callable[[], Load], bare: Load
) -> Iterator[Row]:
    own: list[Load] = []
    other: list[Load] = []
    for number in range(_ROUNDS):
        wait_until_quiet()
        turns = [(mine, own), (theirs, other)]
        for ask, into in turns if number % 2 == 0 else reversed(turns):
            into.append(ask())
    work = f"a row of vectors under a fused champion, {connections} connections"
    reached = median(one.rate for one in own)
    yield _row(
        f"endpoint, {work}",
        "answers/s",
        [one.rate for one in own],
        [one.rate for one in other],
        "ours / rival's",
        10.0,
        "at least",
        f"the web server alone: {bare.rate:,.0f} answers/s; reached {reached / bare.rate:.0%}",
    )
    yield _row(
        f"endpoint, p99 of {work}",
        "s",
        [one.p99 for one in own],
        [one.p99 for one in other],
        "our time / rival's",
        0.25,
        "at most",
        f"the web server alone: {bare.p99 * 1e3:.2f} ms",
    )


def _row(
    work: str,
    unit: str,
    own: Sequence[float],
    other: Sequence[float],
    ratio_is: str,
    goal: float,
    goal_is: Bound,
    limit: str,
) -> Row:
    ratios = [a / b for a, b in zip(own, other, strict=True)]
    return Row(
        work,
        unit,
        median(own),
        median(other),
        _RIVAL,
        median(ratios),
        min(ratios),
        max(ratios),
        ratio_is,
        goal,
        goal_is,
        limit,
    )


def _fields(mine: Server) -> Iterator[Row]:
    """Rows of fields; MLflow's server takes none."""
    again = [fields(cases) for cases in range(50)]
    load(mine.port, mine.path, again, 1, _SECONDS)  # each is encoded once
    known = median(_load(mine, again, 1).rate for _ in range(_ROUNDS))
    new = [fields(cases) for cases in range(1000, 1000 + _PROMPTS)]
    yield Row(
        "endpoint, a row of fields under a fused champion, 50 prompts asked before",
        "answers/s",
        known,
        goal=150.0,
        note="their vectors are kept; the rows are computed each time",
    )
    yield Row(
        "endpoint, a row of fields under a fused champion, each prompt new",
        "answers/s",
        _load(mine, new, 1).rate,
        limit="the text encoder: one prompt at a time, one thread",
    )
