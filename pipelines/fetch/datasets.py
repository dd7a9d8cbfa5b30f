"""The data sets that can be fetched: where each is, who may have it, and how its server is asked.

A new one is one entry here.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import httpx

from pipelines.errors import FetchError
from pipelines.fetch.dataverse import read_dataset
from pipelines.fetch.listing import Listing, read_listing
from pipelines.fetch.terms import Terms
from pipelines.fetch.web import Web, loopback

_LICENSE_BYTES = 1 << 20
_PHYSIONET = "https://physionet.org/files/"


@dataclass(frozen=True)
class Dataset:
    """A published data set.

    Attributes:
        base: its address: PhysioNet's folder, or Dataverse's server; ends in "/".
        title: what it is, and who may use it for what.
        doi: at Dataverse; None at PhysioNet.
        credentialed: its publisher gives it to named people only.
        agreement: page on which a person gets leave.
    """

    name: str
    base: str
    title: str
    agreement: str
    doi: str | None = None
    credentialed: bool = False

    @property
    def denied(self) -> str:
        """What a person has to do when the server refuses."""
        if self.doi:
            return (
                f"look at {self.agreement}; if the file is restricted, ask there for access and "
                "set DATAVERSE_API_TOKEN"
            )
        if self.credentialed:
            return (
                "check PHYSIONET_USERNAME and PHYSIONET_PASSWORD, and that this account is "
                f"credentialed and has signed the data use agreement on {self.agreement}"
            )
        return (
            f"look at {self.agreement}; if it asks to log in, set PHYSIONET_USERNAME and "
            "PHYSIONET_PASSWORD"
        )

    def address(self, given: str | None) -> str:
        """The address to ask. Raises FetchError if the given one is neither https nor this
        machine."""
        text = (given or self.base).rstrip("/") + "/"
        try:
            url = httpx.URL(text)
        except httpx.InvalidURL:
            url = httpx.URL("")
        safe = url.scheme == "https" or (url.scheme == "http" and loopback(url))
        if not url.host or not safe or url.userinfo or url.query:
            raise FetchError(
                "--base-url is no https address of a folder",
                where=httpx.URL(text).host if url.host else text[:200],
                fix=(
                    "give https://host/folder/ without name and password; the publisher's is "
                    f"{self.base}"
                ),
            )
        return text

    def secret(self, base: str) -> Mapping[str, str]:
        """Headers with credentials for the publisher's own server; none for a mirror.

        Raises:
            FetchError: the publisher gives this data set to named people only, and no name is set.
        """
        url = httpx.URL(base)
        if url.host != httpx.URL(self.base).host and not loopback(url):
            return {}
        if self.doi:
            token = os.environ.get("DATAVERSE_API_TOKEN", "")
            return {"X-Dataverse-key": token} if token else {}
        name, word = (os.environ.get(f"PHYSIONET_{part}", "") for part in ("USERNAME", "PASSWORD"))
        if name and word:
            text = base64.b64encode(f"{name}:{word}".encode()).decode()
            return {"Authorization": f"Basic {text}"}
        if self.credentialed:
            raise FetchError(
                f"{self.name} is given to named people only, and PHYSIONET_USERNAME and "
                "PHYSIONET_PASSWORD are not both set",
                where=self.agreement,
                fix=(
                    "get a credentialed account at https://physionet.org/settings/credentialing/, "
                    "sign the data use agreement on that page, then set both in the environment"
                ),
            )
        return {}

    def terms_and_files(
        self, web: Web, base: str
    ) -> tuple[Terms, Callable[[Callable[[str], bool]], Listing]]:
        """Terms of use, and a function that lists the files (see `read_listing` for its
        argument)."""
        if self.doi:
            terms, files = read_dataset(web, base, self.doi)
            return terms, lambda _inside: Listing(files)
        raw = web.read(f"{base}LICENSE.txt", _LICENSE_BYTES)
        terms = Terms(url=f"{base}LICENSE.txt", text=raw.decode("utf-8", "replace"))
        return terms, lambda inside: read_listing(web, base, inside)


DATASETS: dict[str, Dataset] = {
    d.name: d
    for d in (
        Dataset(
            "satellitebench",
            f"{_PHYSIONET}multimodal-satellite-data/1.0.0/",
            "SatelliteBench: weekly 12-band scenes of Colombian municipalities with dengue cases; "
            "open access",
            "https://physionet.org/content/multimodal-satellite-data/1.0.0/",
        ),
        Dataset(
            "ham10000",
            "https://dataverse.harvard.edu/",
            "HAM10000: dermatoscopic images of seven kinds of lesion; CC BY-NC 4.0, for research, "
            "with attribution",
            "https://doi.org/10.7910/DVN/DBW86T",
            doi="10.7910/DVN/DBW86T",
        ),
        Dataset(
            "brset",
            f"{_PHYSIONET}brazilian-ophthalmological/1.0.0/",
            "BRSET: Brazilian retinal photographs with patients' records; for credentialed people "
            "alone",
            "https://physionet.org/content/brazilian-ophthalmological/1.0.0/",
            credentialed=True,
        ),
    )
}
