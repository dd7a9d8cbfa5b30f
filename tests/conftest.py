"""What every test gets: no network but loopback, its own home folder, and the real data if
given."""

from __future__ import annotations

import gc
import os
import shutil
import socket
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from filelock import FileLock
from xdist.scheduler import LoadScopeScheduling

from pipelines.registry import database

# Set before any room imports a library that would call home or look for a hub.
os.environ.setdefault("HF_HUB_OFFLINE", "1")
os.environ.setdefault("GX_ANALYTICS_ENABLED", "false")
os.environ.setdefault("DO_NOT_TRACK", "1")
os.environ.setdefault("MLFLOW_ALLOW_PICKLE_DESERIALIZATION", "false")
os.environ.setdefault("OMP_NUM_THREADS", "1")

# Fixtures of several folders: `s3`, `postgres`, a deployment after one run, three versions.
pytest_plugins = (
    "support.postgres_databases",
    "support.registries",
    "support.s3",
    "support.tabular",
)

_connect = socket.socket.connect


def _connect_on_loopback_only(self: socket.socket, address: Any) -> None:
    host = address[0] if isinstance(address, tuple) else ""
    loopback = host in {"localhost", "::1"} or str(host).startswith("127.")
    if self.family != socket.AF_UNIX and not loopback:
        raise OSError(f"tests have no network; something tried to reach {host}")
    _connect(self, address)


@pytest.fixture(autouse=True, scope="session")
def _no_network() -> Any:
    patch = pytest.MonkeyPatch()
    patch.setattr(socket.socket, "connect", _connect_on_loopback_only)
    yield
    patch.undo()


@pytest.fixture(autouse=True)
def _process_as_it_was() -> Any:
    """What a command sets for its own process must not reach the next test of this one: a command
    names MLflow's address in the environment."""
    environment = dict(os.environ)
    yield
    for name in set(os.environ) - set(environment):
        del os.environ[name]
    os.environ.update(environment)


@cache
def _newest_schema_read_once() -> None:
    """MLflow reads its seventy migrations whenever a registry is opened, to learn which is the
    newest; a process of tests opens hundreds."""
    from mlflow.store.db import utils

    utils._get_latest_schema_revision = cache(utils._get_latest_schema_revision)


@pytest.fixture(scope="session")
def make_registry(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Path], object]:
    """Writes an empty registry to a file: a copy of one that all processes of this session share,
    because MLflow's seventy migrations take two seconds each time."""
    base = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        base = base.parent
    migrated, make = base / "migrated.db", database.make

    def copied(file: Path) -> object:
        _newest_schema_read_once()
        with FileLock(base / "migrated.lock"):
            if not migrated.exists():
                part = base / "migrated.part"
                part.unlink(missing_ok=True)
                make(part)
                part.rename(migrated)
        return shutil.copyfile(migrated, file)

    return copied


@pytest.fixture(autouse=True, scope="session")
def _registries_are_copies(make_registry: Callable[[Path], object]) -> Any:
    """What a test does in this process copies; commands in processes of their own migrate."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(database, "make", make_registry)
        yield


@pytest.fixture(scope="session")
def empty_registry(
    tmp_path_factory: pytest.TempPathFactory, make_registry: Callable[[Path], object]
) -> Path:
    """The file of an empty registry."""
    file = tmp_path_factory.mktemp("registry") / "mlflow.db"
    make_registry(file)
    return file


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty deployment: data/ and artifacts/ of this test alone."""
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    monkeypatch.delenv("DENGUARD_ENDPOINT_URL", raising=False)
    return tmp_path


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of the real, public data; DENGUARD_REAL_DATA names it."""
    folder = os.environ.get("DENGUARD_REAL_DATA")
    if not folder or not Path(folder).is_dir():
        pytest.skip("set DENGUARD_REAL_DATA to the folder of real data to run this test")
    return Path(folder)


# Tests of one file run in one process, so that they share its fixtures; these share a finished run.
_TOGETHER = {
    "tests/e2e/test_restored.py": "cycle",
    "tests/e2e/test_whole_cycle.py": "cycle",
    "tests/e2e/test_power_cuts.py": "cuts",
    "tests/e2e/test_cycle_on_s3.py": "cuts",
}


# One process would still be at these when the other has nothing left to do, if they came last.
_LONG = (
    "tests/e2e/",
    "tests/versioning/",
    "tests/country_pack/",
    "tests/storage/",
    "tests/training/",
)


class _ByFile(LoadScopeScheduling):
    """Hands out whole files, long ones first. xdist's own groups are lost on pytest 9.2."""

    def _split_scope(self, nodeid: str) -> str:
        file = nodeid.split("::")[0]
        return _TOGETHER.get(file, file)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> LoadScopeScheduling | None:
    """What --dist loadgroup means here."""
    if config.getoption("dist") != "loadgroup":
        return None
    config.option.loadscopereorder = False  # by number of tests: the longest ones would come last
    return _ByFile(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Give whole cycles more time; where several processes share the work, what takes long comes
    first."""
    for item in items:
        if item.nodeid.startswith(
            "tests/e2e/"
        ):  # a cycle takes a minute, and five on a busy machine
            item.add_marker(pytest.mark.timeout(900))
    if hasattr(config, "workerinput"):
        items.sort(key=lambda item: not item.nodeid.startswith(_LONG))


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Leave what collecting loads to itself: a million objects that stay to the end, and that the
    garbage collector would walk through again and again, a second each time. Tests call it a
    seventieth as often as usual: what they make goes by its count of references."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.set_threshold(50_000, 20, 50)
        gc.enable()
