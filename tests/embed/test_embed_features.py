"""Feature versions: rows with keys and labels, links to the vectors they name, one id for one
content.
"""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import DeploymentPaths, Profile
from pipelines.embed.plan import plan_embedding
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import ShardWork, read_work
from pipelines.errors import ConfigError, StoreError
from pipelines.features.build import ROW_COLUMNS, build_features
from pipelines.features.export import export_csv
from pipelines.features.read import load_examples
from pipelines.storage import manifest_of, read_json

MakeDataset = Callable[..., Path]


def _vector(key: str, width: int) -> np.ndarray:
    return np.random.default_rng(int(key[:8], 16)).normal(size=width).astype(np.float32)


def _store(work: ShardWork, paths: DeploymentPaths) -> EmbeddingStore:
    return EmbeddingStore(store_root(paths), work.encoder_spec)


def _fill(
    dataset: Path, profile: Profile, paths: DeploymentPaths, pieces: int = 1
) -> list[ShardWork]:
    """Store a vector for each planned input, in as many shards as asked."""
    works = [read_work(f) for f in plan_embedding(dataset, profile, paths).work_files]
    for work in works:
        for part in np.array_split([i.key for i in work.inputs], pieces):
            vectors = [_vector(k, work.encoder_spec.width) for k in part]
            if vectors:
                _store(work, paths).append([str(k) for k in part], np.stack(vectors))
    return works


def test_rows_carry_label_threshold_and_keys(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, paths)
    rows = pd.read_parquet(build_features(dataset, profile, paths) / "rows.parquet")
    assert tuple(rows.columns) == ROW_COLUMNS
    assert set(rows["unit_id"]) == {"05001", "76001"}  # 99999 is not in the pool
    known = rows[rows["horizon_weeks"] == 1].set_index("unit_id")["label"]
    assert (known["05001"] == 1).all() and (known["76001"] == 0).all()  # 11 cases, over 10 and 20
    assert rows.loc[rows["horizon_weeks"] == 4, "label"].isna().all()
    assert rows["image_key"].notna().equals(rows["unit_id"] == "05001")


def test_a_head_finds_each_row_its_vector(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, paths, pieces=2)
    features = build_features(dataset, profile, paths)
    examples = load_examples(features, horizon=4)
    rows = pd.read_parquet(features / "rows.parquet")
    keys = rows[rows["horizon_weeks"] == 4].set_index("sample_id")["text_key"]
    expected = np.stack([_vector(keys[s], 384) for s in examples.sample_id])
    assert np.array_equal(examples.text.dense(), expected)


def test_rows_of_one_origin_are_those_among_all_with_the_same_vectors(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, paths)
    features = build_features(dataset, profile, paths)
    every = load_examples(features, horizon=4)
    newest = int(every.origin_week_no.max())
    expected, found = every.take(every.origin_week_no == newest), load_examples(features, 4, newest)
    assert 0 < len(found) < len(every)
    assert found.sample_id.tolist() == expected.sample_id.tolist()
    assert np.array_equal(found.covariates, expected.covariates, equal_nan=True)
    assert np.array_equal(found.text.dense(), expected.text.dense())
    assert np.array_equal(found.image.row >= 0, expected.image.row >= 0)
    assert np.array_equal(found.image.dense(), expected.image.dense())
    assert not len(load_examples(features, 4, newest + 1))


