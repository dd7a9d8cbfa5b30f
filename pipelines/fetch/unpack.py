"""Unpacking a zip that came from elsewhere: below its own folder, within limits, whole or not."""

from __future__ import annotations

import shutil
import stat
import zipfile
import zlib
from pathlib import Path

from pipelines.errors import FetchError
from pipelines.fetch.remote_file import safe_path
from pipelines.storage import new_folder

_ENTRIES = 200_000
_TIMES = 20  # what unpacks to more than this is no archive of pictures
_ALLOWANCE_BYTES = 64 << 20  # a small archive of text may well be smaller than its 20th
_ROOM_BYTES = 64 << 20
_PIECE_BYTES = 1 << 20


def unpack(archive: Path) -> bool:
    """Unpack `<name>.zip` to `<name>/` beside it; False if that was done before.

    Raises:
        FetchError: it is damaged, holds links or names that lead out, unpacks to more than it may,
            or `<name>/` holds something else. Nothing of it is then in place.
    """
    folder = archive.with_suffix("")
    try:
        with zipfile.ZipFile(archive) as opened:
            entries = _checked(opened, archive)
            if folder.is_dir():
                return _done_before(entries, folder)
            with new_folder(folder) as temp:
                for path, entry in entries.items():
                    _extract(opened, entry, temp / path)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError) as err:
        raise _refused(archive, f"it is damaged or of a kind that cannot be read ({err})") from err
    except (FileExistsError, NotADirectoryError) as err:
        raise _refused(archive, "a name in it is a file and a folder at once") from err
    return True


def _checked(opened: zipfile.ZipFile, archive: Path) -> dict[str, zipfile.ZipInfo]:
    """Path -> entry of every file in it; all of them are looked at before one is written."""
    entries: dict[str, zipfile.ZipInfo] = {}
    if len(opened.infolist()) > _ENTRIES:
        raise _refused(archive, f"it has more than {_ENTRIES} entries")
    for entry in opened.infolist():
        kind = stat.S_IFMT(entry.external_attr >> 16)
        if kind not in (0, stat.S_IFREG, stat.S_IFDIR):
            raise _refused(archive, f"{entry.filename[:200]!r} is a link or a device")
        if entry.is_dir():
            safe_path(entry.filename.removesuffix("/"), str(archive))
        elif entries.setdefault(safe_path(entry.filename, str(archive)), entry) is not entry:
            raise _refused(archive, f"{entry.filename[:200]!r} is in it twice")
    total, packed = sum(e.file_size for e in entries.values()), archive.stat().st_size
    if total > packed * _TIMES + _ALLOWANCE_BYTES:
        raise _refused(archive, f"its {packed >> 10} kB would become {total >> 20} MB")
    if total + _ROOM_BYTES > (free := shutil.disk_usage(archive.parent).free):
        raise FetchError(
            f"unpacked it needs {total >> 20} MB and the disk has {free >> 20} MB free",
            where=str(archive),
            fix="make room, then run the same command again; nothing is fetched twice",
        )
    return entries


def _extract(opened: zipfile.ZipFile, entry: zipfile.ZipInfo, target: Path) -> None:
    """One file, no longer than its entry says; zipfile compares the CRC at its end."""
    target.parent.mkdir(parents=True, exist_ok=True)
    left = entry.file_size
    with opened.open(entry) as source, target.open("xb") as out:
        while piece := source.read(_PIECE_BYTES):
            left -= len(piece)
            if left < 0:
                raise zipfile.BadZipFile(f"{entry.filename!r} is longer than it says")
            out.write(piece)
    if left:
        raise zipfile.BadZipFile(f"{entry.filename!r} is shorter than it says")


def _done_before(entries: dict[str, zipfile.ZipInfo], folder: Path) -> bool:
    for path, entry in entries.items():
        file = folder / path
        if file.is_symlink() or not file.is_file() or file.stat().st_size != entry.file_size:
            raise FetchError(
                f"{path} is not what the archive holds",
                where=str(folder),
                fix="remove that folder, then run the same command again; nothing is fetched twice",
            )
    return False


def _refused(archive: Path, why: str) -> FetchError:
    return FetchError(
        f"the archive is not unpacked: {why}",
        where=str(archive),
        fix=(
            "do not use it; delete it, run the same command again, and if it stays so tell the "
            "publisher"
        ),
    )
