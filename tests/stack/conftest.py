"""The stack of the profiles workers and s3, brought up once and broken again and again.

Outside the default run (`make stack-test`): it builds images and takes hours. Settings:
DENGUARD_STACK_OVERRIDE, a compose file of this place; DENGUARD_STACK_BUILD=0, the images are there;
DENGUARD_STACK_KEEP=1, leave it up; DENGUARD_STACK_FOLDER, go on with one that was left up, whose
key of the endpoint is DENGUARD_STACK_KEY; DENGUARD_STACK_PROJECT and DENGUARD_STACK_PORTS, another
name and ports; DENGUARD_STACK_TRAFFIC_S, seconds of the mixed traffic (600);
DENGUARD_STACK_TABLE, where the table goes as JSON.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.stack.engine import ROOT, Stack, engine_is_there, key_of
from support.stack.table import Table

_PORT_NAMES = tuple(f"PROXY_{n}_PORT" for n in ("HTTP", "HTTPS", "AIRFLOW", "MLFLOW", "GRAFANA"))
_PORTS = os.environ.get("DENGUARD_STACK_PORTS", "28080,24443,28443,29443,20443")
PORTS = dict(zip(_PORT_NAMES, _PORTS.split(","), strict=True))


@pytest.fixture(scope="session")
def table() -> Iterator[Table]:
    """What this run saw; printed at its end, whatever happened."""
    default = ROOT / "artifacts" / "stack-test" / "table.json"
    made = Table(Path(os.environ.get("DENGUARD_STACK_TABLE", default)))
    yield made
    sys.stderr.write(f"\n{made.text()}\n\nwritten to {made.file}\n")


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    """An installation that is laid out; the first test brings it up."""
    if why := engine_is_there():
        pytest.skip(f"no Docker engine with Compose: {why}")
    if standing := os.environ.get("DENGUARD_STACK_FOLDER"):
        key = os.environ.get("DENGUARD_STACK_KEY") or key_of(Path(standing))
        yield Stack(Path(standing), PORTS, key)
        return
    folder = tempfile.mkdtemp(prefix="denguard-stack-")
    made = Stack(Path(folder), PORTS)
    made.lay_out()
    yield made
    if os.environ.get("DENGUARD_STACK_KEEP") != "1":
        made.compose("--profile", "*", "down", "-v", timeout_s=600, check=False)
        shutil.rmtree(folder)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> None:
    """In the place of the fixture for all tests: containers have addresses of a bridge."""
