"""A full disk in words: which path, what is free there, what was needed."""

from __future__ import annotations

import errno
import os
import re
import shutil
import subprocess
import sys
from collections import namedtuple
from pathlib import Path
from typing import Any

import pytest

from pipelines.cli import main
from pipelines.errors import RegistryError, StoreError, VersioningError
from pipelines.storage import full_disk, in_words, new_folder, room, write_atomic
from pipelines.storage.big_rows import IN_MEMORY_BYTES, empty_rows

NO_SPACE = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
Disk = namedtuple("Disk", "f_bavail f_frsize f_files f_favail")


@pytest.fixture
def full(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every write says that there is no room, and 1 MB is free."""

    def refuse(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(1, 1_000_000, 10, 10))


def test_a_file_that_finds_no_room_is_named_with_what_it_needed(tmp_path: Path, full: None) -> None:
    with pytest.raises(StoreError) as err:
        write_atomic(tmp_path / "rows.parquet", b"x" * 2_500_000)
    assert err.value.what == "the disk is full: 1.0 MB are free, 2.5 MB are needed"
    assert err.value.where == str(tmp_path / "rows.parquet")
    assert "denguard prune" in err.value.fix
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("count", "said"),
    [(0, "0 bytes"), (999, "999 bytes"), (1_500, "1.5 kB"), (2_500_000, "2.5 MB"), (3e9, "3.0 GB")],
)
def test_what_is_needed_is_never_said_to_be_nothing(
    tmp_path: Path, full: None, count: int, said: str
) -> None:
    assert full_disk(tmp_path, int(count)).what.endswith(f"{said} are needed")


def test_a_folder_that_finds_no_room_is_named(tmp_path: Path, full: None) -> None:
    with pytest.raises(StoreError, match="the disk is full") as err, new_folder(tmp_path / "new"):
        raise NO_SPACE
    assert err.value.where == str(tmp_path / "new")


def test_a_disk_without_inodes_says_that_it_holds_no_more_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: Disk(1000, 4096, 10, 0))
    assert "it can hold no more files" in full_disk(tmp_path).what


def test_a_path_that_is_not_there_yet_is_measured_where_it_would_be(tmp_path: Path) -> None:
    assert "are free" in full_disk(tmp_path / "not" / "yet").what


def test_an_error_that_names_its_file_is_told_of_that_file(tmp_path: Path) -> None:
    named = OSError(errno.ENOSPC, "No space left on device", str(tmp_path / "shard"))
    found = in_words(named, [tmp_path])
    assert isinstance(found, StoreError) and found.where == str(tmp_path / "shard")


def test_of_an_error_without_a_path_the_disk_with_the_least_room_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    roomy, tight = tmp_path / "roomy", tmp_path / "tight"
    for folder in (roomy, tight):
        folder.mkdir()

    def measured(path: Path) -> Disk:
        return Disk(1 if Path(path) == tight else 10**6, 4096, 10, 10)

    monkeypatch.setattr(os, "statvfs", measured)
    found = in_words(NO_SPACE, [roomy, tight])
    assert isinstance(found, StoreError) and found.where == str(tight)


@pytest.mark.parametrize(
    "said",
    [
        VersioningError("dvc failed: [Errno 28] No space left on device", where="/srv/versions"),
        RuntimeError("PytorchStreamWriter failed writing file: No space left on device"),
    ],
)
def test_libraries_that_say_it_in_words_alone_are_understood(said: Exception) -> None:
    assert room.is_full(said)


def test_a_cause_deep_below_is_found() -> None:
    error = RegistryError("the bundle could not be put in place")
    error.__cause__ = ValueError("odd")
    error.__cause__.__cause__ = NO_SPACE
    assert room.is_full(error)


def test_a_server_whose_own_disk_is_full_is_left_to_say_so(tmp_path: Path) -> None:
    error = RegistryError("MLflow: database or disk is full", where="MLflow")
    assert in_words(error, [tmp_path]) is error


def test_another_error_stays_what_it_is(tmp_path: Path) -> None:
    error = PermissionError(errno.EACCES, "Permission denied", str(tmp_path))
    assert in_words(error, [tmp_path]) is error


def test_rows_that_find_no_room_are_an_error_and_no_killed_process(full: None) -> None:
    with pytest.raises(StoreError, match="are needed"):
        empty_rows(IN_MEMORY_BYTES // 4 + 1, 1)


def test_the_command_names_path_and_room(
    home: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(home / "artifacts" / "x"))

    monkeypatch.setattr("pipelines.cli.app", fail)
    with pytest.raises(SystemExit):
        main()
    said = capsys.readouterr().err
    assert "the disk is full" in said and "artifacts/x" in said.replace("\n", "")


ON_A_SMALL_DISK = """
import subprocess, sys
from pathlib import Path
from pipelines.errors import StoreError
from pipelines.storage import write_atomic
small = Path(sys.argv[1])
mount = ["mount", "-t", "tmpfs", "-o", "size=4m", "tmpfs", str(small)]
if subprocess.run(mount, check=False).returncode:
    sys.exit(3)
try:
    write_atomic(small / "artifacts" / "rows.parquet", b"x" * 8_000_000)
except StoreError as err:
    print(err.what, "|", err.where, "|", [path.name for path in (small / "artifacts").iterdir()])
"""


def test_on_a_disk_that_is_really_full_nothing_half_made_stays(tmp_path: Path) -> None:
    if shutil.which("unshare") is None:
        pytest.skip("a small disk of its own needs unshare")
    small = ["unshare", "--mount", sys.executable, "-c", ON_A_SMALL_DISK, str(tmp_path)]
    if os.geteuid():
        small[1:1] = ["--user", "--map-root-user"]
    done = subprocess.run(small, capture_output=True, text=True, timeout=120, check=False)
    if "|" not in done.stdout and "Traceback" not in done.stderr:
        pytest.skip(f"this machine lets no test mount a disk: {done.stderr.strip()}")
    what, where, left = done.stdout.strip().split(" | ")
    assert re.fullmatch(r"the disk is full: \d\.\d MB are free, 8\.0 MB are needed", what)
    assert where == str(tmp_path / "artifacts" / "rows.parquet")
    assert left == "[]"
