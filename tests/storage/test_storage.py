"""Local files and folders: written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.errors import StoreError
from pipelines.storage import new_folder, read_json, write_atomic, write_json


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
