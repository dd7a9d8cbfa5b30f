"""Versions of data: real DVC in a folder of the test."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.config import places
from pipelines.errors import VersioningError
from pipelines.storage import manifest_of
from pipelines.versioning import add_version, read_index, remote_uri


def _finished_folder(home: Path, name: str, text: str) -> Path:
    folder = home / "artifacts" / "datasets" / name
    (folder / "samples").mkdir(parents=True)
    (folder / "samples" / "part.parquet").write_text(text)
    (folder / "dataset.json").write_text("{}")
    return folder


def test_a_version_can_be_pulled_with_plain_dvc_by_someone_who_has_only_the_remote(
    home: Path,
) -> None:
    folder = _finished_folder(home, "abc", "rows")
    add_version(places(), "dataset", folder, {"as_of_week": "2018-w48"})

    analyst = home / "analyst"
    analyst.mkdir()
    shutil.copy(Path(remote_uri(places())) / "versions" / "dataset-abc.dvc", analyst)
    for command in (["init", "--no-scm", "-q"], ["remote", "add", "-d", "r", remote_uri(places())], ["pull", "-q", "dataset-abc.dvc"]):  # fmt: skip
        subprocess.run(
            [sys.executable, "-m", "dvc", *command], cwd=analyst, check=True, timeout=120
        )

    assert manifest_of(analyst / "dataset-abc") == manifest_of(folder)


def test_adding_a_version_again_changes_nothing(home: Path) -> None:
    folder = _finished_folder(home, "abc", "rows")
    first = add_version(places(), "dataset", folder, {})
    before = manifest_of(Path(remote_uri(places())))
    assert add_version(places(), "dataset", folder, {}) == first
    assert manifest_of(Path(remote_uri(places()))) == before


def test_a_later_version_leaves_the_first_byte_equal(home: Path) -> None:
    first = _finished_folder(home, "abc", "rows")
    add_version(places(), "dataset", first, {})
    before = manifest_of(places().artifacts / "versions" / "dataset-abc")
    add_version(places(), "dataset", _finished_folder(home, "def", "more rows"), {})
    assert manifest_of(places().artifacts / "versions" / "dataset-abc") == before
    assert set(read_index(places())) == {"dataset-abc", "dataset-def"}


def test_a_remote_that_cannot_be_written_is_named_in_the_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = home / "blocked"
    blocked.write_text("a file where the remote's folder should be")
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(blocked / "remote"))
    with pytest.raises(VersioningError, match="DENGUARD_DVC_REMOTE"):
        add_version(places(), "dataset", _finished_folder(home, "abc", "rows"), {})


def test_a_version_costs_no_second_copy(home: Path) -> None:
    folder = _finished_folder(home, "abc", "rows")
    add_version(places(), "dataset", folder, {})
    linked = places().artifacts / "versions" / "dataset-abc" / "samples" / "part.parquet"
    assert linked.samefile(folder / "samples" / "part.parquet")
