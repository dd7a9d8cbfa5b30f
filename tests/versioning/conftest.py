"""A remote with three bulletins on it, published once a worker and never changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from versioning.planted import Planted, plant


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    home = tmp_path_factory.mktemp("deployment")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DENGUARD_HOME", str(home))
        patch.setenv("DENGUARD_DVC_REMOTE", str(home / "remote"))
        return plant(home, str(home / "remote"))


@pytest.fixture
def spoilt(planted: Planted, tmp_path: Path) -> Path:
    """A copy of the remote that a test may spoil."""
    return Path(shutil.copytree(planted.remote, tmp_path / "remote"))