def test_shards_are_linked_and_not_copied(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    works = _fill(dataset, profile, paths)
    features = build_features(dataset, profile, paths)
    for work in works:
        stored = next(_store(work, paths).folder.glob("*.parquet"))
        linked = features / "shards" / work.space_id / stored.name
        assert linked.samefile(stored)


def test_missing_vectors_are_counted(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=4, scenes=3)
    with pytest.raises(StoreError, match="3 of 3 vectors"):
        build_features(dataset, profile, paths)


def test_the_version_does_not_depend_on_how_vectors_lie_in_shards(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    works = _fill(dataset, profile, paths, pieces=1)
    first = build_features(dataset, profile, paths).rename(paths.home / "first")
    for work in works:
        _store(work, paths).folder.rename(paths.home / work.space_id)
    _fill(dataset, profile, paths, pieces=3)
    second = build_features(dataset, profile, paths)
    versions = [read_json(f / "features.json") for f in (first, second)]
    for name in ("feature_version", "embedding_version", "dataset_version"):
        assert versions[0][name] == versions[1][name]
    assert second.name == versions[0]["feature_version"]
    assert manifest_of(first / "rows.parquet") == manifest_of(second / "rows.parquet")


def test_another_dataset_is_another_version(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    datasets = [make_dataset(weeks=3), make_dataset(weeks=4)]
    for dataset in datasets:
        _fill(dataset, profile, paths)
    small, large = (build_features(d, profile, paths) for d in datasets)
    assert small != large
    assert (
        read_json(small / "features.json")["embedding_version"]
        != read_json(large / "features.json")["embedding_version"]
    )


def test_a_finished_version_is_left_alone(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    _fill(dataset, profile, paths)
    rows = build_features(dataset, profile, paths) / "rows.parquet"
    before = rows.stat()
    build_features(dataset, profile, paths)
    assert (rows.stat().st_ino, rows.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_version_whose_shard_was_damaged_is_written_anew(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    _fill(dataset, profile, paths)
    features = build_features(dataset, profile, paths)
    shard = next(features.glob("shards/*/*.parquet"))
    shard.chmod(0o644)
    shard.write_bytes(b"not Parquet")  # the store's file too: it is a hard link
    _fill(dataset, profile, paths)
    assert build_features(dataset, profile, paths) == features
    assert len(load_examples(features, horizon=1)) == 8


def test_the_features_say_what_they_were_made_from(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    works = _fill(dataset, profile, paths)
    record = read_json(build_features(dataset, profile, paths) / "features.json")
    assert [record["image"], record["text"]] == [w.spec for w in works]
    assert record["dataset_version"] == dataset.name
    assert record["horizons_weeks"] == [1, 4]
    assert record["label_rule_id"] == "median_2016_2017"
    assert record["synthetic_scenes"] is True
    assert record["as_of_week"] == "2018-w48"


def test_embeddings_leave_as_csv_without_loss(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths, tmp_path: Path
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, paths)
    features = build_features(dataset, profile, paths)
    assert export_csv(features, "text", tmp_path / "text.csv") == 6
    with (tmp_path / "text.csv").open(newline="") as handle:
        lines = list(csv.DictReader(handle))
    assert [(x["municipality_code"], x["epi_week"]) for x in lines[:2]] == [
        ("05001", "2018-w01"),
        ("05001", "2018-w02"),
    ]
    numbers = np.array([float(lines[0][f"embedding_{j}"]) for j in range(384)], np.float32)
    assert np.array_equal(numbers, _vector(lines[0]["key"], 384))


@pytest.mark.parametrize(("left", "refused"), [(None, "6 text vectors"), (b"cut", "be read")])
def test_lost_or_damaged_vectors_are_refused_in_training_and_in_the_csv(
    make_dataset: MakeDataset,
    profile: Profile,
    paths: DeploymentPaths,
    tmp_path: Path,
    left: bytes | None,
    refused: str,
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    works = _fill(dataset, profile, paths)
    features = build_features(dataset, profile, paths)
    (shard,) = (features / "shards" / works[1].space_id).iterdir()
    shard.unlink()
    if left is not None:
        shard.write_bytes(left)
    for read in (
        lambda: load_examples(features, 1),
        lambda: export_csv(features, "text", tmp_path),
    ):
        with pytest.raises(StoreError, match=refused):
            read()


def test_a_version_made_without_encoders_has_no_csv_and_says_so(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths, tmp_path: Path
) -> None:
    tabular = profile.model_copy(update={"embed": None})
    features = build_features(make_dataset(), tabular, paths)
    with pytest.raises(ConfigError, match="holds no text vectors"):
        export_csv(features, "text", tmp_path / "text.csv")
