"""Bringing a data set: terms, plan, room on the disk, then file by file, then what is packed.

Under the folder that is asked for, `.fetch/` holds parts that are under way, what was verified (so
that a second call reads nothing twice) and a lock.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from pathlib import Path

from pipelines.data.filecache import FileCache
from pipelines.errors import FetchError
from pipelines.fetch.datasets import DATASETS, Dataset
from pipelines.fetch.download import download, part_of
from pipelines.fetch.listing import Listing
from pipelines.fetch.remote_file import RemoteFile
from pipelines.fetch.terms import Terms, require_accepted
from pipelines.fetch.unpack import unpack
from pipelines.fetch.web import LATER, Patience, Refused, Unanswered, Web
from pipelines.run.progress import Progress
from pipelines.storage.lock import locked
from pipelines.storage.resumable import Disk, here

log = logging.getLogger(__name__)
_DISK = Disk(FetchError, "fetch into another", LATER)
_STATE = ".fetch"
_LOCK_TIMEOUT_S = 0.5
_SPARE_BYTES = 1 << 28  # left free on the disk
_GIVE_UP_AFTER = 3  # files in a row that get no answer: then it is the server, not the file
_SAVE_EVERY = 500
_WILD = "*?["


@dataclass
class Fetched:
    """What came of it.

    Attributes:
        files: how many were asked for; bytes: of all of them, as far as the server says.
        whole: of them, already here; brought: of them, brought now.
        size_only: of them, how many the publisher gives no hash for.
        unpacked: archives unpacked now.
        refused: links of the server's pages that lead out of their folder.
    """

    files: int = 0
    bytes: int = 0
    whole: int = 0
    brought: int = 0
    size_only: int = 0
    unpacked: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


def fetch(
    name: str,
    to: Path,
    only: Sequence[str] = (),
    base_url: str | None = None,
    accept: bool = False,
    show: Callable[[Dataset, Terms], None] = lambda _dataset, _terms: None,
    patience: Patience | None = None,
) -> Fetched:
    """Bring a data set, or what of it matches `only`, to the folder `to`. May be called again.

    Args:
        only: patterns of relative paths, such as "10_municipalities/images/5001/*"; none: all.
        base_url: another address of the same data; gets no credentials unless on this machine.
        accept: the caller read the terms of use and accepts them.
        show: called with the terms before anything rests on them.

    Raises:
        FetchError: the terms are not accepted, the disk is too small, or not every file came whole
            (each is named; the others are in place).
        StoreError: the disk is full.
    """
    dataset, to = DATASETS[name], to.absolute()
    base = dataset.address(base_url)
    secret = dataset.secret(base)
    web = Web(base, secret, dataset.denied, patience or Patience())
    busy = FetchError(
        "another fetch into this folder is under way",
        where=str(to),
        fix="wait for it to end, or fetch into another folder",
    )
    try:
        with locked(to / _STATE / "lock", _LOCK_TIMEOUT_S, busy):
            terms, files_of = dataset.terms_and_files(web, base)
            show(dataset, terms)
            require_accepted(terms, name, to, accept)
            listing = files_of(lambda folder: _may_hold(folder, only))
            return _bring(web, to, listing, _chosen(listing, only, base))
    except OSError as err:
        raise _DISK.refusal(err, to) from err
    finally:
        web.close()


def _bring(web: Web, to: Path, listing: Listing, files: list[RemoteFile]) -> Fetched:
    memory = FileCache(to / _STATE / "verified.json")
    done = Fetched(
        len(files),
        sum(f.size or 0 for f in files),
        size_only=sum(not f.hashed for f in files),
        refused=listing.refused,
    )
    try:
        missing = [f for f in files if not _is_whole(_target(to, f), f, memory)]
        done.whole = len(files) - len(missing)
        _check_room(to, missing)
        failures = _bring_each(web, to, missing, memory)
    finally:
        memory.save()
    done.brought = len(missing) - len(failures)
    if failures:
        raise _not_all(failures, done, to)
    for file in files:
        if file.path.lower().endswith(".zip") and unpack(to / file.path):
            done.unpacked.append(file.path)
    with suppress(OSError):  # a part of a file that was not asked for this time stays
        (to / _STATE / "parts").rmdir()
    return done


def _bring_each(
    web: Web, to: Path, missing: list[RemoteFile], memory: FileCache
) -> dict[str, FetchError]:
    """Path -> why, of each file that did not come; the others are in place."""
    parts, failures, in_a_row = to / _STATE / "parts", {}, 0
    meter = _Meter(sum(_left(parts, f) for f in missing))
    for number, file in enumerate(missing, 1):
        meter.begin(here(part_of(parts, file)))
        target = _target(to, file)
        try:
            download(web, file, parts, target, meter.arrived)
        except FetchError as err:
            failures[file.path] = err
            log.warning("%s did not come: %s", file.path, err)
            in_a_row = in_a_row + 1 if isinstance(err, Refused | Unanswered) else 0
            if in_a_row >= _GIVE_UP_AFTER:
                raise
            continue
        in_a_row = 0
        memory.put(target, "fetched", _facts(file))
        if number % _SAVE_EVERY == 0:
            memory.save()
    return failures


class _Meter:
    """Bytes that arrive, told as kB or MB with the ETA; a file that starts anew is not counted
    twice.
    """

    def __init__(self, total: int) -> None:
        self._unit, name = (1 << 20, "MB") if total >= 10 << 20 else (1 << 10, "kB")
        self._total = -(-total // self._unit)
        self._progress = Progress(f"{name} fetched", self._total)
        self._sum = self._reported = self._file = 0

    def begin(self, here: int) -> None:
        """The next file, of which so many bytes are here."""
        self._file = here

    def arrived(self, here: int) -> None:
        """So many bytes of the file are here now."""
        self._sum += max(0, here - self._file)
        self._file = max(here, self._file)
        units = min(self._total, -(-self._sum // self._unit))
        if units > self._reported:
            self._progress.advance(units - self._reported)
            self._reported = units


def _may_hold(folder: str, only: Sequence[str]) -> bool:
    """Whether a file below `folder` can match: what stands before a pattern's first wildcard
    decides.
    """
    heads = [p[: min([p.index(c) for c in _WILD if c in p], default=len(p))] for p in only]
    return not only or any(h.startswith(folder) or folder.startswith(h) for h in heads)


def _chosen(listing: Listing, only: Sequence[str], base: str) -> list[RemoteFile]:
    chosen = [f for f in listing.files if not only or any(fnmatchcase(f.path, p) for p in only)]
    if not chosen:
        some = ", ".join(f.path for f in listing.files[:5]) or "nothing"
        raise FetchError(
            "no file of the data set matches --only",
            where=base,
            fix=f"patterns are of whole paths, such as '10_municipalities/*'; seen were {some}",
        )
    return chosen


def _target(to: Path, file: RemoteFile) -> Path:
    """Where a file goes. Raises FetchError if a link or a folder lies in its way."""
    target = to / file.path
    for place in (target, *target.parents):
        if place == to:
            break
        if (
            place.is_symlink()
            or (place == target and place.is_dir())
            or (place != target and place.is_file())
        ):
            raise FetchError(
                "a link, file or folder is where a file of the data set belongs",
                where=str(place),
                fix="remove it, or fetch into another folder",
            )
    return target


def _is_whole(target: Path, file: RemoteFile, memory: FileCache) -> bool:
    if not target.is_file():
        return False
    if memory.get(target, "fetched") == _facts(file):
        return True
    if file.wrong(target):
        return False
    memory.put(target, "fetched", _facts(file))
    return True


def _facts(file: RemoteFile) -> dict[str, object]:
    return {"size": file.size, "sha256": file.sha256, "md5": file.md5}


def _left(parts: Path, file: RemoteFile) -> int:
    return max(0, (file.size or 0) - here(part_of(parts, file)))


def _check_room(to: Path, missing: list[RemoteFile]) -> None:
    """Room for what is missing, and for archives once more: they are unpacked beside themselves."""
    left = sum(_left(to / _STATE / "parts", f) for f in missing)
    unpacked = sum(f.size or 0 for f in missing if f.path.lower().endswith(".zip"))
    free = shutil.disk_usage(to).free
    if missing and free < left + unpacked + _SPARE_BYTES:
        raise FetchError(
            f"{(left + unpacked + _SPARE_BYTES) >> 20} MB of free disk are needed and there are "
            f"{free >> 20} MB",
            where=str(to),
            fix="make room, fetch into another disk, or take less with --only",
        )


def _not_all(failures: dict[str, FetchError], done: Fetched, to: Path) -> FetchError:
    shown = "; ".join(f"{path}: {err.what}" for path, err in list(failures.items())[:10])
    more = f"; and {len(failures) - 10} more" if len(failures) > 10 else ""
    first = next(iter(failures.values()))
    what = (
        f"{len(failures)} of {done.files} files did not come whole ({shown}{more}); the others "
        "are in place"
    )
    return FetchError(what, where=f"{first.where}, into {to}", fix=first.fix or LATER)
