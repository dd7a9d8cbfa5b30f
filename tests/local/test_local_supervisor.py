"""The real services: up, up again, one killed, up again, down. About a minute."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from pipelines.config import DeploymentPaths
from pipelines.local import supervisor
from pipelines.local.layout import Layout
from pipelines.local.processes import marked
from pipelines.local.services import load_state


@pytest.fixture
def paths(home: Path) -> Iterator[DeploymentPaths]:
    made = DeploymentPaths(home=home)
    yield made
    supervisor.down(made)


def pids(paths: DeploymentPaths) -> dict[str, int]:
    return {n: p.pid for n, p in load_state(Layout(paths)).processes.items()}


@pytest.mark.slow
@pytest.mark.e2e
def test_services_start_once_are_repaired_and_leave_nothing(
    paths: DeploymentPaths, capsys: pytest.CaptureFixture[str]
) -> None:
    services = supervisor.up(paths)
    first, output = pids(paths), capsys.readouterr().out
    assert services.urls["airflow"] in output
    assert str(services.layout.api_key_file) in output
    assert services.secrets.api_key not in output
    listening = {
        c.laddr.ip
        for p in marked(str(services.layout.local))
        for c in p.net_connections()
        if c.status == psutil.CONN_LISTEN
    }
    assert listening == {"127.0.0.1"}

    supervisor.up(paths)
    assert "already running" in capsys.readouterr().out
    assert pids(paths) == first

    os.kill(first["scheduler"], signal.SIGKILL)
    psutil.wait_procs([psutil.Process(first["scheduler"])], timeout=10)
    supervisor.up(paths)
    assert "scheduler was gone; starting it again" in capsys.readouterr().out
    changed = {name for name, pid in pids(paths).items() if pid != first[name]}
    assert changed == {"scheduler"}
    schedulers = [p for p in marked(str(services.layout.local), "scheduler")]
    assert first["scheduler"] not in {p.pid for p in schedulers}
    health = httpx.get(f"{services.urls['endpoint']}/health/ready", timeout=10, trust_env=False)
    assert health.status_code == 503

    assert supervisor.down(paths) >= 6
    assert marked(str(services.layout.local)) == []
    assert supervisor.status(paths) is False
