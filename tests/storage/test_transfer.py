"""The two verbs, on a folder and on a real S3-speaking server alike."""

from __future__ import annotations

import json
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from support.s3 import Bucket

from pipelines.errors import StoreError
from pipelines.storage import folder_id, manifest_of, materialise, publish, write_atomic
from pipelines.storage.objects import object_key
from pipelines.storage.remote import Remote, remote
from pipelines.storage.transfer import describe

NAMES = st.from_regex(r"[a-z0-9 ñ_+:-]{1,8}(/[a-z0-9.]{0,3}[a-z]){0,2}", fullmatch=True)
FOLDERS = st.dictionaries(NAMES, st.binary(max_size=40), max_size=6).filter(
    lambda files: not any(a != b and b.startswith(f"{a}/") for a in files for b in files)
)


@pytest.fixture(params=["folder", "s3"])
def uri(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "store")
    bucket: Bucket = request.getfixturevalue("s3")
    return f"{bucket.uri}/some/prefix"


@pytest.fixture
def store(uri: str) -> Remote:
    return remote(uri)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    write_atomic(tmp_path / "work" / "a.txt", "first")
    write_atomic(tmp_path / "work" / "deep" / "b.bin", b"\0second")
    write_atomic(tmp_path / "work" / "deep" / "again.txt", "first")
    return tmp_path / "work"


@settings(max_examples=20, deadline=None, suppress_health_check=list(HealthCheck))
@given(files=FOLDERS)
def test_any_folder_comes_back_byte_equal(uri: str, files: dict[str, bytes]) -> None:
    with TemporaryDirectory() as work:
        source, back = Path(work) / "source", Path(work) / "back"
        source.mkdir()
        for name, data in files.items():
            write_atomic(source / name, data)
        address = publish(source, uri)
        materialise(address, back)
        assert {
            p.relative_to(back).as_posix(): p.read_bytes() for p in back.rglob("*") if p.is_file()
        } == files
        assert publish(back, uri) == address, "equal content has one address"


def test_a_single_file_comes_back_under_any_name(folder: Path, uri: str, tmp_path: Path) -> None:
    address = publish(folder / "a.txt", uri)
    assert materialise(address, tmp_path / "other.txt").read_text() == "first"


def test_equal_content_is_sent_once(folder: Path, uri: str, store: Remote) -> None:
    publish(folder, uri)
    key = object_key(manifest_of(folder)["a.txt"])
    write_atomic(folder / "new.txt", "new")
    store.write(key, b"FIRST")  # it would be overwritten if it were sent again
    publish(folder, uri)
    assert store.read(key) == b"FIRST"


def test_without_its_manifest_nothing_is_there(folder: Path, uri: str, tmp_path: Path) -> None:
    address = publish(folder, uri).replace("/manifests/", "/manifests/not-")
    with pytest.raises(StoreError, match="nothing complete"):
        materialise(address, tmp_path / "back")
    assert not (tmp_path / "back").exists()


def test_a_damaged_object_is_named_and_leaves_nothing_behind(
    folder: Path, uri: str, store: Remote, tmp_path: Path
) -> None:
    address = publish(folder, uri)
    key = object_key(manifest_of(folder)["deep/b.bin"])
    store.write(key, b"\0sec0nd")
    with pytest.raises(StoreError, match=rf"b\.bin is damaged.*{key}"):
        materialise(address, tmp_path / "back")
    assert not (tmp_path / "back").exists()
    store.write(key, b"\0second")
    assert manifest_of(materialise(address, tmp_path / "back")) == manifest_of(folder)


def test_a_local_copy_that_differs_is_replaced_as_a_whole(
    folder: Path, uri: str, tmp_path: Path
) -> None:
    address = publish(folder, uri)
    write_atomic(tmp_path / "back" / "a.txt", "other")
    write_atomic(tmp_path / "back" / "extra.txt", "of another version")
    materialise(address, tmp_path / "back")
    assert manifest_of(tmp_path / "back") == manifest_of(folder)


def test_a_name_shows_the_newest_publication(folder: Path, uri: str, tmp_path: Path) -> None:
    first = publish(folder, uri, "runs/x/metrics")
    write_atomic(folder / "a.txt", "second")
    assert publish(folder, uri, "runs/x/metrics") == first
    assert (materialise(first, tmp_path / "back") / "a.txt").read_text() == "second"


@pytest.mark.parametrize("name", ["../outside", "/etc/outside", "a/../../outside"])
def test_a_manifest_cannot_write_outside_its_folder(
    name: str, folder: Path, uri: str, store: Remote, tmp_path: Path
) -> None:
    content = {"sha256": manifest_of(folder)["a.txt"], "size": 5}
    publish(folder, uri)
    store.write(
        "manifests/evil.json", json.dumps({"kind": "folder", "files": {name: content}}).encode()
    )
    with pytest.raises(StoreError, match="leads out of the folder"):
        materialise(f"{uri}/manifests/evil.json", tmp_path / "in" / "back")
    assert not list(tmp_path.rglob("outside"))


def test_a_manifest_names_content_as_a_local_folder_does(folder: Path, uri: str) -> None:
    content_id = folder_id(manifest_of(folder))
    assert describe(folder).content_id == content_id
    assert publish(folder, uri).endswith(f"/manifests/{content_id}.json")
