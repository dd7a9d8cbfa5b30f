"""Feature versions of many rows are made in pieces, and are the same."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelines.config import DeploymentPaths, Profile
from pipelines.embed.plan import plan_embedding
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import read_work
from pipelines.features import pieces
from pipelines.features.build import ROW_COLUMNS, build_features, version_of
from pipelines.features.publication import embedding_files
from pipelines.features.read import load_examples
from pipelines.features.rows import ROWS, read_rows, rows_in_order
from pipelines.storage import read_json

MakeDataset = Callable[..., Path]


def fill(dataset: Path, profile: Profile, paths: DeploymentPaths) -> None:
    for file in plan_embedding(dataset, profile, paths).work_files:
        work = read_work(file)
        vectors = np.ones((len(work.inputs), work.encoder_spec.width), np.float32)
        store = EmbeddingStore(store_root(paths), work.encoder_spec)
        store.append([item.key for item in work.inputs], vectors)


def test_a_version_made_in_pieces_is_the_one_made_at_once(
    make_dataset: MakeDataset,
    profile: Profile,
    paths: DeploymentPaths,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    dataset = make_dataset(weeks=60, scenes=2)
    fill(dataset, profile, paths)
    at_once = build_features(dataset, profile, paths)
    expected, described = read_rows(at_once), (at_once / "features.json").read_bytes()
    at_once.rename(tmp_path / "at-once")
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)
    made = build_features(dataset, profile, paths)
    assert made.name == at_once.name == version_of(made)
    assert (made / "features.json").read_bytes() == described
    assert read_rows(made).equals(expected)
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_the_years_of_a_version_are_read_as_one_table_by_whoever_reads_parquet(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=60, scenes=2)
    fill(dataset, profile, paths)
    made = build_features(dataset, profile, paths)
    assert [path.name for path in sorted((made / ROWS).iterdir())] == [
        "2018.parquet",
        "2019.parquet",
    ]
    rows = pd.read_parquet(made / ROWS)
    assert tuple(rows.columns) == ROW_COLUMNS
    assert len(rows) == read_json(made / "features.json")["rows"] == 2 * 2 * 60


def test_a_new_week_leaves_the_bytes_of_past_years_as_they_were(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    before, week = (_built(make_dataset, weeks, profile, paths) for weeks in (59, 60))
    assert before != week
    same = [path.name for path in (week / ROWS).iterdir() if _same(path, before / ROWS / path.name)]
    assert same == ["2018.parquet"]


def test_a_version_of_one_file_is_read_and_verified_as_the_same_rows(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths, tmp_path: Path
) -> None:
    by_year = _built(make_dataset, 60, profile, paths)
    one_file = Path(shutil.copytree(by_year, tmp_path / "before"))
    shutil.rmtree(one_file / ROWS)
    rows = read_rows(by_year).to_pandas()
    order = ["horizon_weeks", "unit_id", "origin_week_no"]
    rows.sort_values(order, kind="stable").to_parquet(one_file / ROWS, index=False)
    assert version_of(one_file) == version_of(by_year) == by_year.name
    assert rows_in_order(one_file).equals(rows_in_order(by_year))
    assert embedding_files(one_file)[0] == embedding_files(by_year)[0]
    for horizon in (1, 4):
        old, new = load_examples(one_file, horizon), load_examples(by_year, horizon)
        assert old.sample_id.tolist() == new.sample_id.tolist()
        assert np.array_equal(old.covariates, new.covariates, equal_nan=True)
        assert np.array_equal(old.text.dense(), new.text.dense())
        assert np.array_equal(old.image.row, new.image.row)


def test_a_version_of_before_is_left_as_it_is(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    made = _built(make_dataset, 3, profile, paths)
    whole = rows_in_order(made)
    shutil.rmtree(made / ROWS)
    pq.write_table(whole, made / ROWS)
    assert _built(make_dataset, 3, profile, paths) == made
    assert (made / ROWS).is_file()


def test_a_changed_value_in_a_past_year_is_found(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    made = _built(make_dataset, 60, profile, paths)
    year = made / ROWS / "2018.parquet"
    rows = pd.read_parquet(year)
    rows["cases"] += 1
    year.unlink()
    rows.to_parquet(year, index=False)
    assert version_of(made) != made.name


def test_a_column_without_values_in_one_year_has_the_type_of_the_others(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=60, scenes=2)
    past = dataset / "samples" / "epi_year=2018" / "part.parquet"
    pd.read_parquet(past).assign(image_age_weeks=None, cases=None).to_parquet(past, index=False)
    fill(dataset, profile, paths)
    years = sorted((build_features(dataset, profile, paths) / ROWS).iterdir())
    assert pq.read_schema(years[0]).equals(pq.read_schema(years[1]))


def _built(make_dataset: MakeDataset, weeks: int, profile: Profile, paths: DeploymentPaths) -> Path:
    dataset = paths.artifacts / "datasets" / f"{weeks:08x}{2:08x}"
    if not dataset.is_dir():
        make_dataset(weeks=weeks, scenes=2)
        fill(dataset, profile, paths)
    return build_features(dataset, profile, paths)


def _same(one: Path, other: Path) -> bool:
    return other.is_file() and one.read_bytes() == other.read_bytes()
