"""Hashes of files that were not written since they were taken, so that no week reads gigabytes
again."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from pathlib import Path

from pipelines.deployment_paths import DeploymentPaths
from pipelines.storage.files import digests, write_json

KINDS = ("md5", "sha256")
_DAY_S = 86_400
_KEPT_DAYS = 90  # after its last use
_NOTED_AGAIN_DAYS = 7
_USED = "used"


def known_hashes(paths: DeploymentPaths, believed: bool = True) -> KnownHashes:
    """Those that this home took."""
    return KnownHashes(paths.artifacts / "cache" / "hashes.json", believed)


class KnownHashes:
    """SHA-256 and MD5 by device, inode, size and time of the last write: hard links are one file.

    Damaged or absent records count as empty: everything in them can be found again. Whoever doubts
    a disk reads the bytes instead (`denguard trace --verify`).

    Args:
        path: JSON file that keeps them.
        believed: whether what it says counts; what is hashed now is noted in any case.
    """

    def __init__(self, path: Path, believed: bool = True) -> None:
        self._path, self._believed = path, believed
        self._known = _read(path)
        self._today = int(time.time() // _DAY_S)
        self._changed = False
        self._taken = set[str]()  # those that were read by this object

    def of(self, path: Path) -> Mapping[str, str]:
        """Kind of hash -> hex digest of a file; it is read only if it is new or was written
        since."""
        mark = _mark(path)
        known = self._known.get(mark, {}) if self._believed or mark in self._taken else {}
        if not all(isinstance(known.get(kind), str) for kind in KINDS):
            known = digests(path, KINDS)
            self._taken.add(mark)
        if mark in self._taken or abs(self._today - _day(known)) >= _NOTED_AGAIN_DAYS:
            self._known[mark] = {**known, _USED: self._today}
            self._changed = True
        return {kind: str(known[kind]) for kind in KINDS}

    def manifest_of(self, folder: Path) -> dict[str, str]:
        """Relative path -> SHA-256 of every file below a folder, sorted."""
        files = sorted(p for p in folder.rglob("*") if p.is_file())
        return {p.relative_to(folder).as_posix(): self.of(p)["sha256"] for p in files}

    def save(self) -> None:
        """Write the record if anything in it changed; what nobody used for long goes."""
        if self._changed:
            new = {m: k for m, k in self._known.items() if self._today - _day(k) < _KEPT_DAYS}
            write_json(self._path, new)
            self._changed = False


def _read(path: Path) -> dict[str, Mapping[str, object]]:
    try:
        known = json.loads(path.read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError, RecursionError):
        return {}
    if not isinstance(known, dict):
        return {}
    return {mark: found for mark, found in known.items() if isinstance(found, dict)}


def _day(known: Mapping[str, object]) -> int:
    day = known.get(_USED)
    return day if isinstance(day, int) else 0


def _mark(path: Path) -> str:
    stat = path.stat()
    return f"{stat.st_dev}|{stat.st_ino}|{stat.st_size}|{stat.st_mtime_ns}"
