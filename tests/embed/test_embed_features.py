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

from pipelines.config import Places, Profile
from pipelines.embed.plan import plan_embedding
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import ShardWork, read_work
from pipelines.errors import ConfigError, StoreError
from pipelines.features.build import ROW_COLUMNS, build_features
from pipelines.features.export import export_csv
from pipelines.features.read import load_examples
from pipelines.storage import read_json

MakeDataset = Callable[..., Path]


def _vector(key: str, width: int) -> np.ndarray:
    return np.random.default_rng(int(key[:8], 16)).normal(size=width).astype(np.float32)


def _store(work: ShardWork, places: Places) -> EmbeddingStore:
    return EmbeddingStore(store_root(places), work.encoder_spec)


def _fill(dataset: Path, profile: Profile, places: Places, pieces: int = 1) -> list[ShardWork]:
    """Store a vector for each planned input, in as many shards as asked."""
    works = [read_work(f) for f in plan_embedding(dataset, profile, places).work_files]
    for work in works:
        for part in np.array_split([i.key for i in work.inputs], pieces):
            vectors = [_vector(k, work.encoder_spec.width) for k in part]
            if vectors:
                _store(work, places).append([str(k) for k in part], np.stack(vectors))
    return works


def test_rows_carry_label_threshold_and_keys(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, places)
    rows = pd.read_parquet(build_features(dataset, profile, places) / "rows.parquet")
    assert tuple(rows.columns) == ROW_COLUMNS
    assert set(rows["unit_id"]) == {"05001", "76001"}  # 99999 is not in the pool
    known = rows[rows["horizon_weeks"] == 1].set_index("unit_id")["label"]
    assert (known["05001"] == 1).all() and (known["76001"] == 0).all()  # 11 cases, over 10 and 20
    assert rows.loc[rows["horizon_weeks"] == 4, "label"].isna().all()
    assert rows["image_key"].notna().equals(rows["unit_id"] == "05001")


def test_a_head_finds_each_row_its_vector(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, places, pieces=2)
    features = build_features(dataset, profile, places)
    examples = load_examples(features, horizon=4)
    rows = pd.read_parquet(features / "rows.parquet")
    keys = rows[rows["horizon_weeks"] == 4].set_index("sample_id")["text_key"]
    expected = np.stack([_vector(keys[s], 384) for s in examples.sample_id])
    assert np.array_equal(examples.text.dense(), expected)


def test_shards_are_linked_and_not_copied(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset()
    works = _fill(dataset, profile, places)
    features = build_features(dataset, profile, places)
    for work in works:
        stored = next(_store(work, places).folder.glob("*.parquet"))
        linked = features / "shards" / work.space_id / stored.name
        assert linked.samefile(stored)


def test_missing_vectors_are_counted(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset(weeks=4, scenes=3)
    with pytest.raises(StoreError, match="3 of 3 vectors"):
        build_features(dataset, profile, places)


def test_the_version_does_not_depend_on_how_vectors_lie_in_shards(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset()
    works = _fill(dataset, profile, places, pieces=1)
    first = build_features(dataset, profile, places).rename(places.home / "first")
    for work in works:
        _store(work, places).folder.rename(places.home / work.space_id)
    _fill(dataset, profile, places, pieces=3)
    second = build_features(dataset, profile, places)
    versions = [read_json(f / "features.json") for f in (first, second)]
    for name in ("feature_version", "embedding_version", "dataset_version"):
        assert versions[0][name] == versions[1][name]
    assert second.name == versions[0]["feature_version"]
    assert (first / "rows.parquet").read_bytes() == (second / "rows.parquet").read_bytes()


def test_another_dataset_is_another_version(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    datasets = [make_dataset(weeks=3), make_dataset(weeks=4)]
    for dataset in datasets:
        _fill(dataset, profile, places)
    small, large = (build_features(d, profile, places) for d in datasets)
    assert small != large
    assert (
        read_json(small / "features.json")["embedding_version"]
        != read_json(large / "features.json")["embedding_version"]
    )


def test_a_finished_version_is_left_alone(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset()
    _fill(dataset, profile, places)
    rows = build_features(dataset, profile, places) / "rows.parquet"
    before = rows.stat()
    build_features(dataset, profile, places)
    assert (rows.stat().st_ino, rows.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


def test_a_version_whose_shard_was_damaged_is_written_anew(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset()
    _fill(dataset, profile, places)
    features = build_features(dataset, profile, places)
    shard = next(features.glob("shards/*/*.parquet"))
    shard.chmod(0o644)
    shard.write_bytes(b"not Parquet")  # the store's file too: it is a hard link
    _fill(dataset, profile, places)
    assert build_features(dataset, profile, places) == features
    assert len(load_examples(features, horizon=1)) == 8


def test_the_features_say_what_they_were_made_from(
    make_dataset: MakeDataset, profile: Profile, places: Places
) -> None:
    dataset = make_dataset()
    works = _fill(dataset, profile, places)
    record = read_json(build_features(dataset, profile, places) / "features.json")
    assert [record["image"], record["text"]] == [w.spec for w in works]
    assert record["dataset_version"] == dataset.name
    assert record["horizons_weeks"] == [1, 4]
    assert record["label_rule_id"] == "median_2016_2017"
    assert record["synthetic_scenes"] is True
    assert record["as_of_week"] == "2018-w48"


def test_embeddings_leave_as_csv_without_loss(
    make_dataset: MakeDataset, profile: Profile, places: Places, tmp_path: Path
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    _fill(dataset, profile, places)
    features = build_features(dataset, profile, places)
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
    places: Places,
    tmp_path: Path,
    left: bytes | None,
    refused: str,
) -> None:
    dataset = make_dataset(weeks=3, scenes=2)
    works = _fill(dataset, profile, places)
    features = build_features(dataset, profile, places)
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
    make_dataset: MakeDataset, profile: Profile, places: Places, tmp_path: Path
) -> None:
    tabular = profile.model_copy(update={"embed": None})
    features = build_features(make_dataset(), tabular, places)
    with pytest.raises(ConfigError, match="holds no text vectors"):
        export_csv(features, "text", tmp_path / "text.csv")
