"""A deployment that the first version made, for each test its own."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.first_home import live_in, unpack_first_home


@pytest.fixture
def first_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The home as the first version left it; DENGUARD_HOME names it."""
    home = unpack_first_home(tmp_path / "home")
    live_in(home, monkeypatch)
    return home
