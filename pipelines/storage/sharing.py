"""Several machines, each with its own home, share one pipeline: outputs go through a store.

DENGUARD_ARTIFACTS_URI names the store they share; without it everything stays in this home and
nothing here does anything. What is shared goes by its path relative to home: a step publishes what
it made (`share`) and fetches what it needs (`bring`); small records (a step's output) are single
objects. The store is the truth: a local copy that differs is replaced.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.storage.files import write_atomic
from pipelines.storage.known_hashes import known_hashes
from pipelines.storage.remote import Remote, remote
from pipelines.storage.transfer import (
    Manifest,
    bring,
    describe,
    holds,
    looks_like,
    publish,
    read_manifest,
)

RECORDS = "records"


def shared(paths: DeploymentPaths) -> Shared | None:
    """The store that this deployment shares, or None if everything stays in its home."""
    return Shared(paths, paths.artifacts_uri) if paths.artifacts_uri else None


class Shared:
    """A home and the store behind it.

    Args:
        places: this machine's home.
        uri: a folder or s3://bucket/prefix.
    """

    def __init__(self, paths: DeploymentPaths, uri: str) -> None:
        self._paths, self._uri = paths, uri

    @property
    def store(self) -> Remote:
        """The store itself, for keys that are neither content nor records."""
        return remote(self._uri)

    def address(self, path: Path) -> str:
        """Where the record of a local path lies, for people."""
        return f"{self._uri.rstrip('/')}/{RECORDS}/{self._name(path)}"

    def share(self, path: Path, hashes: Mapping[str, str] | None = None) -> None:
        """Publish a file or folder of this home under its name; StoreError if that fails.

        Args:
            hashes: relative path -> SHA-256 of a folder's files, if they are known already.
        """
        if hashes is None and path.is_dir():
            known = known_hashes(self._paths)
            hashes = known.manifest_of(path)
            known.save()
        name, manifest = self._name(path), describe(path, hashes)
        publish(path, self._uri, name, manifest)
        self._remember(name, manifest)

    def bring(self, name: str) -> Path:
        """The local path of a name, fetched if this home lacks it or holds other content.

        A name that nobody published is given back as it is here, if it is here at all.
        """
        if Path(name).is_absolute() or ".." in Path(name).parts:
            raise StoreError(
                "a name leads out of this deployment's folder",
                where=name,
                fix="run the step that wrote it again",
            )
        path = self._paths.home / name
        manifest = read_manifest(self.store, name)
        if manifest is None:
            return path
        if self._known(name) == manifest.content_id and looks_like(path, manifest):
            return path
        if not holds(path, manifest):
            lock = hashlib.sha256(name.encode()).hexdigest()[:16]
            bring(self.store, manifest, path, self._paths.artifacts / "locks" / f"bring-{lock}")
        self._remember(name, manifest)
        return path

    def published(self, name: str) -> Manifest | None:
        """What is published under a name, or None."""
        return read_manifest(self.store, name)

    def last_seen(self, name: str) -> str | None:
        """Content id that this home last shared or fetched under a name, or None."""
        return self._known(name)

    def names(self, folder: str) -> list[str]:
        """Last parts of the names published directly below a folder of home, sorted."""
        found = self.store.names(f"manifests/{folder}")
        return sorted(name.removesuffix(".json") for name in found)

    def write_record(self, name: str, value: Mapping[str, Any]) -> None:
        """Write a small JSON object under a name, at once or not at all."""
        text = json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False)
        self.store.write(f"{RECORDS}/{name}", text.encode())

    def read_record(self, name: str) -> dict[str, Any] | None:
        """A record, or None if nobody wrote it. Raises StoreError if it is damaged."""
        raw = self.store.read(f"{RECORDS}/{name}")
        try:
            value = None if raw is None else json.loads(raw)
        except ValueError as err:
            raise StoreError(
                "a record in the store is damaged",
                where=f"{self._uri}/{RECORDS}/{name}",
                fix="run the step that wrote it again",
            ) from err
        if value is not None and not isinstance(value, dict):
            raise StoreError(
                "a record in the store is no object",
                where=f"{self._uri}/{RECORDS}/{name}",
                fix="run the step that wrote it again",
            )
        return value

    def _name(self, path: Path) -> str:
        return path.resolve().relative_to(self._paths.home).as_posix()

    # What this home is known to hold, so that gigabytes are not hashed at every step.
    def _note(self, name: str) -> Path:
        return self._paths.artifacts / "cache" / "shared" / f"{name}.id"

    def _known(self, name: str) -> str | None:
        note = self._note(name)
        return note.read_text(encoding="utf-8") if note.is_file() else None

    def _remember(self, name: str, manifest: Manifest) -> None:
        if self._known(name) != manifest.content_id:
            write_atomic(self._note(name), manifest.content_id)
