"""What an offline folder holds: SHA256SUMS in the form of sha256sum, so that any server can check
it."""

from __future__ import annotations

import re
from pathlib import Path

from pipelines.errors import StoreError
from pipelines.storage import manifest_of, write_atomic

SUMS, SIGNATURE = "SHA256SUMS", "SHA256SUMS.sig"
WHEELS, IMAGES, WEIGHTS, PROJECT = "wheels", "images", "weights", "project.tar.gz"
LOCK = "requirements.txt"
_LINE = re.compile(r"([0-9a-f]{64})  (\S.*)")
_AGAIN = "copy the folder again from where it was made"


def write_sums(folder: Path) -> Path:
    """List the hash of every file of a folder; the list itself and its signature are left out."""
    sums = {n: s for n, s in manifest_of(folder).items() if n not in (SUMS, SIGNATURE)}
    text = "".join(f"{sha256}  {name}\n" for name, sha256 in sums.items())
    return write_atomic(folder / SUMS, text)


def check_sums(folder: Path) -> dict[str, str]:
    """Hash every file and hold it against the list; the list.

    Raises:
        StoreError: a file is absent, changed, or not in the list.
    """
    listed = _read(folder / SUMS)
    found = {n: s for n, s in manifest_of(folder).items() if n not in (SUMS, SIGNATURE)}
    for what, names in (
        ("is absent", sorted(listed.keys() - found.keys())),
        ("is not in the list", sorted(found.keys() - listed.keys())),
        ("was changed", sorted(n for n in listed.keys() & found.keys() if listed[n] != found[n])),
    ):
        if names:
            raise StoreError(
                f"a file of the offline folder {what}", where=str(folder / names[0]), fix=_AGAIN
            )
    return listed


def _read(file: Path) -> dict[str, str]:
    if not file.is_file():
        raise StoreError("this is no offline folder", where=str(file), fix=_AGAIN)
    found: dict[str, str] = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            raise StoreError("the list of hashes is damaged", where=str(file), fix=_AGAIN)
        found[match[2]] = match[1]
    return found
