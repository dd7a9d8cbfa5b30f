"""The store: what was appended comes back, damage is noticed, equal content is one file."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths
from pipelines.contracts import EncoderSpec
from pipelines.embed.store import EmbeddingStore, input_key, own_store
from pipelines.errors import StoreError
from pipelines.storage import sha256_file

WIDTH = 4
SPEC = EncoderSpec("hf_text", "text", WIDTH, "0" * 64, "none", "mean", "float32", 1, "1")
HEX = st.text("0123456789abcdef", min_size=64, max_size=64)
SPACE = st.text("0123456789abcdef", min_size=16, max_size=16)


@pytest.fixture
def store(tmp_path: Path) -> EmbeddingStore:
    return EmbeddingStore(tmp_path, SPEC)


def _vectors(n: int, seed: int = 0) -> Float32s:
    return np.random.default_rng(seed).normal(size=(n, WIDTH)).astype(np.float32)


@given(SPACE, HEX, SPACE, HEX)
def test_keys_differ_exactly_when_space_or_input_differ(a: str, x: str, b: str, y: str) -> None:
    assert (input_key(a, x) == input_key(b, y)) == ((a, x) == (b, y))


@given(st.lists(HEX, unique=True, min_size=1, max_size=20), st.data())
def test_what_was_appended_comes_back_in_any_order(
    tmp_path_factory: pytest.TempPathFactory, keys: list[str], data: st.DataObject
) -> None:
    store = EmbeddingStore(tmp_path_factory.mktemp("store"), SPEC)
    vectors = _vectors(len(keys))
    bound = data.draw(st.integers(0, len(keys)))
    store.append(keys[:bound], vectors[:bound])
    store.append(keys[bound:], vectors[bound:])
    order = data.draw(st.permutations(range(len(keys))))
    fresh = EmbeddingStore(store.folder.parent, SPEC)
    assert np.array_equal(fresh.load([keys[i] for i in order]), vectors[list(order)])
    assert fresh.missing(keys) == []


def test_missing_names_each_absent_key_once(store: EmbeddingStore) -> None:
    store.append(["a"], _vectors(1))
    assert store.missing(["b", "a", "c", "b"]) == ["b", "c"]


def test_equal_content_is_one_file(store: EmbeddingStore) -> None:
    first = store.append(["a", "b"], _vectors(2))
    assert store.append(["a", "b"], _vectors(2)) == first
    assert len(list(store.folder.glob("*.parquet"))) == 1


def test_a_store_that_was_open_sees_what_others_append(store: EmbeddingStore) -> None:
    assert store.missing(["a"]) == ["a"]
    EmbeddingStore(store.folder.parent, SPEC).append(["a"], _vectors(1))
    assert store.missing(["a"]) == []


@pytest.mark.parametrize("damage", ["flip", "cut", "empty"])
def test_a_corrupt_shard_is_set_aside_and_its_keys_are_missing(
    store: EmbeddingStore, damage: str
) -> None:
    store.append(["a"], _vectors(1))
    bad = store.append(["b"], _vectors(1, seed=1))
    assert bad is not None
    raw = bytearray(bad.read_bytes())
    raw[len(raw) // 3] ^= 1
    bad.chmod(0o644)
    bad.write_bytes({"flip": bytes(raw), "cut": bytes(raw[:50]), "empty": b""}[damage])
    fresh = EmbeddingStore(store.folder.parent, SPEC)
    assert fresh.missing(["a", "b"]) == ["b"]
    assert (store.folder / "quarantine" / bad.name).is_file()
    assert not bad.exists()


def test_a_half_written_temp_file_is_not_read(store: EmbeddingStore) -> None:
    store.append(["a"], _vectors(1))
    (store.folder / f".{'0' * 64}.parquet.x1y2").write_bytes(b"PAR1 half")
    assert store.missing(["a"]) == []
    assert not (store.folder / "quarantine").exists()


def test_loading_an_absent_vector_says_how_many(store: EmbeddingStore) -> None:
    store.append(["a"], _vectors(1))
    with pytest.raises(StoreError, match="2 of 3 vectors"):
        store.load(["a", "b", "c"])


@pytest.mark.parametrize(
    ("keys", "vectors", "reason"),
    [
        (["a", "a"], _vectors(2), "twice"),
        (["a"], _vectors(1)[:, :2], "width"),
        (["a"], np.full((1, WIDTH), np.nan, np.float32), "finite"),
    ],
)
def test_vectors_that_cannot_be_right_are_refused(
    store: EmbeddingStore, keys: list[str], vectors: Float32s, reason: str
) -> None:
    with pytest.raises(StoreError, match=reason):
        store.append(keys, vectors)


def test_loading_nothing_gives_no_rows(store: EmbeddingStore) -> None:
    assert store.load([]).shape == (0, WIDTH)
    assert store.append([], np.empty((0, WIDTH), np.float32)) is None


class Hashed:
    """Counts how many shards are hashed by stores that open the deployment's space one after
    another."""

    def __init__(self, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.paths, self.names = DeploymentPaths(home=home), list[str]()
        monkeypatch.setattr("pipelines.embed.store.sha256_file", self._counting)

    def _counting(self, path: Path) -> str:
        self.names.append(path.name)
        return sha256_file(path)

    def open(self) -> EmbeddingStore:
        self.names.clear()
        return own_store(self.paths, SPEC)


def test_a_shard_is_hashed_once_and_again_only_after_it_was_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = Hashed(tmp_path, monkeypatch)
    first = hashed.open().append(["a"], _vectors(1))
    assert hashed.open().missing(["a", "b"]) == ["b"]
    assert first is not None and hashed.names == [first.name]
    second = hashed.open().append(["b"], _vectors(1, seed=1))
    assert hashed.open().missing(["a", "b"]) == []
    assert second is not None and hashed.names == [second.name]
    os.utime(first, ns=(1, 1))
    assert hashed.open().missing(["a", "b"]) == []
    assert hashed.names == [first.name]


def test_a_remembered_shard_that_is_damaged_later_is_set_aside(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = Hashed(tmp_path, monkeypatch)
    shard = hashed.open().append(["a"], _vectors(1))
    assert shard is not None and hashed.open().missing(["a"]) == []
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes().replace(b"a", b"b"))
    assert hashed.open().missing(["a"]) == ["a"]
    assert not shard.exists()


def test_what_was_damaged_is_never_remembered_as_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hashed = Hashed(tmp_path, monkeypatch)
    shard = hashed.open().append(["a"], _vectors(1))
    assert shard is not None
    whole = shard.read_bytes()
    shard.chmod(0o644)
    shard.write_bytes(whole[:-1])
    assert hashed.open().missing(["a"]) == ["a"]
    shard.write_bytes(whole[:-1])
    assert hashed.open().missing(["a"]) == ["a"]
