"""A second host does the heavy work of the first, and the way between the two is cut meanwhile."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack import run as weekly
from support.stack.engine import PROJECT, Stack, until
from support.stack.second import LINK, OVERLAYS, WORKER, SecondHost, bridge_port, places
from support.stack.table import Row, Table

pytestmark = [pytest.mark.stack, pytest.mark.timeout(2 * 3600)]
LIGHT, HEALTHY_S, CUT_S = "worker-default", 600, 60


@pytest.fixture(scope="module")
def second(stack: Stack) -> Iterator[SecondHost]:
    """The other host, whose worker is the only one of the queue cpu-heavy."""
    before, was = (stack.folder / ".env").read_text(encoding="utf-8"), stack.settings
    address = bridge_port(stack)
    made = SecondHost(Path(tempfile.mkdtemp(prefix="denguard-second-")), {})
    made.project = f"{PROJECT}-second"
    stack.settings = {**was, "LINK_PORT": address}
    stack.as_root("init", "--with", ",".join(OVERLAYS))
    stack.compose("up", "-d", "--no-build", "--no-deps", LINK)
    stack.compose("stop", WORKER)
    made.bring(stack, address)
    yield made
    if os.environ.get("DENGUARD_STACK_KEEP") != "1":
        made.compose("down", "-v", timeout_s=600, check=False)
        shutil.rmtree(made.folder)
    stack.compose("rm", "-sf", LINK)
    (stack.folder / ".env").write_text(before, encoding="utf-8")
    stack.settings = was
    stack.compose("start", WORKER)
    until("the first host's worker is healthy", lambda: stack.healthy(WORKER), HEALTHY_S)


def all_there(stack: Stack, second: SecondHost, run_id: str) -> str:
    """How many heavy tasks a run had; each of them ran on the second host."""
    found = places(stack, run_id)
    here = second.container(WORKER)
    elsewhere = [place for place in found if not here.startswith(place.host)]
    assert found and not elsewhere, elsewhere
    return f"{len(found)} heavy tasks, all on the second host"


def test_its_worker_does_the_heavy_work_by_one_port(
    stack: Stack, second: SecondHost, table: Table
) -> None:
    before = weekly.forecasts(stack, LIGHT)
    began = time.monotonic()
    second.compose("up", "-d", "--no-build", timeout_s=HEALTHY_S)
    until("the second host's worker is healthy", lambda: second.healthy(WORKER), HEALTHY_S)
    up = time.monotonic() - began
    assert second.networks(WORKER) == {f"{second.project}_inside": True}
    weekly.begin(stack, "second-host")
    weekly.until_done(stack, "second-host")
    happened = f"{all_there(stack, second, 'second-host')}; run green"
    lost = weekly.lost(before, weekly.forecasts(stack, LIGHT), ())
    table.add(Row("the heavy worker moves to a second host, by one TLS port", happened, up, lost))


def test_the_way_to_it_is_cut_during_train(stack: Stack, second: SecondHost, table: Table) -> None:
    before = weekly.forecasts(stack, LIGHT)
    weekly.begin(stack, "cut-link")
    weekly.until_running(stack, "cut-link", "train")
    began = time.monotonic()
    second.cut()
    assert not second.reaches()
    time.sleep(CUT_S)
    second.mend()
    until("the second host reaches the first", second.reaches, HEALTHY_S)
    took = time.monotonic() - began
    weekly.until_done(stack, "cut-link")
    tries = [f"{task} ({n} tries)" for task, n in weekly.tries_of(stack, "cut-link").items()]
    lost = weekly.lost(before, weekly.forecasts(stack, LIGHT), tries)
    happened = f"{all_there(stack, second, 'cut-link')}; run green"
    table.add(Row(f"second host's way cut for {CUT_S} s during train", happened, took, lost))
