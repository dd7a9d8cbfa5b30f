"""A small SatelliteBench on loopback; the same folders and page form as PhysioNet's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from support.publisher import (
    LICENSE,
    ROOT,
    SCENES,
    SIZES,
    Fetcher,
    Site,
    page,
    publish,
    serving,
)


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PHYSIONET_USERNAME", "PHYSIONET_PASSWORD", "DATAVERSE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(bodies={f"{ROOT}LICENSE.txt": LICENSE})
    site.bodies[f"{ROOT}10_municipalities/"] = page("10/", {"images": None})
    site.bodies[f"{ROOT}10_municipalities/images/"] = page("10/images/", {"8001": None})
    site.folder(SCENES, page("10/images/8001/", dict(SIZES)))
    publish(site)
    with serving(site):
        yield site


@pytest.fixture
def bring(site: Site, tmp_path: Path) -> Fetcher:
    return Fetcher(site, tmp_path / "data")
