"""Transfer: publish a local file or folder to a store, materialise it on another machine.

Layout of a store:

    objects/<aa>/<sha256>     each file's bytes, once however many folders hold it
    manifests/<name>.json     what a file or folder holds; written last, one object, so that nothing
                              half published can be seen. Without a name its content id names it
"""

from __future__ import annotations

import contextlib
import shutil
from collections.abc import Mapping
from pathlib import Path, PurePosixPath
from typing import Literal

from pydantic import BaseModel, ConfigDict, ValidationError, field_validator

from pipelines.errors import StoreError, invalid_values
from pipelines.storage.files import folder_id, manifest_of, sha256_file, sync_folder, sync_tree
from pipelines.storage.objects import (
    AGAIN,
    Content,
    fetch_objects,
    fetching,
    in_parallel,
    send_object,
)
from pipelines.storage.remote import Remote, remote

MANIFESTS = "manifests"


class Manifest(BaseModel):
    """What a published file (its one entry) or folder (relative path -> content) holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    kind: Literal["file", "folder"]
    files: dict[str, Content]

    @field_validator("files")
    @classmethod
    def _stay_inside(cls, files: dict[str, Content]) -> dict[str, Content]:
        for name in files:
            path = PurePosixPath(name)
            if path.is_absolute() or ".." in path.parts or path.as_posix() != name or not name:
                raise ValueError(f"{name!r} leads out of the folder")
        return files

    @property
    def content_id(self) -> str:
        """The same id that files.folder_id gives a local folder."""
        return folder_id({name: content.sha256 for name, content in sorted(self.files.items())})


def describe(path: Path, hashes: Mapping[str, str] | None = None) -> Manifest:
    """The manifest of a local file or folder; `hashes` (relative path -> SHA-256) if known."""
    if path.is_file():
        content = Content(sha256=sha256_file(path), size=path.stat().st_size)
        return Manifest(kind="file", files={path.name: content})
    if not path.is_dir():
        raise StoreError("there is nothing to publish", where=str(path), fix=AGAIN)
    known = manifest_of(path) if hashes is None else hashes
    sizes = {name: (path / name).stat().st_size for name in known}
    return Manifest(
        kind="folder", files={n: Content(sha256=s, size=sizes[n]) for n, s in known.items()}
    )


def publish(path: Path, uri: str, name: str | None = None, manifest: Manifest | None = None) -> str:
    """Copy a file or folder to a store, its manifest last; return the manifest's address.

    What the store holds already is not sent again, so that a publication that was cut off goes on
    where it stopped, and equal content costs a look.

    Args:
        uri: the store, a folder or s3://bucket/prefix.
        name: what others ask for it by; without one, its content id.
        manifest: describe(path), if it is known already.

    Raises:
        StoreError: the store refuses or does not answer; nothing is visible under the name then.
    """
    store, manifest = remote(uri), manifest or describe(path)
    key = manifest_key(name or manifest.content_id)
    raw = manifest.model_dump_json(indent=1).encode()
    if store.read(key) == raw:
        return f"{uri.rstrip('/')}/{key}"
    by_content = {content: file for file, content in manifest.files.items()}

    def send(content: Content) -> None:
        file = path if manifest.kind == "file" else path / by_content[content]
        send_object(store, file, content.sha256, content.size)

    in_parallel(send, by_content)
    store.write(key, raw)
    return f"{uri.rstrip('/')}/{key}"


def materialise(uri: str, to: Path) -> Path:
    """Bring what was published to `to`, verified file by file; return `to`.

    Content that is there already is left alone. Other content is replaced, as a whole. Bytes that
    an interrupted call had fetched are not fetched again.

    Args:
        uri: as publish returned it.

    Raises:
        StoreError: nothing is published there, an object is damaged, the store does not answer, or
            this machine's disk does not take it.
    """
    at, _, name = uri.partition(f"/{MANIFESTS}/")
    manifest = read_manifest(remote(at), name.removesuffix(".json")) if name else None
    if manifest is None:
        raise StoreError(
            "nothing complete is published there",
            where=uri,
            fix="check the address, or publish again",
        )
    bring(remote(at), manifest, to, to.with_name(f".{to.name}.lock"))
    return to


def manifest_key(name: str) -> str:
    return f"{MANIFESTS}/{name}.json"


def read_manifest(store: Remote, name: str) -> Manifest | None:
    """What is published under a name, or None. Raises StoreError if its manifest is damaged."""
    raw = store.read(manifest_key(name))
    if raw is None:
        return None
    try:
        return Manifest.model_validate_json(raw)
    except ValidationError as err:
        _, reason = invalid_values(err)[0]
        raise StoreError(
            f"a manifest cannot be used: {reason}",
            where=f"{store.uri}/{manifest_key(name)}",
            fix=f"delete that object and {AGAIN}",
        ) from err


def bring(store: Remote, manifest: Manifest, to: Path, lock: Path) -> None:
    """Make `to` hold what the manifest says; one process of this machine at a time, by the lock."""
    with fetching(to, lock) as begun:
        if holds(to, manifest):
            return
        if manifest.kind == "file":
            (content,) = manifest.files.values()
            fetch_objects(store, {to: content}, begun)
        else:
            _bring_folder(store, manifest, to, begun)


def holds(path: Path, manifest: Manifest) -> bool:
    """Whether a local path holds exactly this content (all of it is read)."""
    if manifest.kind == "file":
        return path.is_file() and [sha256_file(path)] == [c.sha256 for c in manifest.files.values()]
    wanted = {name: content.sha256 for name, content in manifest.files.items()}
    return path.is_dir() and manifest_of(path) == wanted


def looks_like(path: Path, manifest: Manifest) -> bool:
    """Whether a local path has these files in these sizes (nothing is read)."""
    if manifest.kind == "file":
        return path.is_file() and [path.stat().st_size] == [c.size for c in manifest.files.values()]
    there = {name: path / name for name in manifest.files}
    return all(p.is_file() and p.stat().st_size == manifest.files[n].size for n, p in there.items())


def _bring_folder(store: Remote, manifest: Manifest, to: Path, begun: Path) -> None:
    fresh = to.with_name(f".{to.name}.partial")
    fresh.mkdir(exist_ok=True)
    for path in fresh.rglob("*"):
        if path.is_file() and path.relative_to(fresh).as_posix() not in manifest.files:
            path.unlink()  # of another version that was cut off
    missing = {
        fresh / name: content
        for name, content in manifest.files.items()
        if not content.wanted(name).fits(fresh / name)
    }
    fetch_objects(store, missing, begun)
    sync_tree(fresh)
    _swap(fresh, to)


def _swap(fresh: Path, final: Path) -> None:
    """Put a finished folder in place of what was there."""
    old = final.with_name(f".{final.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    with contextlib.suppress(FileNotFoundError):
        final.replace(old)
    fresh.replace(final)
    sync_folder(final.parent)
    if old.is_dir():
        shutil.rmtree(old, ignore_errors=True)
    else:
        old.unlink(missing_ok=True)
