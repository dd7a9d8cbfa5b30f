"""One file of a published data set, and the rule that no name leads out of a folder."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import FetchError
from pipelines.storage.files import digests

_NAME_BYTES = 255  # the longest name that common file systems take


@dataclass(frozen=True)
class RemoteFile:
    """A file to bring.

    Attributes:
        path: where it goes, below the folder that was asked for; checked by `safe_path`.
        url: where it is.
        size: bytes, None if the server does not say before it sends.
        sha256: hex digest if the publisher gives one; likewise md5.
    """

    path: str
    url: str
    size: int | None
    sha256: str | None = None
    md5: str | None = None

    @property
    def hashed(self) -> bool:
        """Whether the publisher says more of the content than its size."""
        return bool(self.sha256 or self.md5)

    def wrong(self, path: Path) -> str | None:
        """What tells a local file from this one, None if nothing does. Reads it whole if hashed."""
        size = path.stat().st_size
        if self.size is not None and size != self.size:
            return f"it has {size} bytes, the publisher lists {self.size}"
        listed = {k: v for k, v in (("sha256", self.sha256), ("md5", self.md5)) if v}
        for kind, found in (digests(path, listed) if listed else {}).items():
            if found != listed[kind].lower():
                return f"its {kind} is {found}, the publisher lists {listed[kind]}"
        return None


def safe_path(path: str, where: str) -> str:
    """A relative path as it came, if it stays below the folder it is put in.

    Raises:
        FetchError: it is absolute, climbs, or holds what no file name should.
    """
    for name in path.split("/"):
        bad = (
            not name
            or name in (".", "..")
            or "\\" in name
            or name != name.strip()
            or (len(name) > 1 and name[1] == ":")
        )
        if bad or not name.isprintable() or len(name.encode()) > _NAME_BYTES:
            raise FetchError(
                f"the server names a file {path[:200]!r}, which would not stay in its folder",
                where=where,
                fix="do not use this server until its owner has looked at it",
            )
    return path
