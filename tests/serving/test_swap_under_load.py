"""The endpoint in processes of its own, under load, while champions come, go and turn out bad."""

from __future__ import annotations

import asyncio
import hashlib
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
import numpy as np
import pytest

from pipelines.config import DeploymentPaths
from pipelines.contracts import CHAMPION, COVARIATE_NAMES, PREVIOUS
from pipelines.errors import DeployError
from pipelines.fusion.bundle import DESCRIPTION, GOLDEN, Bundle, load_bundle, write_bundle
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.predict import predict_rows, predict_vectors
from pipelines.inference.prediction_log import logged_days, read_day
from pipelines.inference.vectors import VectorInput
from pipelines.registry.aliases import read_aliases, set_champion
from pipelines.registry.deploy import deploy
from pipelines.registry.lookup import fetch_bundle, get_version
from pipelines.registry.register import register_bundle
from pipelines.run.outputs import SERVING
from pipelines.storage import read_json, sha256_file, write_json

KEY = "a-key-for-tests"
HEADERS = {"Authorization": f"Bearer {KEY}"}
CONNECTIONS = 8
log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Endpoint:
    """A running uvicorn and where it is."""

    url: str
    process: subprocess.Popen[bytes]


@contextmanager
def endpoint(home: Path, workers: int, poll_s: float) -> Iterator[Endpoint]:
    """The command that a deployment runs, killed in the end if it is still there."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    command = [
        "uvicorn",
        "--factory",
        "serving.app:create_app",
        "--port",
        str(port),
        "--workers",
        str(workers),
        "--no-access-log",
        "--timeout-graceful-shutdown",
        "10",
    ]
    environment = {
        **os.environ,
        "DENGUARD_HOME": str(home),
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
        "DENGUARD_POLL_S": str(poll_s),
    }
    with (home / "endpoint.log").open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, "-m", *command],
            env=environment,
            stdout=out,
            stderr=out,
            start_new_session=True,
        )
    try:
        running = Endpoint(f"http://127.0.0.1:{port}", process)
        wait_until(lambda: is_ready(running), timeout_s=150)
        yield running
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait(timeout=20)


def is_ready(running: Endpoint) -> bool:
    assert running.process.poll() is None, "the endpoint ended"
    try:
        return httpx.get(f"{running.url}/health/ready", timeout=5).status_code == 200
    except httpx.TransportError:
        return False


def wait_until(so: Callable[[], bool], timeout_s: float) -> None:
    deadline = time.monotonic() + timeout_s
    while not so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.1)


@dataclass
class Load:
    """What several callers on kept connections were answered."""

    url: str
    bodies: dict[str, dict[str, Any]]
    answers: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    statuses: dict[int, int] = field(default_factory=dict)
    seconds: list[float] = field(default_factory=list)

    async def ask(self, at_least_s: float, change: Callable[[], None]) -> None:
        """Ask from all connections while `change` runs in a thread, and for so long at the
        least."""
        begun = time.monotonic()
        changing = asyncio.create_task(asyncio.to_thread(change))

        def going_on() -> bool:
            return not changing.done() or time.monotonic() - begun < at_least_s

        async with httpx.AsyncClient(base_url=self.url, headers=HEADERS, timeout=20) as client:
            callers = [self._call(client, going_on, i) for i in range(CONNECTIONS)]
            await asyncio.gather(*callers, self._look(client, going_on))
        await changing

    async def _call(self, client: httpx.AsyncClient, going_on: Callable[[], bool], i: int) -> None:
        kinds = list(self.bodies)
        while going_on():
            kind = kinds[i % len(kinds)]
            i += 1
            start = time.perf_counter()
            response = await client.post("/predictions", json=self.bodies[kind])
            self.seconds.append(time.perf_counter() - start)
            self._count(response.status_code)
            self.answers.append((kind, response.json()["predictions"][0]))

    async def _look(self, client: httpx.AsyncClient, going_on: Callable[[], bool]) -> None:
        while going_on():
            self._count((await client.get("/health/ready")).status_code)
            await asyncio.sleep(0.05)

    def _count(self, status: int) -> None:
        self.statuses[status] = self.statuses.get(status, 0) + 1


def bodies_of(row: dict[str, Any]) -> dict[str, dict[str, Any]]:
    covariates = {name: 0.5 for name in COVARIATE_NAMES}
    vector = {"municipality_code": "05360", "horizon_weeks": 1, "covariates": covariates}
    return {"row": {"rows": [row]}, "vector": {"vectors": [vector]}}


def expected(paths: DeploymentPaths, version: str, row: dict[str, Any]) -> dict[str, float]:
    """What the version's bundle gives for the two bodies, without any endpoint."""
    bundle = load_bundle(fetch_bundle(version, paths=paths))
    (of_row,) = predict_rows(bundle, [PredictionRow.model_validate(row)])
    vector = VectorInput("05360", {name: 0.5 for name in COVARIATE_NAMES})
    (of_vector,) = predict_vectors(bundle, [(1, vector)])
    return {"row": of_row.probability, "vector": of_vector.probability}


def damaged(paths: DeploymentPaths, bundle: Bundle) -> str:
    """A version whose files are no longer those that were registered."""
    version = register_bundle(write_bundle(bundle, paths.artifacts / "made" / "damaged"), "weekly")
    stored = paths.artifacts / "mlflow" / "artifacts" / get_version(version).run_id
    weights = min(stored.rglob("linear.safetensors"))
    weights.write_bytes(weights.read_bytes()[:-7])
    return version


