"""A store as read, write and list over keys: a shared folder or a bucket."""

from __future__ import annotations

import errno
import os
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from pipelines.errors import StoreError
from pipelines.storage.files import sha256_file, sync_folder, write_atomic

MOST_READ_BYTES = 256 << 20  # of a list or a record; files come in pieces
# A share that is away says EIO, ESTALE, ETIMEDOUT, EHOSTDOWN or ENOENT of its mount; these pass by
# nobody's waiting.
_FOR_A_PERSON = (errno.EACCES, errno.EPERM, errno.EROFS, errno.ENOSPC, errno.EDQUOT)
_FIX = (
    "check that the folder is mounted, writable and not full, then try again; it goes on where it "
    "stopped"
)


class Remote(Protocol):
    """A store. Every method raises StoreError if the store does not do what is asked.

    A key appears whole or not at all.
    """

    uri: str

    def size(self, key: str) -> int | None:
        """Bytes of an object, or None if there is none."""

    def put(self, path: Path, key: str, sha256: str) -> None:
        """Store a file, refused if its bytes do not have this hash."""

    def write(self, key: str, raw: bytes) -> None:
        """Store bytes, in place of what was there."""

    def read(self, key: str) -> bytes | None:
        """An object's bytes, or None if there is none."""

    def part(self, key: str, start: int, stop: int) -> bytes:
        """Bytes [start, stop) of an object, at least one; none if it ends before `start`."""

    def names(self, prefix: str) -> set[str]:
        """Last parts of the keys directly below `prefix`."""

    def keys(self, prefix: str) -> set[str]:
        """Every key below `prefix` ("": all there are), at any depth."""

    def delete(self, key: str) -> None:
        """Remove an object; none there is no error."""


def remote(uri: str, keys: tuple[str, str] | None = None) -> Remote:
    """The store at an address: s3://bucket/prefix, or a folder. Nothing is asked of it yet.

    Args:
        keys: access key and secret for a bucket of another identity than the environment's.
    """
    if uri.startswith("s3://"):
        try:
            from pipelines.storage.s3 import S3  # boto3 is an extra
        except ImportError as err:
            raise StoreError(
                f"s3:// needs a library that is not installed: {err.name}",
                where=uri,
                fix="install denguard[s3] with requirements.lock",
            ) from err
        return S3(uri.rstrip("/"), keys)
    if "://" in uri:
        raise StoreError(
            "this kind of store is not known", where=uri, fix="use a folder or s3://bucket/prefix"
        )
    return Folder(uri)


def require_readable(size: int, where: str) -> None:
    """Raise StoreError for an object that is not to be read into memory whole."""
    if size > MOST_READ_BYTES:
        raise StoreError(
            f"an object of {size >> 20} MB is where a list or a record belongs",
            where=where,
            fix="do not use this store until its owner has looked at it",
        )


class Folder:
    """A folder as a store, such as a network share."""

    def __init__(self, uri: str) -> None:
        self.uri = uri
        self._root = Path(uri)

    def size(self, key: str) -> int | None:
        path = self._root / key
        with self._named_errors():
            return path.stat().st_size if path.is_file() else None

    def put(self, path: Path, key: str, sha256: str) -> None:
        final = self._root / key
        with self._named_errors():
            final.parent.mkdir(parents=True, exist_ok=True)
            handle, temp = tempfile.mkstemp(dir=final.parent, prefix=f".{final.name}.")
            try:
                with os.fdopen(handle, "wb") as out, path.open("rb") as source:
                    shutil.copyfileobj(source, out)
                    out.flush()
                    os.fsync(out.fileno())
                if sha256_file(Path(temp)) != sha256:
                    raise StoreError(
                        "a file changed while it was published", where=str(path), fix="try again"
                    )
                Path(temp).chmod(0o644)
                Path(temp).replace(final)
                sync_folder(final.parent)
            finally:
                Path(temp).unlink(missing_ok=True)

    def write(self, key: str, raw: bytes) -> None:
        with self._named_errors():
            write_atomic(self._root / key, raw)

    def read(self, key: str) -> bytes | None:
        path = self._root / key
        with self._named_errors():
            if not path.is_file():
                return None
            require_readable(path.stat().st_size, f"{self.uri}/{key}")
            return path.read_bytes()

    def part(self, key: str, start: int, stop: int) -> bytes:
        path = self._root / key
        with self._named_errors():
            if not path.is_file():  # a pipe or a device would never end
                raise FileNotFoundError(errno.ENOENT, "there is no such file", str(path))
            with path.open("rb") as source:
                source.seek(start)
                return source.read(stop - start)

    def names(self, prefix: str) -> set[str]:
        folder = self._root / prefix
        with self._named_errors():
            found = list(folder.iterdir()) if folder.is_dir() else []
        return {path.name for path in found if path.is_file() and path.name[0] != "."}

    def keys(self, prefix: str) -> set[str]:
        with self._named_errors():
            found = [p for p in (self._root / prefix).rglob("*") if p.is_file()]
        return {p.relative_to(self._root).as_posix() for p in found if p.name[0] != "."}

    def delete(self, key: str) -> None:
        with self._named_errors():
            (self._root / key).unlink(missing_ok=True)

    @contextmanager
    def _named_errors(self) -> Iterator[None]:
        try:
            yield
        except OSError as err:
            raise StoreError(
                f"the store does not do what is asked: {err.strerror or err}",
                where=str(err.filename or self.uri),
                fix=_FIX,
                away=err.errno not in _FOR_A_PERSON,
            ) from err
