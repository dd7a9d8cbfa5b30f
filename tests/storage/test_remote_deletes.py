"""Listing at any depth and deleting: the verbs by which `denguard prune` reaches a store."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.s3 import Bucket

from pipelines.errors import StoreError
from pipelines.storage.remote import Remote, remote


def check(store: Remote) -> None:
    for key in ("manifests/a.json", "manifests/deep/er/b.json", "objects/aa/x"):
        store.write(key, b"1")
    assert store.keys("manifests") == {"manifests/a.json", "manifests/deep/er/b.json"}
    store.delete("manifests/deep/er/b.json")
    store.delete("manifests/deep/er/b.json")  # none there is no error
    store.delete("never/was")
    assert store.keys("manifests") == {"manifests/a.json"}
    assert store.read("objects/aa/x") == b"1"
    assert store.keys("nothing") == set()


def test_a_folder_lists_at_any_depth_and_deletes(tmp_path: Path) -> None:
    check(remote(str(tmp_path)))


def test_a_bucket_lists_at_any_depth_and_deletes_below_its_prefix_alone(s3: Bucket) -> None:
    other = remote(f"{s3.uri}/other")
    other.write("manifests/a.json", b"1")
    check(remote(f"{s3.uri}/mine"))
    assert other.keys("manifests") == {"manifests/a.json"}


def test_a_refused_deletion_is_told(s3: Bucket) -> None:
    store = remote(s3.uri)
    store.write("a/b", b"1")
    with s3.server.forbidding_writes(), pytest.raises(StoreError, match="does not allow it"):
        store.delete("a/b")
    assert store.keys("a") == {"a/b"}
