"""What a server does wrong: it is named with what to do, nothing half is visible, and work
goes on."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.s3 import Bucket

from pipelines.errors import StoreError
from pipelines.storage import manifest_of, materialise, publish, write_atomic
from pipelines.storage.remote import remote
from pipelines.storage.s3 import _client


@pytest.fixture(autouse=True)
def _few_tries(s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "2")
    _client.cache_clear()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for i in range(12):
        write_atomic(tmp_path / "work" / f"{i}.bin", bytes([i]) * 100)
    return tmp_path / "work"


def test_a_server_that_refuses_writes_is_named_and_later_the_rest_is_sent(
    folder: Path, s3: Bucket, tmp_path: Path
) -> None:
    s3.server.refuse_writes_from("/objects/")
    with pytest.raises(StoreError, match=r"refused.*SlowDown.*goes on where it stopped"):
        publish(folder, s3.uri)
    assert s3.keys("manifests/") == []

    s3.server.allow()
    address = publish(folder, s3.uri)
    assert manifest_of(materialise(address, tmp_path / "back")) == manifest_of(folder)


def test_what_a_cut_publication_had_sent_is_not_sent_again(folder: Path, s3: Bucket) -> None:
    address = publish(folder, s3.uri)
    s3.client().delete_object(Bucket=s3.name, Key=address.removeprefix(f"{s3.uri}/"))
    s3.client().delete_object(Bucket=s3.name, Key=s3.keys("objects/")[0])
    before = len(s3.server.requests())
    publish(folder, s3.uri)
    sent = [r for r in s3.server.requests()[before:] if r.startswith(f"PUT /{s3.name}/objects/")]
    assert len(sent) == 1


def test_a_cut_fetch_goes_on_with_what_it_had(folder: Path, s3: Bucket, tmp_path: Path) -> None:
    address = publish(folder, s3.uri)
    missing = s3.keys("objects/")[0]
    data = s3.read(missing)
    s3.client().delete_object(Bucket=s3.name, Key=missing)
    with pytest.raises(StoreError, match="not in the store"):
        materialise(address, tmp_path / "back")
    assert not (tmp_path / "back").exists()

    s3.write(missing, data)
    had = {p.name for p in (tmp_path / ".back.partial").glob("*.bin")}
    before = len(s3.server.requests())
    materialise(address, tmp_path / "back")
    fetched = [r for r in s3.server.requests()[before:] if "/objects/" in r]
    assert had
    assert len(fetched) == 12 - len(had)


@pytest.mark.parametrize(
    ("variable", "value", "said"),
    [
        ("AWS_ENDPOINT_URL", "http://127.0.0.1:9", r"does not answer.*AWS_ENDPOINT_URL"),
        ("AWS_ACCESS_KEY_ID", None, r"no credentials.*AWS_ACCESS_KEY_ID"),
    ],
)
def test_a_wrong_environment_is_named(
    variable: str,
    value: str | None,
    said: str,
    folder: Path,
    s3: Bucket,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", "/nonexistent")
    monkeypatch.delenv(variable)
    if value:
        monkeypatch.setenv(variable, value)
    with pytest.raises(StoreError, match=said):
        publish(folder, s3.uri)


def test_a_bucket_that_is_not_there_is_named(folder: Path, s3: Bucket) -> None:
    with pytest.raises(StoreError, match=r"no such bucket.*make the bucket"):
        publish(folder, "s3://no-such-bucket/prefix")


def test_missing_rights_are_named(folder: Path, s3: Bucket) -> None:
    said = r"not allow it.*right to"
    with s3.server.forbidding_writes(), pytest.raises(StoreError, match=said) as refused:
        publish(folder, s3.uri)
    assert not refused.value.away, "nobody's waiting changes that"


def test_a_server_that_drops_connections_is_named(folder: Path, s3: Bucket) -> None:
    with s3.server.down(), pytest.raises(StoreError, match="does not answer") as silent:
        publish(folder, s3.uri)
    assert silent.value.away


def test_a_file_that_changes_while_it_is_sent_is_not_stored_under_a_wrong_name(
    tmp_path: Path, s3: Bucket
) -> None:
    path = write_atomic(tmp_path / "x", "now")
    wrong = "0" * 64
    for uri in (s3.uri, str(tmp_path / "store")):
        with pytest.raises(StoreError, match="changed while it was published"):
            remote(uri).put(path, f"objects/00/{wrong}", wrong)
        assert remote(uri).size(f"objects/00/{wrong}") is None


def test_names_are_listed_at_once_and_not_asked_for_one_by_one(s3: Bucket) -> None:
    store = remote(f"{s3.uri}/p")
    for i in range(30):
        store.write(f"vectors/space/{i:02d}.parquet", b"")
    store.write("vectors/other/x.parquet", b"")
    before = len(s3.server.requests())
    assert store.names("vectors/space") == {f"{i:02d}.parquet" for i in range(30)}
    assert len(s3.server.requests()) - before == 1
