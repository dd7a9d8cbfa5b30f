"""The prediction log: one line for each answered request, so that an answer can be traced later.

`artifacts/predictions/<YYYY-MM-DD>/<writer>.jsonl`, the day in UTC, one file a writer and day. What
was asked is known here by its hash alone: no text, image or count of a request is ever in it.

One `write` on a file opened to append, before the answer is sent: what a caller has seen is in the
log even if the process is killed in the next instant. Nothing is synced to disk at each request, so
a power cut may take the last seconds; it leaves at most one torn line a file, which readers skip.
"""

from __future__ import annotations

import os
import re
import secrets
import shutil
import threading
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, date, timedelta
from pathlib import Path

from pydantic import AwareDatetime, BaseModel, ConfigDict, ValidationError

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError

FOLDER = "predictions"
DEFAULT_DAYS = 400  # the same week of the next year has come, and a month to look back at it
_SUFFIX = ".jsonl"
_DAY = re.compile(r"^\d{4}-\d{2}-\d{2}$")


class _Logged(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore")  # a newer version's line can be read


class LoggedPrediction(_Logged):
    """One row's answer. The weeks are None for rows of vectors, which name no origin;
    probability and outbreak of a published row whose unit is held or did not report."""

    municipality_code: str
    horizon_weeks: int
    origin_week: str | None
    target_week: str | None
    probability: float | None
    outbreak: bool | None


class LoggedAnswer(_Logged):
    """One answered request. The trace id comes first in the line: a search reads no further.

    Attributes:
        at: when it was answered, UTC.
        input_sha256: of the request's body, or of a query, byte by byte as it was sent.
        model_version: the registry's number of the bundle.
        predictions: none where every unit of a published forecast was asked for: its version,
            which never changes, holds them.
        forecast_version: that the rows were read from; None if a model was asked.
    """

    trace_id: str
    at: AwareDatetime
    input_sha256: str
    bundle_id: str
    model_version: str
    predictions: list[LoggedPrediction]
    forecast_version: str | None = None


@dataclass(frozen=True)
class DamagedLine:
    """A line that holds no answer: torn by a power cut or a full disk, or changed by hand."""

    file: Path
    line_no: int


class PredictionLog:
    """Appends answers to one file a day that no other process writes. Safe for threads."""

    def __init__(self, paths: DeploymentPaths) -> None:
        self._folder = log_folder(paths)
        self._name = f"{os.getpid()}-{secrets.token_hex(4)}{_SUFFIX}"
        self._lock = threading.Lock()
        self._fd: int | None = None
        self._day = ""
        self._torn = False

    def append(self, answer: LoggedAnswer) -> None:
        """Add one line. Raises OSError if it is not there whole; the next call tries afresh."""
        line = answer.model_dump_json(exclude_defaults=True).encode() + b"\n"
        day = answer.at.astimezone(UTC).date().isoformat()
        with self._lock:
            try:
                self._write(self._file(day), line)
            except OSError:
                self._close()  # whatever is wrong with it, the next call opens it again
                raise

    def close(self) -> None:
        """Bring the last lines to the disk and close the file. Raises OSError if that fails."""
        with self._lock:
            try:
                if self._fd is not None:
                    os.fsync(self._fd)
            finally:
                self._close()

    def _file(self, day: str) -> int:
        """The day's file, opened again if it was removed under us: its lines would be lost."""
        if self._fd is not None and (day != self._day or os.fstat(self._fd).st_nlink == 0):
            self._close()
        if self._fd is None:
            folder = self._folder / day
            self._folder.mkdir(parents=True, mode=0o700, exist_ok=True)
            folder.mkdir(mode=0o700, exist_ok=True)
            flags = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
            self._fd, self._day = os.open(folder / self._name, flags, 0o600), day
            self._torn = _ends_torn(self._fd)
        return self._fd

    def _write(self, fd: int, line: bytes) -> None:
        """All of a line. After a torn one a line break comes first, so that only that one
        is lost."""
        left = memoryview(b"\n" + line if self._torn else line)
        while left:
            left = left[os.write(fd, left) :]  # a single write may be short
        self._torn = False

    def _close(self) -> None:
        fd, self._fd = self._fd, None
        if fd is not None:
            os.close(fd)


def _ends_torn(fd: int) -> bool:
    """Whether a file ends within a line; a failed write closes the file, so it is asked at
    opening."""
    size = os.fstat(fd).st_size
    return size > 0 and os.pread(fd, 1, size - 1) != b"\n"


def log_folder(paths: DeploymentPaths) -> Path:
    """The folder that holds the day folders; it may not be there yet."""
    return paths.artifacts / FOLDER


def logged_days(paths: DeploymentPaths) -> list[date]:
    """Days that have a folder, newest first."""
    return [day for day, _ in _day_folders(paths)]


def read_predictions(paths: DeploymentPaths, trace_id: str) -> LoggedAnswer | None:
    """The answer with this trace id, or None; days are searched newest first, line by line.

    Raises:
        StoreError: the log is there but cannot be read.
    """
    start = f'{{"trace_id":"{trace_id}",'.encode()
    for _, folder in _day_folders(paths):
        for path in _files(folder):
            for line in _lines(path):
                if line.startswith(start) and (answer := _parse(line)):
                    return answer
    return None


def read_day(
    paths: DeploymentPaths, day: date, damaged: list[DamagedLine] | None = None
) -> Iterator[LoggedAnswer]:
    """Every answer of a UTC day: file by file, each in the order written. No such day is no answer.

    Args:
        damaged: takes the lines that were skipped because they hold no answer.

    Raises:
        StoreError: as read_predictions.
    """
    folder = log_folder(paths) / day.isoformat()
    for path in _files(folder) if folder.is_dir() else []:
        for line_no, line in enumerate(_lines(path), start=1):
            answer = _parse(line)
            if answer is not None:
                yield answer
            elif line.strip() and damaged is not None:
                damaged.append(DamagedLine(path, line_no))


def prune(paths: DeploymentPaths, keep_days: int, today: date) -> list[date]:
    """Remove the folders of days more than `keep_days` before today; return those days.

    The clock alone does not decide: a day goes when more than `keep_days` days of the log lie
    between it and today. So a clock that is wrong by years removes nothing, and days on which the
    endpoint was off (`mark_day`) keep the older ones for as much longer. Only whole day folders go,
    and nothing that does not look like one. Several processes may do it at once. Raises OSError if
    a folder cannot be removed.
    """
    oldest, folders = today - timedelta(days=keep_days), _day_folders(paths)
    known = [(day, folder) for day, folder in folders if day <= today]
    old = [(day, folder) for day, folder in known[keep_days + 1 :] if day < oldest]
    for _, folder in old:
        try:
            shutil.rmtree(folder)
        except FileNotFoundError:
            shutil.rmtree(folder, ignore_errors=True)  # another process was faster at some file
    return [day for day, _ in old]


def mark_day(paths: DeploymentPaths, day: date) -> None:
    """Leave a folder for a day on which a process of the endpoint was up, asked or not."""
    (log_folder(paths) / day.isoformat()).mkdir(parents=True, exist_ok=True)


def _day_folders(paths: DeploymentPaths) -> list[tuple[date, Path]]:
    """(day, folder), newest first; symlinks and other names are none of ours."""
    top = log_folder(paths)
    found = []
    for folder in _entries(top) if top.is_dir() else []:
        day = _day_of(folder.name)
        if day is not None and folder.is_dir() and not folder.is_symlink():
            found.append((day, folder))
    return sorted(found, reverse=True)


def _files(folder: Path) -> list[Path]:
    return [path for path in _entries(folder) if path.suffix == _SUFFIX]


def _entries(folder: Path) -> list[Path]:
    """What lies in a folder, sorted; glob would take one that we may not read for an empty one."""
    try:
        return sorted(folder.iterdir())
    except FileNotFoundError:
        return []  # retention was faster
    except OSError as err:
        raise _unreadable(folder, err) from err


def _lines(path: Path) -> Iterator[bytes]:
    try:
        with path.open("rb") as lines:
            yield from lines
    except FileNotFoundError:
        return  # retention was faster
    except OSError as err:
        raise _unreadable(path, err) from err


def _unreadable(path: Path, err: OSError) -> StoreError:
    return StoreError(
        f"the prediction log cannot be read: {err.strerror or err}",
        where=str(path),
        fix="run this as the user that the endpoint runs as; nobody else may read the log",
    )


def _day_of(name: str) -> date | None:
    try:
        return date.fromisoformat(name) if _DAY.match(name) else None
    except ValueError:
        return None


def _parse(line: bytes) -> LoggedAnswer | None:
    """The line's answer, or None; one without its line break may have been cut inside a number."""
    if not line.endswith(b"\n"):
        return None
    try:
        return LoggedAnswer.model_validate_json(line)
    except ValidationError:
        return None
