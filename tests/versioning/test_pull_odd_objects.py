"""A remote of odd objects: `pull` ends with a sentence, whatever lies where a list or a file
should.
"""

from __future__ import annotations

import hashlib
import json
import os
from pathlib import Path
from typing import Any

import pytest

from pipelines.errors import StoreError, VersioningError
from pipelines.storage import remote
from pipelines.versioning.entry import Version
from pipelines.versioning.pull import pull_version
from pipelines.versioning.source import Source, object_key


def put(root: Path, raw: bytes, suffix: str = "") -> str:
    """Lay an object where DVC would; its MD5."""
    md5 = hashlib.md5(raw, usedforsecurity=False).hexdigest() + suffix
    path = root / object_key(md5)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(raw)
    return md5


def version_of(root: Path, listed: bytes) -> Version:
    """A version whose list of files is this, under its right hash, and that has no other record."""
    md5 = put(root, listed, ".dir")
    return Version(
        id="report-r1",
        kind="report",
        version="r1",
        run_id="r1",
        files=1,
        bytes=2,
        content_id="0" * 16,
        md5=md5,
        manifest_sha256=None,
        published_at="2018-12-04T00:00:00+00:00",
        as_of_week="2018-w48",
    )  # type: ignore[arg-type]


def entry(root: Path, name: Any, raw: bytes = b"xx") -> dict[str, Any]:
    return {"relpath": name, "md5": put(root, raw)}


@pytest.mark.parametrize(
    "listed",
    [b"", b"\xff\xfe", b"{}", b"3", b"null", b'"text"', b"[1, 2]", b"[[]]", b"[null]", b"[" * 100_000, b'[{"md5": 3}]'],
    ids=lambda raw: repr(raw[:12]),
)  # fmt: skip
def test_a_list_of_files_that_is_something_else_is_named(tmp_path: Path, listed: bytes) -> None:
    version = version_of(tmp_path / "remote", listed)
    with pytest.raises(VersioningError) as caught:
        pull_version(Source(str(tmp_path / "remote")), version, tmp_path / "to")
    assert caught.value.where and caught.value.fix


@pytest.mark.parametrize("names", [("a", "a"), ("a", "a/b"), ("x/y/z", "x/y")])
def test_names_that_cannot_lie_in_one_folder_are_named_before_anything_is_written(
    tmp_path: Path, names: tuple[str, str]
) -> None:
    root = tmp_path / "remote"
    version = version_of(root, json.dumps([entry(root, name) for name in names]).encode())
    with pytest.raises(VersioningError, match="twice, or as a file and as a folder"):
        pull_version(Source(str(root)), version, tmp_path / "to")
    assert [path for path in (tmp_path / "to").rglob("*") if path.is_file()] == []


def test_a_list_of_files_under_the_hash_of_another_is_damaged(tmp_path: Path) -> None:
    root = tmp_path / "remote"
    version = version_of(root, json.dumps([entry(root, "a")]).encode())
    (root / object_key(version.md5)).write_bytes(json.dumps([entry(root, "b")]).encode())
    with pytest.raises(VersioningError, match="its list of files"):
        pull_version(Source(str(root)), version, tmp_path / "to")


@pytest.mark.parametrize("md5", ["A" * 32, "0" * 31, 3])
def test_an_object_under_no_hash_is_named_before_it_is_looked_for(
    tmp_path: Path, md5: object
) -> None:
    root = tmp_path / "remote"
    version = version_of(root, json.dumps([{"relpath": "a", "md5": md5}]).encode())
    with pytest.raises(VersioningError, match="names an object"):
        pull_version(Source(str(root)), version, tmp_path / "to")


def test_a_folder_in_an_objects_place_has_no_size(tmp_path: Path) -> None:
    (tmp_path / "object").mkdir()
    assert remote.Folder(str(tmp_path)).size("object") is None


def test_an_object_that_is_a_folder_is_missing(tmp_path: Path) -> None:
    root = tmp_path / "remote"
    listed = [entry(root, "a")]
    path = root / object_key(listed[0]["md5"])
    path.unlink()
    path.mkdir()
    version = version_of(root, json.dumps(listed).encode())
    with pytest.raises(VersioningError, match="is not in the remote"):
        pull_version(Source(str(root)), version, tmp_path / "to")


def test_a_pipe_is_no_object_and_is_never_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    both_ends = os.open(tmp_path / "pipe", os.O_RDWR)  # so that even the unguarded read returns
    try:
        with pytest.raises(StoreError) as caught:
            remote.Folder(str(tmp_path)).part("pipe", 0, 2)
    finally:
        os.close(both_ends)
    assert isinstance(caught.value.__cause__, FileNotFoundError)


def test_a_record_of_gigabytes_is_not_read_into_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "index.json").write_bytes(b"{" + b" " * 2000 + b"}")
    monkeypatch.setattr(remote, "MOST_READ_BYTES", 1000)
    with pytest.raises(StoreError, match="where a list or a record belongs"):
        remote.Folder(str(tmp_path)).read("index.json")
