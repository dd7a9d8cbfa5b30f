"""Atomic writes, and folders published and brought back."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import StoreError
from pipelines.storage import (
    MANIFEST,
    manifest_of,
    materialise,
    new_folder,
    publish,
    read_json,
    write_atomic,
    write_json,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_atomic(tmp_path / "work" / "a.txt", "first")
    write_atomic(tmp_path / "work" / "deep" / "b.bin", b"\0second")
    return tmp_path / "work"


def test_a_published_folder_comes_back_byte_equal(folder: Path, tmp_path: Path) -> None:
    uri = publish(folder, str(tmp_path / "remote"))
    assert manifest_of(materialise(uri, tmp_path / "back")) == manifest_of(folder)


def test_publishing_equal_content_again_writes_nothing(folder: Path, tmp_path: Path) -> None:
    uri = Path(publish(folder, str(tmp_path / "remote")))
    before = {p: p.stat().st_mtime_ns for p in uri.rglob("*")}
    assert publish(folder, str(tmp_path / "remote")) == str(uri)
    assert {p: p.stat().st_mtime_ns for p in uri.rglob("*")} == before


def test_what_is_not_complete_is_not_brought_back(folder: Path, tmp_path: Path) -> None:
    uri = Path(publish(folder, str(tmp_path / "remote")))
    (uri / MANIFEST).unlink()
    with pytest.raises(StoreError, match="nothing complete"):
        materialise(str(uri), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_damaged_file_is_named_and_leaves_nothing_behind(folder: Path, tmp_path: Path) -> None:
    uri = Path(publish(folder, str(tmp_path / "remote")))
    (uri / "a.txt").write_text("other")
    with pytest.raises(StoreError, match=r"a\.txt is damaged"):
        materialise(str(uri), tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_folder_that_fails_half_way_never_appears(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), new_folder(tmp_path / "final") as temp:
        (temp / "half").write_text("x")
        _ = 1 / 0
    assert list(tmp_path.iterdir()) == []


def test_a_write_that_fails_keeps_the_old_file_and_no_temp_file(tmp_path: Path) -> None:
    path = write_json(tmp_path / "x.json", {"a": 1})
    with pytest.raises(ValueError, match="JSON"):
        write_json(path, {"a": float("nan")})
    path.with_name("x").mkdir()
    with pytest.raises(OSError, match="directory"):
        write_atomic(path.with_name("x"), "a folder is in the way")
    assert read_json(path) == {"a": 1}
    assert {p.name for p in tmp_path.iterdir()} == {"x", "x.json"}


def test_a_damaged_record_is_named(tmp_path: Path) -> None:
    path = write_atomic(tmp_path / "x.json", "{")
    with pytest.raises(StoreError, match="damaged"):
        read_json(path)
