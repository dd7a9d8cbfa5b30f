"""A remote with three bulletins on it, published once a worker and never changed by a test."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from support.planted_versions import Planted, planted_in


@pytest.fixture(scope="session")
def planted(tmp_path_factory: pytest.TempPathFactory) -> Planted:
    return planted_in(tmp_path_factory.mktemp("deployment"))


@pytest.fixture
def spoilt(planted: Planted, tmp_path: Path) -> Path:
    """A copy of the remote that a test may spoil."""
    return Path(shutil.copytree(planted.remote, tmp_path / "remote"))
