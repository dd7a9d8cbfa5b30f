"""What is announced is on the disk: the order of fsync and rename, as the operating system is
asked.
"""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import pytest

from pipelines.config import DeploymentPaths
from pipelines.data.intake import accepted_file
from pipelines.data.samples import _keep
from pipelines.storage import new_folder, sync_folder, write_atomic, write_json
from pipelines.storage.resumable import move_into_place
from pipelines.versioning import publish

Asked = list[tuple[str, str]]


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Asked:
    """(what, path below the test's folder) of every sync and rename, in order, each really done."""
    done: Asked = []

    def below(path: Any) -> str:
        name = os.path.relpath(path, tmp_path)
        return "/".join(
            "<temp>" if part.startswith(".") and len(part) > 1 else part for part in name.split("/")
        )

    real = {name: getattr(os, name) for name in ("fsync", "sync", "replace", "rename")}

    def fsync(handle: int) -> None:
        done.append(("fsync", below(Path(f"/proc/self/fd/{handle}").readlink())))
        real["fsync"](handle)

    def moved(name: str) -> Any:
        def move(source: Any, target: Any, **more: Any) -> None:
            done.append(("rename", below(target)))
            real[name](source, target, **more)

        return move

    monkeypatch.setattr(os, "fsync", fsync)
    monkeypatch.setattr(os, "sync", lambda: done.append(("sync", "all")))
    for name in ("replace", "rename"):
        monkeypatch.setattr(os, name, moved(name))
    return done


def test_a_files_bytes_go_before_its_name_and_its_name_before_the_caller(
    tmp_path: Path, asked: Asked
) -> None:
    write_atomic(tmp_path / "file", b"x")
    assert asked == [("fsync", "<temp>"), ("rename", "file"), ("fsync", ".")]


def test_what_was_brought_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, asked: Asked
) -> None:
    (tmp_path / "part").write_text("x")
    move_into_place(tmp_path / "part", tmp_path / "file", 0o444)
    assert asked == [("fsync", "part"), ("rename", "file"), ("fsync", ".")]
    assert (tmp_path / "file").stat().st_mode & 0o777 == 0o444


def test_folders_that_had_to_be_made_are_synced_in_theirs(tmp_path: Path, asked: Asked) -> None:
    write_json(tmp_path / "new" / "deep" / "file.json", {})
    synced = [name for what, name in asked if what == "fsync"]
    assert synced[0].endswith("<temp>") and set(synced[1:]) == {"new/deep", "new", "."}


def test_all_of_a_folder_is_on_the_disk_before_it_has_its_name(
    tmp_path: Path, asked: Asked
) -> None:
    with new_folder(tmp_path / "version") as temp:
        (temp / "a").write_text("1")
        (temp / "sub").mkdir()
        (temp / "sub" / "b").write_text("2")
    at = asked.index(("rename", "version"))
    inside = {("fsync", f"<temp>{name}") for name in ("", "/a", "/sub", "/sub/b")}
    assert set(asked[:at]) == inside and asked[at + 1 :] == [("fsync", ".")]


def test_what_is_written_into_a_new_folder_is_synced_once(tmp_path: Path, asked: Asked) -> None:
    with new_folder(tmp_path / "version") as temp:
        write_json(temp / "a.json", {})
        write_atomic(temp / "sub" / "b", b"2")
        write_atomic(tmp_path / "beside", b"3")
    synced = [name for what, name in asked if what == "fsync"]
    inside = ["<temp>", "<temp>/a.json", "<temp>/sub", "<temp>/sub/b"]
    assert [synced.count(name) for name in inside[1:]] == [1, 1, 1]
    assert asked.index(("rename", "beside")) < asked.index(("fsync", "<temp>/a.json"))
    assert asked.index(("fsync", "<temp>/sub/b")) < asked.index(("rename", "version"))


def test_of_a_folder_of_many_files_all_is_synced_at_once(tmp_path: Path, asked: Asked) -> None:
    with new_folder(tmp_path / "drop") as temp:
        for number in range(65):
            (temp / str(number)).touch()
    assert asked == [("sync", "all"), ("rename", "drop"), ("fsync", ".")]


def test_a_dataset_is_on_the_disk_before_it_is_named_as_accepted(
    tmp_path: Path, asked: Asked
) -> None:
    made = tmp_path / "made"
    made.mkdir()
    (made / "rows").write_text("1")
    final = _keep(made, tmp_path)
    write_json(accepted_file(DeploymentPaths(home=tmp_path)), {"dataset_version": final.name})
    order = [
        asked.index(one)
        for one in (
            ("fsync", "made/rows"),
            ("fsync", "made"),
            ("rename", final.name),
            ("fsync", "."),
        )
    ]
    assert order == sorted(order) and order[-1] < asked.index(("rename", "artifacts/accepted.json"))


def test_a_version_is_announced_after_its_objects_are_on_the_disk(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """DVC syncs nothing of what it writes."""
    order: list[str] = []
    steps = ("add_and_push", "sync_all", "publish_records", "_keep_here")
    monkeypatch.setattr(publish, "remote_uri", lambda _: str(tmp_path))
    monkeypatch.setattr(publish, "lay_out", lambda *_: tmp_path)
    monkeypatch.setattr(publish, "_record", lambda *_: (Mock(), ""))
    for name in steps:
        monkeypatch.setattr(publish, name, lambda *_, name=name: order.append(name))
    draft = type("Draft", (), {"id": "forecasts-1"})()
    publish._add(DeploymentPaths(home=tmp_path), tmp_path, [draft])
    assert order == list(steps)


def test_a_network_share_that_syncs_no_folder_is_written_to_all_the_same(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def cannot(_: int) -> None:
        raise OSError(errno.EINVAL, "Invalid argument")

    monkeypatch.setattr(os, "fsync", cannot)
    sync_folder(tmp_path)
    monkeypatch.setattr(os, "fsync", lambda _: (_ for _ in ()).throw(OSError(errno.EIO, "I/O")))
    with pytest.raises(OSError, match="I/O"):
        sync_folder(tmp_path)
