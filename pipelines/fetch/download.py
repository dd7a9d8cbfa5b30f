"""One file from a server: goes on where it stopped, and is in place only when it is verified.

What has arrived lies in a part file, beside it which version of the file it is (ETag or date): a
file that changed on the server starts anew.
"""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import httpx

from pipelines.errors import FetchError
from pipelines.fetch.remote_file import RemoteFile
from pipelines.fetch.web import LATER, Again, Tries, Web
from pipelines.storage import write_json
from pipelines.storage.resumable import move_into_place

_RANGE = re.compile(r"^bytes (\d+)-(\d+)/(\d+)$")
_WORTH_BYTES = 1 << 20  # arrived since the last failure, they earn a full set of tries
_UNLISTED_LIMIT = 1 << 40


@dataclass(frozen=True)
class _Begun:
    """What an earlier attempt left: how many bytes, of which version of the file."""

    bytes: int = 0
    version: str | None = None


def part_of(parts: Path, file: RemoteFile) -> Path:
    """Where a file's bytes gather until they are whole."""
    return parts / hashlib.sha256(file.url.encode()).hexdigest()[:32]


def download(
    web: Web, file: RemoteFile, parts: Path, target: Path, arrived: Callable[[int], None]
) -> None:
    """Put a file at `target`, verified, or leave `target` as it was.

    Args:
        parts: folder for what has arrived so far.
        arrived: called with how many bytes of the file are here, after each piece.

    Raises:
        FetchError: the server has it not, refuses, stays silent, or sends other bytes than listed.
    """
    part = part_of(parts, file)
    parts.mkdir(parents=True, exist_ok=True)
    for last in (False, True):
        pieced = _gather(web, file, part, arrived)
        wrong = file.wrong(part)
        if wrong is None:
            break
        _drop(part)
        if last or not pieced:  # what came in one answer is what the server has
            raise FetchError(
                f"what the server sent is not the file: {wrong}",
                where=file.url,
                fix=f"{LATER}; if it stays so, tell the publisher",
            )
    move_into_place(part, target)
    _drop(part)


def _gather(web: Web, file: RemoteFile, part: Path, arrived: Callable[[int], None]) -> bool:
    """Attempt after attempt until the part has all bytes; whether more than one answer
    gave them."""
    tries, had = Tries(file.url, web.patience), _begun(part, file).bytes
    while file.size is None or had < file.size or not part.is_file():
        try:
            return _attempt(web, file, part, arrived) > 0
        except Again as err:
            if isinstance(err, _StartAnew):
                _drop(part)
            now = _begun(part, file).bytes
            if now - had >= _WORTH_BYTES:
                tries.got_on()
            had = now
            tries.wait(err)
    return True


def _attempt(web: Web, file: RemoteFile, part: Path, arrived: Callable[[int], None]) -> int:
    """Take what one answer holds; its first byte's place in the file."""
    begun = _begun(part, file)
    with web.get(file.url, _resuming(begun)) as answer:
        start, total = _offered(answer, begun, file)
        if start == 0:
            _drop(part)
            write_json(
                _about(part), {"url": file.url, "size": file.size, "version": _version(answer)}
            )
        limit = file.size if file.size is not None else total or _UNLISTED_LIMIT
        end = time.monotonic() + web.patience.limit_s(total - start if total else limit)
        here = start
        with part.open("ab", buffering=0) as out:  # unbuffered: what arrived survives a kill
            for piece in answer.iter_raw():
                here += len(piece)
                if here > limit:
                    raise _wrong_size(file, f"more than {limit}")
                out.write(piece)
                arrived(here)
                if time.monotonic() > end:
                    raise Again("the server sends too slowly")
    if total is not None and here < total:
        raise Again(f"the server ended after {here} of {total} bytes")
    return start


def _resuming(begun: _Begun) -> dict[str, str]:
    if not begun.bytes:
        return {}
    # A weak ETag may not stand in If-Range; then _offered compares what the answer says.
    weak = begun.version is None or begun.version.startswith("W/")
    return {"Range": f"bytes={begun.bytes}-"} | ({} if weak else {"If-Range": str(begun.version)})


def _offered(answer: httpx.Response, begun: _Begun, file: RemoteFile) -> tuple[int, int | None]:
    """(first byte that this answer holds, size of the whole file or None if it is not said)."""
    if answer.headers.get("Content-Encoding", "identity").lower() != "identity":
        raise FetchError(
            "the server compresses what should come as it is",
            where=file.url,
            fix="use another mirror",
        )
    if answer.status_code == 200:
        length = answer.headers.get("Content-Length", "")
        total = int(length) if length.isdecimal() else None
        start = 0
    else:
        ranged = _RANGE.match(answer.headers.get("Content-Range", ""))
        if ranged is None or int(ranged[1]) != begun.bytes or _version(answer) != begun.version:
            raise _StartAnew("the file changed on the server, or it does not go on where asked")
        start, total = begun.bytes, int(ranged[3])
    if file.size is not None and total is not None and total != file.size:
        raise _wrong_size(file, str(total))
    return start, total


class _StartAnew(Again):
    """What is here is of no use any more."""


def _begun(part: Path, file: RemoteFile) -> _Begun:
    """What an earlier attempt left; nothing if it may be another file or another version of it."""
    try:
        about = json.loads(_about(part).read_text(encoding="utf-8"))
        size = part.stat().st_size
    except (FileNotFoundError, ValueError):
        return _Begun()
    same = (
        isinstance(about, dict) and about.get("url") == file.url and about.get("size") == file.size
    )
    version = about.get("version") if same else None
    known = isinstance(version, str) or file.hashed  # else a mixture would not be noticed
    if not same or not known or (file.size is not None and size > file.size):
        return _Begun()
    return _Begun(size, version if isinstance(version, str) else None)


def _version(answer: httpx.Response) -> str | None:
    found = answer.headers.get("ETag") or answer.headers.get("Last-Modified")
    return str(found) if found else None


def _about(part: Path) -> Path:
    return part.with_suffix(".json")


def _drop(part: Path) -> None:
    part.unlink(missing_ok=True)
    _about(part).unlink(missing_ok=True)


def _wrong_size(file: RemoteFile, sent: str) -> FetchError:
    return FetchError(
        f"the publisher lists {file.size} bytes and the server sends {sent}",
        where=file.url,
        fix=f"{LATER}; if it stays so, tell the publisher",
    )
