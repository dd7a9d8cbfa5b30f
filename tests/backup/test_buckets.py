"""Backups in a bucket, and of deployments whose stores are buckets."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from pathlib import Path

import pytest
from support.homes import Home
from support.s3 import Bucket

from pipelines.backup.make import Made, Wish, backup
from pipelines.backup.restore import Restored, restore
from pipelines.backup.stores import store_at
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.storage.s3 import S3

NOW = datetime(2026, 11, 30, 6, tzinfo=UTC)
KEY = bytes(range(32))
CONTENT = b"a shard of vectors"
OBJECT = f"objects/{sha256(CONTENT).hexdigest()[:2]}/{sha256(CONTENT).hexdigest()}"


def _backup(home: Home, vault: Vault, weeks: int = 0, wish: Wish | None = None) -> Made:
    at = NOW + timedelta(weeks=weeks)
    return backup(DeploymentPaths(home=home.path), vault, wish or Wish(), at)


def _restore(to: Path, vault: Vault) -> Restored:
    to.mkdir(exist_ok=True)
    return restore(DeploymentPaths(home=to), vault, "", over=False, clock=NOW)


@pytest.mark.parametrize("key", [None, KEY])
def test_a_bucket_holds_backups_as_a_folder_does(
    copied_tabular: Callable[[], Home], tmp_path: Path, s3: Bucket, key: bytes | None
) -> None:
    home, vault = copied_tabular(), Vault(f"{s3.uri}/backups/of/one", key)
    first = _backup(home, vault)
    (home.path / "data" / "note.txt").write_text("second week")
    second = _backup(home, vault, weeks=1, wish=Wish(keep=1))
    assert second.gone == (first.record.name,) and 0 < second.new_bytes < first.new_bytes
    assert vault.names() == [second.record.name]
    assert _restore(tmp_path / "other", vault).holds


@pytest.fixture
def shared(copied_tabular: Callable[[], Home], s3: Bucket, monkeypatch: pytest.MonkeyPatch) -> Home:
    """A deployment whose machines share a bucket, with one object in it."""
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", f"{s3.uri}/shared")
    s3.write(f"shared/{OBJECT}", CONTENT)
    s3.write("shared/records/artifacts/runs/one.json", b"{}")
    return copied_tabular()


def test_of_a_bucket_the_list_is_kept_and_held_against_it_before_anything_is_put_back(
    shared: Home, tmp_path: Path, s3: Bucket
) -> None:
    vault = Vault(str(tmp_path / "vault"))
    (store,) = _backup(shared, vault).record.stores
    assert not store.copied and store.sizes[OBJECT] == len(CONTENT)
    s3.client().delete_object(Bucket=s3.name, Key=f"shared/{OBJECT}")
    with pytest.raises(StoreError, match="the bucket lacks 1 objects"):
        _restore(tmp_path / "other", vault)
    assert not (tmp_path / "other" / "data").exists()
    s3.write(f"shared/{OBJECT}", CONTENT)
    assert _restore(tmp_path / "other", vault).holds


def test_the_content_of_a_bucket_comes_back_if_it_was_copied_and_is_fetched_once(
    shared: Home, tmp_path: Path, s3: Bucket
) -> None:
    vault, wish = Vault(str(tmp_path / "vault")), Wish(with_buckets=True)
    _backup(shared, vault, wish=wish)
    reads = len([key for key, *_ in s3.ranges() if OBJECT in key])
    assert _backup(shared, vault, weeks=1, wish=wish).record.stores[0].copied
    assert len([key for key, *_ in s3.ranges() if OBJECT in key]) == reads == 1
    for key in s3.keys("shared/"):
        s3.client().delete_object(Bucket=s3.name, Key=key)
    assert _restore(tmp_path / "other", vault).holds
    assert s3.read(f"shared/{OBJECT}") == CONTENT
    assert s3.read("shared/records/artifacts/runs/one.json") == b"{}"


def test_the_bucket_of_mlflows_server_is_opened_with_its_keys_and_no_other_bucket_is(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("MLFLOW_ARTIFACTS_DESTINATION", "s3://mlflow")
    assert _acts_as("s3://mlflow/1/run/artifacts") == ""
    monkeypatch.setenv("DENGUARD_MLFLOW_S3_ACCESS_KEY", "of-mlflow")
    monkeypatch.setenv("DENGUARD_MLFLOW_S3_SECRET_KEY", "its-secret")
    assert _acts_as("s3://mlflow") == _acts_as("s3://mlflow/1/run/artifacts") == "of-mlflow"
    assert _acts_as("s3://mlflow-other") == _acts_as("s3://artifacts") == ""


def _acts_as(uri: str) -> str:
    store = store_at(uri)
    assert isinstance(store, S3)
    return store.acts_as