def of_other_numbers(paths: DeploymentPaths, bundle: Bundle) -> str:
    """A version that is whole, but gives other probabilities than its golden rows say."""
    folder = write_bundle(bundle, paths.artifacts / "made" / "other")
    golden = read_json(folder / GOLDEN)
    golden["rows"][0]["probability"] = {"1": 0.111, "4": 0.111}  # type: ignore[index]
    write_json(folder / GOLDEN, golden)
    described = read_json(folder / DESCRIPTION)
    described["files"][GOLDEN] = sha256_file(folder / GOLDEN)  # type: ignore[index]
    write_json(folder / DESCRIPTION, described)
    return register_bundle(folder, "weekly")


@pytest.mark.slow
@pytest.mark.parametrize(
    ("workers", "load_s", "poll_s", "spoil"),
    [(1, 20.0, 5.0, damaged), (2, 8.0, 1.0, of_other_numbers)],
    ids=["one worker", "two workers"],
)
def test_two_swaps_and_a_bad_bundle_under_load_lose_no_request(
    workers: int,
    load_s: float,
    poll_s: float,
    spoil: Callable[[DeploymentPaths, Bundle], str],
    deployment: Any,
    bundle_of: Callable[..., Bundle],
    row: dict[str, Any],
) -> None:
    paths: DeploymentPaths = deployment.paths
    sound = [deployment.register(bundle_of(bias=bias)) for bias in (-1.0, 0.3, 1.5)]
    bad = spoil(paths, bundle_of(bias=0.9))
    set_champion(sound[0])
    took: list[float] = []

    def change() -> None:
        time.sleep(1)
        for version in sound[1:]:
            assert deploy(version, running.url, paths=paths).endpoint == SERVING
            time.sleep(poll_s)  # every worker takes it
        begun = time.monotonic()
        with pytest.raises(DeployError):
            deploy(bad, running.url, paths=paths)
        took.append(time.monotonic() - begun)
        wait_until(lambda: not httpx.get(f"{running.url}/model").json()["candidate_error"], 30)
        took.append(time.monotonic() - begun)

    with endpoint(paths.home, workers, poll_s) as running:
        load = Load(running.url, bodies_of(row))
        asyncio.run(load.ask(load_s, change))
        os.killpg(running.process.pid, signal.SIGKILL)

    assert set(load.statuses) == {200}
    assert took[-1] < 30
    now = read_aliases(paths)
    assert (now[CHAMPION], now[PREVIOUS]) == (sound[2], sound[1])
    wanted = {get_version(v).bundle_id: expected(paths, v, row) for v in sound}
    assert {answer["bundle_id"] for _, answer in load.answers} == set(wanted)
    for kind, answer in load.answers:
        assert answer["probability"] == pytest.approx(wanted[answer["bundle_id"]][kind], abs=1e-9)
    assert_all_in_the_log(paths, load, workers)
    p50, p99 = (1000 * float(np.quantile(load.seconds, q)) for q in (0.5, 0.99))
    log.info(
        "%d answers, p50 %.1f ms, p99 %.1f ms, worst %.0f ms; refused after %.1f s, quiet after "
        "%.1f s",
        len(load.answers),
        p50,
        p99,
        1000 * max(load.seconds),
        *took,
    )


def assert_all_in_the_log(paths: DeploymentPaths, load: Load, workers: int) -> None:
    """The workers were killed: what was answered is in their log all the same, and not torn."""
    days = logged_days(paths)
    lines = {a.trace_id: a for day in days for a in read_day(paths, day, damaged=[])}
    seen = {answer["trace_id"]: answer for _, answer in load.answers}
    assert seen.keys() <= lines.keys()
    for trace_id, answer in seen.items():
        (logged,) = lines[trace_id].predictions
        assert (lines[trace_id].bundle_id, logged.probability) == (
            answer["bundle_id"],
            answer["probability"],
        )
    files = [p for day in days for p in (paths.artifacts / "predictions" / str(day)).iterdir()]
    assert 1 <= len({path.name for path in files}) <= workers  # callers may all meet one of them


def test_a_request_that_is_under_way_when_the_endpoint_is_ended_is_answered_and_logged(
    deployment: Any, bundle_of: Callable[..., Bundle], row: dict[str, Any]
) -> None:
    deployment.promote(bundle_of())
    body = json.dumps({"rows": [row] * 100}).encode()
    head = [
        "POST /predictions HTTP/1.1",
        "Host: x",
        f"Authorization: Bearer {KEY}",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Expect: 100-continue",
        "",
        "",
    ]

    with (
        endpoint(deployment.paths.home, workers=1, poll_s=1) as running,
        socket.create_connection(("127.0.0.1", httpx.URL(running.url).port or 0), 30) as wire,
    ):
        wire.sendall("\r\n".join(head).encode())
        assert wire.recv(1000).startswith(b"HTTP/1.1 100")  # the body is waited for
        running.process.terminate()
        time.sleep(0.5)
        wire.sendall(body)
        answered = wire.makefile("rb").read()  # to the end of the connection
        running.process.wait(timeout=20)

    reply = json.loads(answered.partition(b"\r\n\r\n")[2])
    assert answered.startswith(b"HTTP/1.1 200")
    (day,) = logged_days(deployment.paths)
    (line,) = read_day(deployment.paths, day)
    assert line.trace_id == reply["trace_id"]
    assert len(line.predictions) == len(reply["predictions"]) == 100
