"""Reading a features folder: rows and vectors joined, or a clear refusal."""

from dataclasses import asdict

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.contracts import COVARIATE_NAMES, EncoderSpec
from pipelines.errors import StoreError
from pipelines.features.read import load_examples
from pipelines.storage import write_json

IMAGE = EncoderSpec("a", "image", 3, "0", "p", "avg", "float32", 1, "c")
TEXT = EncoderSpec("b", "text", 2, "0", "p", "mean", "float32", 1, "c")
VECTORS = {
    "image": {"i2": [1.0, 2.0, 3.0], "i1": [4.0, 5.0, 6.0], "unused": [7.0, 8.0, 9.0]},
    "text": {"t1": [1.0, -1.0]},
}


def write_shard(folder, spec, keys, table):
    vectors = pa.array([table[k] for k in keys], type=pa.list_(pa.float32(), spec.width))
    path = folder / "shards" / spec.space_id / f"{keys[0]}.parquet"
    path.parent.mkdir(parents=True, exist_ok=True)
    pq.write_table(pa.table({"key": pa.array(keys), "vector": vectors}), path)


@pytest.fixture
def features(tmp_path):
    rows = pd.DataFrame(
        {
            "sample_id": ["c", "a", "b", "other"],
            "unit_id": ["05001", "05001", "05360", "05001"],
            "origin_week_no": np.array([3, 1, 2, 1], dtype=np.int32),
            "target_week_no": np.array([7, 5, 6, 2], dtype=np.int32),
            "horizon_weeks": np.array([4, 4, 4, 1], dtype=np.int32),
            "threshold_cases": 10.0,
            "label": [1.0, 0.0, np.nan, 1.0],
            "image_key": ["i1", "i2", None, "i1"],
            "text_key": ["t1", None, None, None],
        }
        | {name: float(k) for k, name in enumerate(COVARIATE_NAMES)}
    )
    rows.to_parquet(tmp_path / "rows.parquet", index=False)
    write_json(tmp_path / "features.json", {"image": asdict(IMAGE), "text": asdict(TEXT)})
    write_shard(tmp_path, IMAGE, ["i2"], VECTORS["image"])
    write_shard(tmp_path, IMAGE, ["i1", "unused"], VECTORS["image"])
    write_shard(tmp_path, TEXT, ["t1"], VECTORS["text"])
    return tmp_path


def test_rows_of_the_horizon_come_sorted_with_their_vectors(features):
    found = load_examples(features, 4)
    assert found.sample_id.tolist() == ["a", "b", "c"]
    assert found.horizon_weeks == 4 and found.unit_id.tolist() == ["05001", "05360", "05001"]
    np.testing.assert_array_equal(found.label, [0.0, np.nan, 1.0])
    np.testing.assert_array_equal(found.image.dense(), [[1, 2, 3], [0, 0, 0], [4, 5, 6]])
    np.testing.assert_array_equal(found.text.dense(), [[0, 0], [0, 0], [1, -1]])
    np.testing.assert_array_equal(found.covariates[0], np.arange(len(COVARIATE_NAMES)))


def test_only_vectors_that_rows_name_are_kept(features):
    assert load_examples(features, 4).image.table.shape == (2, 3)


def test_a_horizon_without_any_vector_keeps_the_width(features):
    assert load_examples(features, 1).text.table.shape == (0, 2)


def test_a_key_without_a_vector_is_refused_with_a_count(features):
    rows = pd.read_parquet(features / "rows.parquet")
    rows.loc[0, "image_key"] = "nowhere"
    rows.to_parquet(features / "rows.parquet", index=False)
    with pytest.raises(StoreError, match="1 image vectors"):
        load_examples(features, 4)


def test_an_unknown_horizon_is_refused(features):
    with pytest.raises(StoreError, match="no row has horizon 9"):
        load_examples(features, 9)


def test_absent_rows_are_refused_by_name(features):
    (features / "rows.parquet").unlink()
    with pytest.raises(StoreError, match=r"rows\.parquet"):
        load_examples(features, 4)


def test_covariates_are_those_that_the_rows_have(features):
    rows = pd.read_parquet(features / "rows.parquet").drop(columns=list(COVARIATE_NAMES[5:]))
    rows.to_parquet(features / "rows.parquet", index=False)
    found = load_examples(features, 4)
    assert found.covariate_names == COVARIATE_NAMES[:5]
    assert found.covariates.shape == (3, 5)


def test_covariates_that_are_declared_may_have_other_names(features):
    rows = pd.read_parquet(features / "rows.parquet").assign(humidity_pct=70.0)
    rows.to_parquet(features / "rows.parquet", index=False)
    described = {
        "image": asdict(IMAGE),
        "text": asdict(TEXT),
        "covariates": ["season_sin1", "humidity_pct"],
    }
    write_json(features / "features.json", described)
    found = load_examples(features, 4)
    assert found.covariate_names == ("season_sin1", "humidity_pct")
    assert (found.covariates[:, 1] == 70.0).all()


def test_a_declared_covariate_that_the_rows_lack_is_named(features):
    described = {"image": asdict(IMAGE), "text": asdict(TEXT), "covariates": ["humidity_pct"]}
    write_json(features / "features.json", described)
    with pytest.raises(StoreError, match="humidity_pct"):
        load_examples(features, 4)
