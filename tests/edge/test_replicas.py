"""Two replicas by one name: one may go and come back, and nobody's request fails."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import httpx
import pytest
from support.edge import Edge, NameServer, Replica, edge, free_port

pytestmark = pytest.mark.timeout(300)


@pytest.fixture
def replicas(tmp_path: Path) -> Iterator[list[Replica]]:
    """Two, on two addresses of this machine and one port."""
    port = free_port("127.0.0.2")
    both = [Replica(f"127.0.0.{last}", port, tmp_path / "open").start() for last in (2, 3)]
    yield both
    for one in both:
        one.kill()


@pytest.fixture
def balanced(open_folder: Path, replicas: list[Replica], names: NameServer) -> Iterator[Edge]:
    """A proxy that finds them by name."""
    names.addresses = [one.host for one in replicas]
    with edge(
        open_folder, f"serving.test:{replicas[0].port}", RESOLVER=f"127.0.0.1:{names.port}"
    ) as running:
        yield running


@dataclass
class Traffic:
    """Asks without a pause from several threads: forecasts and predictions in turn."""

    proxy: Edge
    answers: list[tuple[int, str]] = field(default_factory=list)
    stopped: threading.Event = field(default_factory=threading.Event)
    more: threading.Condition = field(default_factory=threading.Condition)

    def run(self, threads: int = 6) -> list[threading.Thread]:
        """Start it."""
        started = [threading.Thread(target=self._ask) for _ in range(threads)]
        for one in started:
            one.start()
        return started

    def after(self, count: int) -> list[tuple[int, str]]:
        """The next so many answers."""
        begun = len(self.answers)
        with self.more:
            assert self.more.wait_for(lambda: len(self.answers) >= begun + count, 240)
        return self.answers[begun:]

    def _ask(self) -> None:
        with self.proxy.client() as client:
            while not self.stopped.is_set():
                for answer in (
                    client.get(self.proxy.url("/forecast")),
                    client.post(self.proxy.url("/predictions"), content=b"{}"),
                ):
                    self._keep(answer)

    def _keep(self, answer: httpx.Response) -> None:
        who = answer.json()["who"] if answer.status_code == 200 else ""
        with self.more:
            self.answers.append((answer.status_code, who))
            self.more.notify_all()


def test_a_replica_killed_in_the_middle_of_traffic_costs_no_answer(
    balanced: Edge, replicas: list[Replica]
) -> None:
    traffic = Traffic(balanced)
    threads = traffic.run()
    try:
        both = {who for _, who in traffic.after(60)}
        replicas[0].kill()
        alone = {who for _, who in traffic.after(100)[50:]}
        replicas[0].start()
        again = {who for _, who in traffic.after(200)}
    finally:
        traffic.stopped.set()
        for one in threads:
            one.join()
    assert Counter(status for status, _ in traffic.answers).keys() == {200}
    assert both == {"127.0.0.2", "127.0.0.3"}
    assert alone == {"127.0.0.3"}
    assert again == both


def test_a_replica_under_a_new_address_is_found_and_the_old_one_forgotten(
    balanced: Edge, replicas: list[Replica], names: NameServer
) -> None:
    with balanced.client() as client:
        assert client.get(balanced.url("/forecast")).status_code == 200
        moved = Replica("127.0.0.4", replicas[0].port, replicas[0].gate).start()
        try:
            names.addresses = [moved.host]
            for one in replicas:
                one.kill()
            who = ""
            while who != moved.host:  # for two seconds the old addresses may be asked in vain
                answer = client.get(balanced.url("/forecast"))
                who = answer.json().get("who", "")
        finally:
            moved.kill()


def test_what_one_replica_has_no_place_for_the_other_answers(
    balanced: Edge, replicas: list[Replica]
) -> None:
    with balanced.client() as client:
        asked = [
            client.post(balanced.url("/predictions"), content=f"busy {replicas[0].host}")
            for _ in range(10)
        ]
    assert {(one.status_code, one.json()["who"]) for one in asked} == {(200, replicas[1].host)}


def test_with_no_replica_the_answer_says_so_at_once(
    balanced: Edge, replicas: list[Replica]
) -> None:
    for one in replicas:
        one.kill()
    with balanced.client() as client:
        answer = client.get(balanced.url("/forecast"))
        page = client.get(balanced.url("/", "AIRFLOW"))
    assert answer.status_code == 503
    assert answer.json()["type"] == "urn:denguard:problem:endpoint-away"
    assert answer.headers["retry-after"] == "5"
    assert (page.status_code, "may be starting" in page.text) == (503, True)
