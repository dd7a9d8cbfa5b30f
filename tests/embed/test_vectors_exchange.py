"""Vectors of a partner's machine: asked for, made, taken after proof, and refused where they are
not what they say."""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest
from support.encoder_here import encode_here
from support.vector_folders import in_header, in_spec, sha_of

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.embed.base import describe_encoder
from pipelines.embed.brought import Taken
from pipelines.embed.exchange import Origin
from pipelines.embed.lent import give_inputs, make_vectors
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard
from pipelines.embed.store import EmbeddingStore, input_key, origin_of, store_root
from pipelines.embed.work import read_work
from pipelines.errors import EncoderError
from pipelines.features.build import build_features
from pipelines.features.export import export_csv
from pipelines.lineage.artifacts import read_artifacts
from pipelines.lineage.graph import Graph
from pipelines.lineage.reader import Reader
from pipelines.lineage.render import _features
from pipelines.storage import read_json

ORIGIN = Origin(by="Partner GPU", made_on=date(2026, 11, 30))


def _missing(dataset: Path, profile: Profile, paths: DeploymentPaths) -> int:
    return plan_embedding(dataset, profile, paths).counts["image"].missing


# --- What is taken ------------------------------------------------------------------------------
def test_what_was_taken_is_not_embedded_again(
    made: Path, taking: Callable[..., Taken], dataset: Path, chosen: Profile, paths: DeploymentPaths
) -> None:
    assert _missing(dataset, chosen, paths) == 4
    done = taking(made)
    assert (done.offered, done.new) == (4, 4) and done.cosine is not None and done.cosine > 0.9999
    assert _missing(dataset, chosen, paths) == 0
    again = taking(made)
    assert (again.offered, again.new) == (4, 0)


