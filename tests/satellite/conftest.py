"""The loopback catalogue, and a week of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from support.publisher import serving
from support.stac import StacSite


@pytest.fixture
def site(monkeypatch: pytest.MonkeyPatch) -> Iterator[StacSite]:
    monkeypatch.delenv("DENGUARD_STAC_TOKEN", raising=False)
    site = StacSite()
    with serving(site):
        yield site
