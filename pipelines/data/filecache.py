"""A cache of facts about unchanged files, so that no run reads gigabytes again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from pipelines.storage import write_json


class FileCache:
    """Facts about files by (path, size, mtime_ns), kept in one JSON file, so that no run re-reads a
    file.

    Damaged or absent cache files count as empty: everything in them can be found again.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._known = self._load()
        self._dirty = False

    def _load(self) -> dict[str, dict[str, Any]]:
        try:
            known = json.loads(self._path.read_text(encoding="utf-8"))
        except (FileNotFoundError, ValueError, RecursionError):
            return {}
        return known if isinstance(known, dict) else {}

    def get(self, path: Path, kind: str) -> dict[str, Any] | None:
        """What was put for this file as it is now, or None."""
        return self._known.get(self._key(path, kind))

    def put(self, path: Path, kind: str, facts: dict[str, Any]) -> None:
        self._known[self._key(path, kind)] = facts
        self._dirty = True

    def save(self) -> None:
        """Write the cache if anything was added."""
        if self._dirty:
            write_json(self._path, self._known)
            self._dirty = False

    @staticmethod
    def _key(path: Path, kind: str) -> str:
        stat = path.stat()
        return f"{kind}|{path}|{stat.st_size}|{stat.st_mtime_ns}"
