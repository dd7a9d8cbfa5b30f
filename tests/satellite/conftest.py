"""The loopback catalogue, and a call that fetches from it."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.publisher import serving
from support.stac import SceneFetcher, StacSite


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[StacSite]:
    monkeypatch.delenv("DENGUARD_STAC_TOKEN", raising=False)
    site = StacSite()
    with serving(site):
        yield site


@pytest.fixture
def fetch(site: StacSite, tmp_path: Path) -> SceneFetcher:
    return SceneFetcher(site, tmp_path / "scenes")
