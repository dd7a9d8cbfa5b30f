"""Where lineage reads: this home, else the store that machines share (DENGUARD_ARTIFACTS_URI).

Nothing is written and nothing large is fetched.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import DenguardError, StoreError
from pipelines.storage import read_json, shared
from pipelines.storage.objects import Content, object_key
from pipelines.storage.sharing import RECORDS

_RUNS = "artifacts/runs"
_THREADS = 8


class Reader:
    """A home and, if machines share one, the store behind it."""

    def __init__(self, paths: DeploymentPaths) -> None:
        self.paths = paths
        self._shared = shared(paths)

    def local(self, name: str) -> Path:
        """The file or folder of this home that a name means."""
        return self.paths.home / name

    def folders(self, name: str) -> list[Path]:
        """Finished folders directly below a folder of this home, by name."""
        root = self.local(name)
        found = sorted(root.iterdir()) if root.is_dir() else []
        return [path for path in found if path.is_dir() and not path.name.startswith(".")]

    def runs(self) -> list[str]:
        """Run ids: those of this home, and those of other machines that came to a decision."""
        here = {path.name for path in self.folders(_RUNS)}
        there = self._shared.names("artifacts/decisions") if self._shared else []
        return sorted(here | {name.removesuffix(".json") for name in there})

    def records(self, runs: Iterable[str], steps: Iterable[str]) -> list[dict[str, Any]]:
        """For each run: step -> what it wrote, or the error of a damaged record."""
        wanted = list(steps)
        if self._shared is None:
            return [self._records(run, wanted) for run in runs]
        with ThreadPoolExecutor(_THREADS) as pool:
            return list(pool.map(lambda run: self._records(run, wanted), runs))

    def _records(self, run: str, steps: list[str]) -> dict[str, Any]:
        there = self._shared.store.names(f"{RECORDS}/{_RUNS}/{run}") if self._shared else set()
        found: dict[str, Any] = {}
        for step in steps:
            name = f"{_RUNS}/{run}/{step}.json"
            try:
                if self._shared and f"{step}.json" in there:  # it may have run again elsewhere
                    found[step] = self._shared.read_record(name)
                elif self.local(name).is_file():
                    found[step] = read_json(self.local(name))
            except DenguardError as err:
                found[step] = err
        return found

    def read(self, folder: str, file: str) -> bytes:
        """A small file of an artifact. Raises FileNotFoundError, or StoreError for the store's."""
        path = self.local(folder) / file
        if path.is_file() or self._shared is None:
            return path.read_bytes()
        content = self._held(folder).get(file)
        raw = self._shared.store.read(object_key(content.sha256)) if content else None
        if raw is None or content is None:
            raise FileNotFoundError(path)
        if hashlib.sha256(raw).hexdigest() != content.sha256:
            raise StoreError(
                f"{file} is damaged in the store",
                where=folder,
                fix="run the step that made it again",
            )
        return raw

    def describe(self, folder: str, file: str) -> Any:
        """A JSON file of an artifact. Raises as read, and StoreError if it is damaged."""
        try:
            return json.loads(self.read(folder, file))
        except ValueError as err:
            raise StoreError(
                "a JSON file is damaged",
                where=f"{folder}/{file}",
                fix="restore the folder from its version",
            ) from err

    def elsewhere(self, name: str) -> bool:
        """Whether the shared store holds what this home lacks."""
        try:
            return bool(self._held(name))
        except DenguardError:
            return False

    def _held(self, name: str) -> dict[str, Content]:
        """Files that the store holds under a name, or under the folder around it (a candidate)."""
        if self._shared is None:
            return {}
        if manifest := self._shared.published(name):
            return manifest.files
        around, _, last = name.rpartition("/")
        manifest = self._shared.published(around)
        files = manifest.files if manifest else {}
        return {
            n.removeprefix(f"{last}/"): c
            for n, c in files.items()
            if f"{n}/".startswith(f"{last}/")
        }
