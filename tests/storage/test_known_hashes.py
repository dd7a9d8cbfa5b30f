"""Hashes of files that were not written since: what is read again, and what is not."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from pipelines.storage import known_hashes as taken
from pipelines.storage import sha256_file
from pipelines.storage.known_hashes import KnownHashes


class Reads:
    """How many files were read for their hashes."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths: list[Path] = []
        self._digests = taken.digests
        monkeypatch.setattr(taken, "digests", self._noted)

    def _noted(self, path: Path, kinds: tuple[str, ...]) -> dict[str, str]:
        self.paths.append(path)
        return self._digests(path, kinds)


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> Reads:
    return Reads(monkeypatch)


@pytest.fixture
def record(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "hashes.json"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "file"
    path.write_text("one")
    return path


def sha256(record: Path, path: Path, believed: bool = True) -> str:
    """As a step of its own finds it and leaves it."""
    known = KnownHashes(record, believed)
    found = known.of(path)["sha256"]
    known.save()
    return found


def test_a_file_is_read_once_whatever_steps_ask_for_it(
    reads: Reads, record: Path, file: Path
) -> None:
    assert sha256(record, file) == sha256(record, file) == sha256_file(file)
    assert reads.paths == [file]


def test_a_hard_link_is_the_same_file(
    reads: Reads, record: Path, file: Path, tmp_path: Path
) -> None:
    sha256(record, file)
    link = tmp_path / "link"
    link.hardlink_to(file)
    assert sha256(record, link) == sha256_file(file)
    assert reads.paths == [file]


def test_a_file_that_was_written_since_is_read_again(
    reads: Reads, record: Path, file: Path
) -> None:
    sha256(record, file)
    file.write_text("two")
    os.utime(file, ns=(1, file.stat().st_mtime_ns + 1))  # whatever the clock's grain
    assert sha256(record, file) == sha256_file(file)
    assert len(reads.paths) == 2


def test_where_the_record_is_not_believed_each_file_is_read_once_more(
    reads: Reads, record: Path, file: Path
) -> None:
    sha256(record, file)
    known = KnownHashes(record, believed=False)
    assert known.of(file) == known.of(file)
    assert len(reads.paths) == 2


@pytest.mark.parametrize("left", ["", "[]", "{", '{"mark": 3}'])
def test_a_damaged_record_costs_a_reading(
    reads: Reads, record: Path, file: Path, left: str
) -> None:
    record.parent.mkdir()
    record.write_text(left)
    assert sha256(record, file) == sha256_file(file)
    assert sha256(record, file) == sha256_file(file)
    assert reads.paths == [file]


def test_what_nobody_asked_for_in_a_quarter_is_forgotten(
    record: Path, file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = tmp_path / "other"
    other.write_text("another")
    now = 20_000 * 86_400
    for day, asked in ((0, (file, other)), (60, (file,)), (120, (file,))):
        monkeypatch.setattr(taken.time, "time", lambda day=day: now + day * 86_400)
        known = KnownHashes(record)
        for path in asked:
            known.of(path)
        known.save()
    assert len(KnownHashes(record)._known) == 1