def test_the_vectors_and_the_feature_version_are_those_made_here(
    made: Path,
    taking: Callable[..., Taken],
    dataset: Path,
    chosen: Profile,
    paths: DeploymentPaths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode_here(monkeypatch)
    elsewhere = DeploymentPaths(home=tmp_path / "elsewhere")
    shutil.copytree(paths.data, elsewhere.data)
    taking(made)
    folders = []
    for home in (paths, elsewhere):
        for file in plan_embedding(dataset, chosen, home).work_files:
            embed_shard(file, chosen, home)
        folders.append(build_features(dataset, chosen, home))
    assert folders[0].name == folders[1].name
    assert "brought" not in read_json(folders[1] / "features.json")


def test_features_and_trace_say_whose_they_are(
    made: Path,
    taking: Callable[..., Taken],
    dataset: Path,
    chosen: Profile,
    paths: DeploymentPaths,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode_here(monkeypatch)
    taking(made)
    for file in plan_embedding(dataset, chosen, paths).work_files:
        embed_shard(file, chosen, paths)
    folder = build_features(dataset, chosen, paths)
    (origin,) = read_json(folder / "features.json")["brought"]  # type: ignore[misc]
    assert (origin["by"], origin["made_on"], origin["taken_by"]) == (
        "Partner GPU",
        "2026-11-30",
        "Ana",
    )
    assert origin["sha256"] == hashlib.sha256((made / "vectors.parquet").read_bytes()).hexdigest()
    graph = Graph()
    read_artifacts(graph, Reader(paths))
    (node,) = graph.of_kind("features")
    assert "vectors by Partner GPU of 2026-11-30, checked when taken" in _features(node.facts)


def test_only_inputs_without_a_vector_are_taken_and_the_golden_ones_are_kept(
    made: Path, taking: Callable[..., Taken], chosen: Profile, paths: DeploymentPaths
) -> None:
    spec = describe_encoder(chosen.embed.image, paths)
    store = EmbeddingStore(store_root(paths), spec)
    known = input_key(
        spec.space_id, pq.read_table(made / "vectors.parquet")["input_sha256"][0].as_py()
    )
    store.append([known], np.ones((1, spec.width), np.float32))
    assert taking(made).new == 3
    assert np.array_equal(store.load([known]), np.ones((1, spec.width), np.float32))
    (brought,) = [s for s in store.folder.glob("*.parquet") if origin_of(s)]
    assert pq.read_table(brought).num_rows == 3
    golden = read_json(store.folder / "golden.json")
    assert len(golden["inputs"]) == 4  # type: ignore[arg-type]
    assert all((store.folder / i["uri"]).is_file() for i in golden["inputs"])  # type: ignore[attr-defined]


def test_the_csv_that_embeddings_leave_as_is_taken_too(
    made: Path,
    taking: Callable[..., Taken],
    dataset: Path,
    chosen: Profile,
    paths: DeploymentPaths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode_here(monkeypatch)
    elsewhere = DeploymentPaths(home=tmp_path / "elsewhere")
    shutil.copytree(paths.data, elsewhere.data)
    for file in plan_embedding(dataset, chosen, elsewhere).work_files:
        embed_shard(file, chosen, elsewhere)
    export_csv(build_features(dataset, chosen, elsewhere), "image", made / "vectors.csv")
    in_header(made, file="vectors.csv", file_sha256=sha_of(made / "vectors.csv"))
    assert taking(made).new == 4
    keys = [
        i.key
        for f in plan_embedding(dataset, chosen, elsewhere).work_files
        for i in read_work(f).inputs
    ]
    assert keys == []
    assert _missing(dataset, chosen, paths) == 0


# --- Without the weights ------------------------------------------------------------------------
def test_without_the_weights_nothing_is_taken_unasked(
    made: Path, taking: Callable[..., Taken], own: EncoderConfig, paths: DeploymentPaths
) -> None:
    shutil.rmtree(own.folder)  # type: ignore[arg-type]
    with pytest.raises(EncoderError, match="weights of dinov2 are not here, so") as caught:
        taking(made)
    assert "--unchecked" in caught.value.fix
    assert not store_root(paths).exists()


def test_a_run_goes_on_without_the_weights_as_long_as_no_input_is_new(
    made: Path,
    taking: Callable[..., Taken],
    own: EncoderConfig,
    dataset: Path,
    make_dataset: Callable[..., Path],
    chosen: Profile,
    paths: DeploymentPaths,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    encode_here(monkeypatch)
    shutil.rmtree(own.folder)  # type: ignore[arg-type]
    assert taking(made, unchecked=True).cosine is None
    for file in plan_embedding(dataset, chosen, paths).work_files:
        embed_shard(file, chosen, paths)
    about = read_json(build_features(dataset, chosen, paths) / "features.json")
    assert about["brought"][0]["cosine"] is None  # type: ignore[index]

    newer = plan_embedding(make_dataset(weeks=6, scenes=6), chosen, paths)
    with pytest.raises(EncoderError, match=r"weights model\.safetensors of dinov2 are not here"):
        for file in newer.work_files:
            embed_shard(file, chosen, paths)


def test_without_the_weights_another_encoder_is_still_refused(
    made: Path, taking: Callable[..., Taken], own: EncoderConfig, paths: DeploymentPaths
) -> None:
    shutil.rmtree(own.folder)  # type: ignore[arg-type]
    in_spec(made, pooling="patch_mean")
    with pytest.raises(EncoderError, match="not an encoder of the profile"):
        taking(made, unchecked=True)
    assert not store_root(paths).exists()


def test_inputs_can_be_asked_for_without_the_weights(
    own: EncoderConfig,
    dataset: Path,
    chosen: Profile,
    paths: DeploymentPaths,
    partner: DeploymentPaths,
    tmp_path: Path,
) -> None:
    shutil.rmtree(own.folder)  # type: ignore[arg-type]
    assert give_inputs(dataset, chosen, "image", own, paths, tmp_path / "asked") == 4
    assert make_vectors(tmp_path / "asked", tmp_path / "made", ORIGIN, partner) == 4
