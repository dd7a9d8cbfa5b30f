"""Pulls a version to a folder: verified file by file, all or nothing.

Under the folder that is asked for, `.<id>.part/` holds what has arrived: finished files below
files/, begun ones below parts/ under their MD5. A pull that was interrupted goes on there. When
every file has the MD5 that DVC recorded and the SHA-256 that the run recorded, files/ becomes
`<id>/` by one rename. A version that is there already is verified, and only what differs is
fetched.
"""

from __future__ import annotations

import hashlib
import json
import shutil
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path, PurePosixPath

from pipelines.errors import VersioningError
from pipelines.storage import sync_folder, sync_tree
from pipelines.storage.lock import locked
from pipelines.storage.resumable import Wanted, gather, here
from pipelines.versioning.catalogue import read_sidecar
from pipelines.versioning.entry import FILE_MD5, FileFacts, Version, checked_name
from pipelines.versioning.pull_errors import DISK, damaged, lost
from pipelines.versioning.source import Source, object_key

Progress = Callable[[int, int], None]  # (bytes here and verified, bytes of the version)
_LOCK_TIMEOUT_S = 5
_NOT_OURS = "do not use this remote until its owner has looked at it"


def pull_version(
    source: Source, version: Version, to: Path, progress: Progress | None = None
) -> Path:
    """Bring a version to `<to>/<id>/` and return that folder.

    Raises:
        VersioningError: the remote does not answer or lacks an object, an object is damaged (it is
            named), a name would lead out of the folder, the disk is full, or another pull of this
            version into this folder is under way.
    """
    lock = to / f".{version.id}.lock"
    busy = VersioningError(
        "another pull of this version is under way",
        where=str(to),
        fix="wait for it to end, or pull to another folder",
    )
    try:
        with locked(lock, _LOCK_TIMEOUT_S, busy):
            try:
                return _pull(source, version, to, progress or (lambda _done, _of: None))
            finally:
                lock.unlink(missing_ok=True)
    except OSError as err:
        raise DISK.refusal(err, to) from err


def wanted_files(source: Source, version: Version) -> list[Wanted]:
    """The files of a version, from DVC's directory object and the version's own record.

    Raises:
        VersioningError: either is lost or damaged, they disagree, or a name is not safe.
    """
    where = f"{source.uri}/{object_key(version.md5)}"
    raw = source.read(object_key(version.md5))
    if raw is None:
        raise lost(version.id, "its list of files", where)
    if hashlib.md5(raw, usedforsecurity=False).hexdigest() != version.md5.removesuffix(".dir"):
        raise damaged(version.id, "its list of files", where)
    sidecar = read_sidecar(source, version.id)
    if sidecar is not None and version.manifest_sha256 not in (
        None,
        sidecar.version.manifest_sha256,
    ):
        raise damaged(version.id, "its record", f"{source.uri}/versions/{version.id}.json")
    facts: Mapping[str, FileFacts] = sidecar.manifest if sidecar else {}
    listed = [_wanted(entry, facts, where) for entry in _entries(raw, where)]
    _check_tree([w.name for w in listed], where)
    if sidecar is not None and sorted(facts) != sorted(w.name for w in listed):
        raise damaged(version.id, "its record", f"{source.uri}/versions/{version.id}.json")
    return listed


def _entries(raw: bytes, where: str) -> list[Mapping[str, object]]:
    """DVC's list of files. Raises VersioningError if it is something else under the right hash."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError) as err:
        raise VersioningError(
            "the remote's list of files is no JSON", where=where, fix=_NOT_OURS
        ) from err
    if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
        raise VersioningError(
            "the remote's list of files is no list of files", where=where, fix=_NOT_OURS
        )
    return found


def _check_tree(names: Sequence[str], where: str) -> None:
    """Raise VersioningError for names that cannot all lie in one folder."""
    folders = {parent.as_posix() for name in names for parent in PurePosixPath(name).parents}
    odd = sorted(
        {name for name in names if name in folders}
        or {n for n, times in Counter(names).items() if times > 1}
    )
    if odd:
        raise VersioningError(
            f"the remote names {odd[0]!r} twice, or as a file and as a folder",
            where=where,
            fix=_NOT_OURS,
        )


def _pull(source: Source, version: Version, to: Path, progress: Progress) -> Path:
    final, staging = to / version.id, to / f".{version.id}.part"
    if final.is_symlink() or staging.is_symlink() or (final.exists() and not final.is_dir()):
        raise VersioningError(
            "a link or a file is where the version belongs",
            where=str(final),
            fix="remove it, or pull to another folder",
        )
    listed = wanted_files(source, version)
    home = final if final.is_dir() else staging / "files"
    missing = [file for file in listed if not file.fits(home / file.name)]
    parts = {file.name: staging / "parts" / file.hashes["md5"] for file in missing}
    DISK.require_room(to, version.id, [file.left(parts[file.name]) for file in missing])
    done = _size(listed) - _size(missing)
    progress(done, version.bytes)
    for file in missing:
        part, target = parts[file.name], home / file.name
        _fetch(
            source,
            version,
            file,
            part,
            lambda n, done=done: progress(done + n, version.bytes),  # type: ignore[misc]
        )
        _refuse_links(home, target)
        target.parent.mkdir(parents=True, exist_ok=True)
        done += here(part)
        part.replace(target)
    if home != final:
        home.mkdir(parents=True, exist_ok=True)  # a version without files is a folder all the same
        sync_tree(home)
        home.rename(final)
        sync_folder(to)
    shutil.rmtree(staging, ignore_errors=True)
    return final


def _fetch(
    source: Source, version: Version, file: Wanted, part: Path, progress: Callable[[int], None]
) -> None:
    """The verified bytes of a file, under parts/."""
    key = object_key(file.hashes["md5"])
    where = f"{source.uri}/{key}"
    size = source.size(key) if file.size is None else file.size

    def read(start: int, stop: int) -> bytes:
        piece = source.part(key, start, stop)
        if piece is None:
            raise lost(version.id, file.name, where)
        return piece

    if size is None:
        raise lost(version.id, file.name, where)
    gather(read, replace(file, size=size), part, damaged(version.id, file.name, where), progress)


def _wanted(entry: Mapping[str, object], facts: Mapping[str, FileFacts], where: str) -> Wanted:
    """A file of DVC's list: how it must hash, and its size if the version's record tells."""
    name, md5 = checked_name(entry.get("relpath"), where), entry.get("md5")
    if not isinstance(md5, str) or not FILE_MD5.match(md5):
        raise VersioningError(f"the remote names an object {md5!r}", where=where, fix=_NOT_OURS)
    if name not in facts:
        return Wanted(name, None, {"md5": md5})
    return Wanted(name, facts[name].bytes, {"md5": md5, "sha256": facts[name].sha256})


def _refuse_links(home: Path, target: Path) -> None:
    for folder in [target, *target.parents]:
        if folder == home:
            return
        if folder.is_symlink():
            raise VersioningError(
                "a link is where a file of the version belongs",
                where=str(folder),
                fix="remove it, or pull to another folder",
            )


def _size(files: list[Wanted]) -> int:
    return sum(file.size or 0 for file in files)
