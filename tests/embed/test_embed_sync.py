"""Shards of vectors that other machines published: each fetched once, verified, never half."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from itertools import count
from pathlib import Path

import numpy as np
import pytest
from support.killed import dies_at
from support.s3 import Bucket

from pipelines.config import DeploymentPaths
from pipelines.contracts import EncoderSpec
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.sync import _fetch_shards, share_space
from pipelines.errors import StoreError
from pipelines.storage import manifest_of, sha256_file, shared
from pipelines.storage.objects import object_key

SPEC = EncoderSpec("hf_text", "text", 4, "0" * 64, "none", "mean", "float32", 1, "1")
SHARDS = 12
FETCH = f"""
import sys
from pathlib import Path
from pipelines.config import DeploymentPaths
from pipelines.embed.sync import _fetch_shards
_fetch_shards(DeploymentPaths(home=Path(sys.argv[1])), {SPEC.space_id!r})
"""


def published(home: Path) -> dict[str, str]:
    """Shards of a machine that it published: name -> SHA-256."""
    paths = DeploymentPaths(home=home)
    store = EmbeddingStore(store_root(paths), SPEC)
    for n in range(SHARDS):
        store.append([f"{n:064x}"], np.full((1, 4), n, dtype=np.float32))
    share_space(paths, SPEC.space_id)
    return manifest_of(store.folder)


def space(home: Path) -> Path:
    return store_root(DeploymentPaths(home=home)) / SPEC.space_id


def test_two_processes_at_once_fetch_each_shard_once(
    s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", f"{s3.uri}/artifacts")
    shards, two = published(tmp_path / "one"), tmp_path / "two"
    listing, before = f"GET /{s3.name}", len(s3.server.requests())
    with s3.server.holding_reads():
        children = [
            subprocess.Popen([sys.executable, "-c", FETCH, str(two)], env={**os.environ})
            for _ in range(2)
        ]
        deadline = time.monotonic() + 120
        while s3.server.requests()[before:].count(listing) < 2 or not s3.ranges():
            assert time.monotonic() < deadline and not any(c.poll() for c in children)
            time.sleep(0.02)
    assert [child.wait(timeout=120) for child in children] == [0, 0]
    assert len(s3.ranges()) == SHARDS
    assert manifest_of(space(two)) == shards


@pytest.fixture
def shards(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "store"))
    return published(tmp_path / "one")


def test_a_fetch_that_is_killed_at_any_write_leaves_no_half_and_is_finished_by_the_next(
    shards: dict[str, str], tmp_path: Path
) -> None:
    for write in count(1, step=5):
        home = tmp_path / str(write)
        fetch = lambda home=home: _fetch_shards(DeploymentPaths(home=home), SPEC.space_id)  # noqa: E731
        killed = dies_at(write, fetch)
        assert all(sha256_file(path) == path.stem for path in space(home).glob("*.parquet"))
        fetch()
        assert manifest_of(space(home)) == shards, f"killed at write {write}"
        assert {path.stat().st_mode & 0o777 for path in space(home).iterdir()} == {0o444}
        assert [path.name for path in space(home).parent.iterdir()] == [SPEC.space_id]
        if not killed:
            break
    assert write > 2 * SHARDS


def test_a_shard_whose_object_is_gone_is_named(shards: dict[str, str], tmp_path: Path) -> None:
    store = shared(DeploymentPaths(home=tmp_path / "one"))
    assert store is not None
    store.store.delete(object_key(min(shards.values())))
    with pytest.raises(StoreError, match=r"not in the store.*run the step that made it again"):
        _fetch_shards(DeploymentPaths(home=tmp_path / "two"), SPEC.space_id)
