"""Feature versions of many rows are made in pieces, and are the same."""

from __future__ import annotations

import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from pipelines.config import DeploymentPaths, Profile
from pipelines.embed.plan import plan_embedding
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import read_work
from pipelines.features import pieces
from pipelines.features.build import build_features, version_of
from pipelines.features.pieces import KeptTables

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
    dataset = make_dataset(weeks=3, scenes=2)
    fill(dataset, profile, paths)
    at_once = build_features(dataset, profile, paths)
    rows, about = (at_once / name for name in ("rows.parquet", "features.json"))
    expected, described = pd.read_parquet(rows), about.read_bytes()
    at_once.rename(tmp_path / "at-once")
    monkeypatch.setattr(pieces, "PIECE_ROWS", 1)
    made = build_features(dataset, profile, paths)
    assert made.name == at_once.name == version_of(made)
    assert (made / "features.json").read_bytes() == described
    pd.testing.assert_frame_equal(pd.read_parquet(made / "rows.parquet"), expected)
    assert [path.name for path in made.parent.iterdir()] == [made.name]


def test_a_column_without_values_in_one_piece_has_the_type_of_the_others() -> None:
    with tempfile.TemporaryDirectory() as folder:
        kept = KeptTables(Path(folder))
        for values in ([None, None], [1.5, None], [2, 3]):
            kept.add(pa.table({"age": values}))
        assert [table["age"].type for table in kept] == [pa.float64()] * 3
        assert kept.rows == 6
        whole = pa.table({"age": [None, None, 1.5, None, 2.0, 3.0]})
        assert kept.version() == pieces.values_id(["age"], [whole])
