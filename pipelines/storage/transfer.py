"""Transfer: publish a local file or folder to a store, materialise it on another machine.

Layout of a store:

    objects/<aa>/<sha256>     each file's bytes, once however many folders hold it
    manifests/<name>.json     what a file or folder holds; written last, one object, so that nothing
                              half published can be seen. Without a name its content id names it
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path, PurePosixPath
from typing import Annotated, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from pipelines.errors import StoreError, invalid_values
from pipelines.storage.files import folder_id, manifest_of, sha256_file, sync_folder, sync_tree
from pipelines.storage.lock import locked
from pipelines.storage.remote import Remote, remote

T = TypeVar("T")
OBJECTS, MANIFESTS = "objects", "manifests"
_THREADS = 8
_LOCK_TIMEOUT_S = 3600.0
_AGAIN = "run the step that made it again"


class Content(BaseModel):
    """One file of what is published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]


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
        raise StoreError("there is nothing to publish", where=str(path), fix=_AGAIN)
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

    Content that is there already is left alone. Other content is replaced, as a whole. Files that
    an interrupted call had fetched are not fetched again.

    Args:
        uri: as publish returned it.

    Raises:
        StoreError: nothing is published there, an object is damaged, or the store does not answer.
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


def object_key(sha256: str) -> str:
    return f"{OBJECTS}/{sha256[:2]}/{sha256}"


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
            fix=f"delete that object and {_AGAIN}",
        ) from err


def bring(store: Remote, manifest: Manifest, to: Path, lock: Path) -> None:
    """Make `to` hold what the manifest says; one process of this machine at a time, by the lock."""
    to.parent.mkdir(parents=True, exist_ok=True)
    busy = StoreError(
        "another process on this machine is fetching it for over an hour",
        where=str(to),
        fix="look for that process and end it, then run the step again",
    )
    with locked(lock, _LOCK_TIMEOUT_S, busy):
        if holds(to, manifest):
            return
        if manifest.kind == "file":
            (content,) = manifest.files.values()
            fetch_object(store, content.sha256, to)
        else:
            _bring_folder(store, manifest, to)


def send_object(store: Remote, path: Path, sha256: str, size: int) -> None:
    """Store one file's bytes, unless they are there."""
    if store.size(object_key(sha256)) != size:
        store.put(path, object_key(sha256), sha256)


def fetch_object(store: Remote, sha256: str, out: Path) -> None:
    """One object as a local file: verified, whole or not at all."""
    out.parent.mkdir(parents=True, exist_ok=True)
    handle, scratch = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    os.close(handle)
    temp = Path(scratch)
    try:
        store.fetch(object_key(sha256), temp)
        if sha256_file(temp) != sha256:
            raise StoreError(
                f"{out.name} is damaged in the store",
                where=f"{store.uri}/{object_key(sha256)}",
                fix=f"delete that object and {_AGAIN}",
            )
        with temp.open("rb+") as done:
            os.fsync(done.fileno())
        temp.chmod(0o644)
        temp.replace(out)
        sync_folder(out.parent)
    finally:
        temp.unlink(missing_ok=True)


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


def in_parallel(work: Callable[[T], None], items: Iterable[T]) -> None:
    """Do all of it on a few threads; the first error ends it."""
    with ThreadPoolExecutor(_THREADS) as pool:
        pending = [pool.submit(work, item) for item in items]
        try:
            for done in pending:
                done.result()
        finally:
            for waiting in pending:
                waiting.cancel()


def _bring_folder(store: Remote, manifest: Manifest, to: Path) -> None:
    partial = to.with_name(f".{to.name}.partial")
    partial.mkdir(exist_ok=True)

    def fetch(name: str) -> None:
        content, out = manifest.files[name], partial / name
        if not (out.is_file() and sha256_file(out) == content.sha256):
            fetch_object(store, content.sha256, out)

    in_parallel(fetch, manifest.files)
    for path in partial.rglob("*"):
        if path.is_file() and path.relative_to(partial).as_posix() not in manifest.files:
            path.unlink()  # of another version that was cut off
    sync_tree(partial)
    _swap(partial, to)


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
