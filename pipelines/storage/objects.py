"""Objects of a store: each file's bytes once, under their hash. Here are sending and fetching them;
what folder they belong to is in transfer.py.
"""

from __future__ import annotations

import contextlib
import hashlib
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Annotated, TypeVar

from pydantic import BaseModel, ConfigDict, Field

from pipelines.errors import StoreError
from pipelines.storage.lock import locked
from pipelines.storage.remote import Remote
from pipelines.storage.resumable import Disk, Wanted, gather, move_into_place

T = TypeVar("T")
_THREADS = 8
_LOCK_TIMEOUT_S = 3600.0
AGAIN = "run the step that made it again"
_DISK = Disk(
    StoreError,
    "let DENGUARD_HOME name another",
    "run the step again; it goes on where it stopped",
)


class Content(BaseModel):
    """One file of what is published."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    size: Annotated[int, Field(ge=0)]

    def wanted(self, name: str) -> Wanted:
        """This content as the file of a name."""
        return Wanted(name, self.size, {"sha256": self.sha256})


def object_key(sha256: str) -> str:
    return f"objects/{sha256[:2]}/{sha256}"


def send_object(store: Remote, path: Path, sha256: str, size: int) -> None:
    """Store one file's bytes, unless they are there."""
    if store.size(object_key(sha256)) != size:
        store.put(path, object_key(sha256), sha256)


def stored(store: Remote, sha256: str) -> Content:
    """What the store holds under a hash. Raises StoreError if that is nothing."""
    size = store.size(object_key(sha256))
    if size is None:
        where = f"{store.uri}/{object_key(sha256)}"
        raise StoreError("an object is not in the store", where=where, fix=AGAIN)
    return Content(sha256=sha256, size=size)


@contextlib.contextmanager
def fetching(to: Path, lock: Path) -> Iterator[Path]:
    """Let one process of this machine at a time fetch something; what its disk refuses is named.

    Yields the folder where bytes gather: it stays if the block fails or is cut off.
    """
    begun = to.with_name(f".{to.name}.begun.partial")
    busy = StoreError(
        "another process on this machine is fetching it for over an hour",
        where=str(to),
        fix="look for that process and end it, then run the step again",
    )
    try:
        to.parent.mkdir(parents=True, exist_ok=True)
        with locked(lock, _LOCK_TIMEOUT_S, busy):
            yield begun
            shutil.rmtree(begun, ignore_errors=True)
    except OSError as err:
        raise _DISK.refusal(err, to) from err


def fetch_objects(
    store: Remote, files: Mapping[Path, Content], begun: Path, mode: int = 0o644
) -> None:
    """Have objects as local files, each verified, whole or not at all; within `fetching`.

    Raises:
        StoreError: the disk has no room for all of them, an object is absent or damaged, or the
            store does not answer. What had arrived in `begun` is gone on with by the next call.
    """
    parts = {  # by file and content: two files may have equal content, one another next time
        out: begun / hashlib.sha256(f"{content.sha256} {out}".encode()).hexdigest()
        for out, content in files.items()
    }
    left = [content.wanted(out.name).left(parts[out]) for out, content in files.items()]
    _DISK.require_room(begun.parent, "what is fetched", left)

    def fetch(out: Path) -> None:
        content, key = files[out], object_key(files[out].sha256)
        damaged = StoreError(
            f"{out.name} is damaged in the store",
            where=f"{store.uri}/{key}",
            fix=f"delete that object and {AGAIN}",
        )
        gather(partial(store.part, key), content.wanted(out.name), parts[out], damaged)
        move_into_place(parts[out], out, mode)

    in_parallel(fetch, files)


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
