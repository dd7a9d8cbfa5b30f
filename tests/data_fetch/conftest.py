"""A small SatelliteBench on loopback; the same folders and page form as PhysioNet's."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from data_fetch.site import Site, page, serving

from pipelines.fetch import Fetched, fetch
from pipelines.fetch.web import Patience

HURRIED = Patience(connect_s=2, silence_s=0.5, pauses_s=(0.01,) * 3)
ROOT = "/satellitebench/1.0.0/"
SCENES = f"{ROOT}10_municipalities/images/8001/"
FIRST = SCENES + "image_2016-01-03.tiff"
SIZES = {
    "image_2016-01-03.tiff": 9_702,
    "image_2016-01-10.tiff": 9_638,
    "image_2016-01-17.tiff": 9_765,
}
LICENSE = b"Attribution. You may use these data if you say where they come from.\n"


@pytest.fixture(autouse=True)
def _no_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PHYSIONET_USERNAME", "PHYSIONET_PASSWORD", "DATAVERSE_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)


def publish(site: Site, sums: bool = True) -> None:
    """Put the pages, the licence and (as the publisher does) the list of hashes on the site."""
    scenes = {p.removeprefix(ROOT): n for p, n in site.sizes.items() if p.startswith(ROOT)}
    listed = site.sums(*(f"{ROOT.strip('/')}/{p}" for p in [*scenes, "LICENSE.txt"]))
    site.bodies[f"{ROOT}SHA256SUMS.txt"] = listed.replace(ROOT.strip("/").encode() + b"/", b"")
    files = {"LICENSE.txt": len(LICENSE)} | (
        {"SHA256SUMS.txt": len(site.bodies[f"{ROOT}SHA256SUMS.txt"])} if sums else {}
    )
    site.bodies[ROOT] = page("1.0.0/", {"10_municipalities": None, **files})


@pytest.fixture
def site() -> Iterator[Site]:
    site = Site(bodies={f"{ROOT}LICENSE.txt": LICENSE})
    site.bodies[f"{ROOT}10_municipalities/"] = page("10/", {"images": None})
    site.bodies[f"{ROOT}10_municipalities/images/"] = page("10/images/", {"8001": None})
    site.folder(SCENES, page("10/images/8001/", dict(SIZES)))
    publish(site)
    with serving(site):
        yield site


class Fetcher:
    """Fetches from the site into one folder, as often as a test asks."""

    def __init__(self, site: Site, to: Path) -> None:
        self.site, self.to = site, to

    def __call__(
        self,
        only: tuple[str, ...] = (),
        accept: bool = True,
        patience: Patience = HURRIED,
        name: str = "satellitebench",
    ) -> Fetched:
        return fetch(
            name, self.to, only, self.site.url + ROOT.lstrip("/"), accept, patience=patience
        )

    def here(self, path: str) -> bytes | None:
        file = self.to / path.removeprefix(ROOT)
        return file.read_bytes() if file.is_file() else None


@pytest.fixture
def bring(site: Site, tmp_path: Path) -> Fetcher:
    return Fetcher(site, tmp_path / "data")
