"""A fetch that was cut off goes on with the bytes that had arrived, counted at the store."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pytest
from support.s3 import Bucket

from pipelines.errors import StoreError
from pipelines.storage import manifest_of, materialise, publish, sha256_file, write_atomic
from pipelines.storage.objects import object_key
from pipelines.storage.resumable import Wanted, gather
from pipelines.storage.s3 import _TRIES, _client

BYTES = bytes(range(256)) * 40_000  # three pieces of 4 MB
PIECE = 4 << 20
SENT = 128 << 10  # before the line breaks


@pytest.fixture(autouse=True)
def _one_try(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")  # the library's own: ours is tested
    _client.cache_clear()


@pytest.fixture
def big(tmp_path: Path) -> Path:
    return write_atomic(tmp_path / "work" / "big.bin", BYTES)


def starts(s3: Bucket) -> list[int]:
    return [first for _, first, _ in s3.ranges()]


def test_a_stream_that_breaks_in_the_middle_is_gone_on_with(
    big: Path, s3: Bucket, tmp_path: Path
) -> None:
    address = publish(big.parent, s3.uri)
    s3.server.cut_reads(SENT, 0, SENT)
    assert manifest_of(materialise(address, tmp_path / "back")) == manifest_of(big.parent)
    assert starts(s3) == [0, SENT, SENT, *(2 * SENT + n * PIECE for n in range(3))]


@pytest.mark.parametrize("kind", ["file", "folder"])
def test_a_call_that_was_cut_off_is_gone_on_with_by_the_next(
    kind: str, big: Path, s3: Bucket, tmp_path: Path
) -> None:
    what = big if kind == "file" else big.parent
    address, to = publish(what, s3.uri), tmp_path / "back"
    s3.server.cut_reads(len(BYTES), SENT, *[0] * _TRIES)
    with pytest.raises(StoreError, match="the store"):
        materialise(address, to)
    assert not to.exists()
    before = len(s3.ranges())
    materialise(address, to)
    assert starts(s3)[before:] == [PIECE + SENT, 2 * PIECE + SENT]
    assert sha256_file(to if kind == "file" else to / big.name) == sha256_file(big)
    assert not [path for path in tmp_path.glob(".back*") if path.suffix != ".lock"]


def test_what_was_left_of_another_file_is_begun_again_and_never_taken(
    big: Path, s3: Bucket, tmp_path: Path
) -> None:
    address, to = publish(big, s3.uri), tmp_path / "back"
    s3.server.cut_reads(SENT, *[0] * _TRIES)
    with pytest.raises(StoreError):
        materialise(address, to)
    (part,) = (tmp_path / ".back.begun.partial").iterdir()
    part.write_bytes(bytes(SENT))
    materialise(address, to)
    assert sha256_file(to) == sha256_file(big)


@pytest.mark.parametrize("store", ["folder", "s3"])
def test_an_object_that_was_cut_short_is_damaged(
    store: str, big: Path, s3: Bucket, tmp_path: Path
) -> None:
    uri = s3.uri if store == "s3" else str(tmp_path / "store")
    address, key = publish(big, uri), object_key(sha256_file(big))
    if store == "s3":
        s3.write(key, BYTES[:PIECE])  # a whole piece: the next one begins past the end
    else:
        (tmp_path / "store" / key).write_bytes(BYTES[:PIECE])
    with pytest.raises(StoreError, match=rf"is damaged in the store.*{key}"):
        materialise(address, tmp_path / "back")
    assert not (tmp_path / "back").exists()


class _Usage(NamedTuple):
    total: int
    used: int
    free: int


def test_a_disk_without_room_is_said_before_the_first_byte(
    big: Path, s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    address = publish(big.parent, s3.uri)
    monkeypatch.setattr(shutil, "disk_usage", lambda _path: _Usage(10, 0, 20 << 20))
    with pytest.raises(StoreError, match=r"needs 9 MB more and the disk has 20 MB.*make room"):
        materialise(address, tmp_path / "back")
    assert s3.ranges() == []


def test_what_the_folder_refuses_is_named(big: Path, s3: Bucket, tmp_path: Path) -> None:
    address = publish(big, s3.uri)
    write_atomic(tmp_path / ".back.begun.partial", "a file where parts gather")
    with pytest.raises(StoreError, match=r"does not take the files.*check its path"):
        materialise(address, tmp_path / "back")


def test_a_link_where_bytes_gather_is_not_written_through(tmp_path: Path) -> None:
    outside, part = write_atomic(tmp_path / "outside", "m"), tmp_path / "part"
    part.symlink_to(outside)
    wanted = Wanted("x", 4, {"sha256": sha256_file(write_atomic(tmp_path / "x", "mi00"))})
    gather(lambda start, stop: b"mi00"[start:stop], wanted, part, StoreError("damaged"))
    assert (outside.read_text(), part.read_text()) == ("m", "mi00")


def test_a_store_that_sends_more_than_was_asked_adds_nothing(tmp_path: Path) -> None:
    wanted = Wanted("x", 2, {"sha256": sha256_file(write_atomic(tmp_path / "x", "mi"))})
    gather(lambda _start, _stop: b"mine", wanted, tmp_path / "part", StoreError("damaged"))
    assert (tmp_path / "part").read_text() == "mi"
