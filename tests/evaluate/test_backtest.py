from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.errors import GateError
from pipelines.evaluate.backtest import (
    PREDICTION_COLUMNS,
    backtest_year,
    read_predictions,
    write_predictions,
)
from pipelines.evaluate.baselines import BASELINES
from pipelines.evaluate.summary import require_equal_rows, summarise
from pipelines.fusion.examples import Examples
from pipelines.weeks import CDC


@pytest.fixture(scope="module")
def predictions(examples: dict[int, Examples], short_profile: Profile) -> pd.DataFrame:
    years = (2014, 2015)
    heads = ("linear", "late_joint")
    return pd.concat([backtest_year(examples, short_profile, heads, y) for y in years])


def test_every_head_and_baseline_predicts_the_same_rows_of_the_test_year(
    predictions: pd.DataFrame,
) -> None:
    assert list(predictions.columns) == list(PREDICTION_COLUMNS)
    assert set(predictions["head"]) == {"linear", "late_joint", *BASELINES}
    rows = predictions.groupby(["head", "horizon_weeks", "test_year"]).size()
    assert set(rows.xs(2014, level="test_year")) == {12 * 53}
    assert set(rows.xs(2015, level="test_year")) == {12 * 52}
    targets = predictions.loc[predictions["test_year"] == 2015, "target_week_no"]
    assert (targets.min(), targets.max()) == (CDC.week_no("2015-w01"), CDC.week_no("2015-w52"))


def test_every_prediction_is_a_finite_probability_of_a_known_label(
    predictions: pd.DataFrame,
) -> None:
    assert predictions["probability"].between(0, 1).all()
    assert predictions["label"].isin([0.0, 1.0]).all()


def test_the_benchmark_is_flagged_and_fusion_is_the_linear_head_where_nothing_can_be_fused(
    predictions: pd.DataFrame,
) -> None:
    assert set(predictions.loc[predictions["in_benchmark"], "unit_id"]) == set(TEN_MUNICIPALITIES)
    keys = ["horizon_weeks", "sample_id"]
    fused, linear = (
        predictions[predictions["head"] == h].set_index(keys) for h in ("late_joint", "linear")
    )
    bare = fused.index[~fused["has_modality"]]
    pd.testing.assert_series_equal(fused.loc[bare, "probability"], linear.loc[bare, "probability"])


def test_an_onset_is_an_outbreak_with_none_at_origin(predictions: pd.DataFrame) -> None:
    found = predictions[predictions["is_onset"]]
    assert (found["label"] == 1).all()
    assert (found["origin_outbreak"] == 0).all()
    assert 0 < len(found) < (predictions["label"] == 1).sum()


def test_no_prediction_knows_a_label_inside_the_embargo_or_later(
    examples: dict[int, Examples], short_profile: Profile
) -> None:
    first = CDC.week_no("2015-w01")

    def turned(rows: Examples, from_week: int) -> Examples:
        later = rows.target_week_no >= from_week
        return replace(rows, label=np.where(later, 1 - rows.label, rows.label).astype(np.float32))

    def run(offset: int) -> pd.DataFrame:
        changed = {h: turned(rows, first - h + offset) for h, rows in examples.items()}
        return backtest_year(changed, short_profile, ["linear"], 2015)

    plain = backtest_year(examples, short_profile, ["linear"], 2015)
    embargoed = run(offset=1)  # the first target that may not be trained on
    pd.testing.assert_series_equal(embargoed["probability"], plain["probability"])
    assert not run(offset=-26)["probability"].equals(plain["probability"])  # the test can fail


def test_equal_predictions_are_written_as_equal_bytes(
    predictions: pd.DataFrame, tmp_path: Path
) -> None:
    one = write_predictions(predictions, tmp_path / "one.parquet")
    other = write_predictions(
        predictions.sample(frac=1.0, random_state=1), tmp_path / "two.parquet"
    )
    assert one.read_bytes() == other.read_bytes()
    assert len(read_predictions([one])) == len(predictions)


def test_an_absent_year_is_named(tmp_path: Path) -> None:
    with pytest.raises(GateError, match=r"2016\.parquet"):
        read_predictions([tmp_path / "2016.parquet"])


def test_a_year_without_labelled_rows_is_refused(
    examples: dict[int, Examples], short_profile: Profile
) -> None:
    with pytest.raises(GateError, match="2018"):
        backtest_year(examples, short_profile, ["linear"], 2018)


def test_the_summary_is_json_and_counts_what_lies_in_the_predictions(
    predictions: pd.DataFrame, short_profile: Profile
) -> None:
    found = summarise(predictions, short_profile)
    json.dumps(found, allow_nan=False)
    primary = found["horizons"]["4"]
    assert primary["rows"] == 10 * (52 + 53)
    assert primary["heads"]["linear"]["skill_vs"]["linear"] == 0.0
    judged = predictions[
        predictions["in_benchmark"]
        & (predictions["horizon_weeks"] == 4)
        & (predictions["head"] == "linear")
    ]
    assert primary["onset_rows"] == int(judged["is_onset"].sum())
    assert primary["heads"]["linear"]["onset"]["rows"] == int(
        (judged["origin_outbreak"] == 0).sum()
    )
    assert found["pool"]["4"]["municipalities"] == 12


def test_the_worst_municipality_is_the_one_with_the_highest_brier_score(
    predictions: pd.DataFrame, short_profile: Profile
) -> None:
    record = summarise(predictions, short_profile)["horizons"]["4"]["heads"]["linear"]
    worst = max(record["municipalities"], key=lambda m: m["brier"])
    assert record["worst_municipality"] == worst["unit_id"]


def test_a_town_with_one_class_has_its_brier_score_only(
    predictions: pd.DataFrame, short_profile: Profile
) -> None:
    quiet = predictions.assign(
        label=predictions["label"].mask(predictions["unit_id"] == "05001", 0.0)
    )
    towns = summarise(quiet, short_profile)["horizons"]["4"]["heads"]["linear"]["municipalities"]
    medellin = next(m for m in towns if m["unit_id"] == "05001")
    assert medellin["single_class"]
    assert medellin["brier"] is not None
    assert medellin["auprc"] is medellin["specificity"] is medellin["macro_f1"] is None


def test_heads_on_different_rows_are_not_summarised(
    predictions: pd.DataFrame, short_profile: Profile
) -> None:
    short = predictions.drop(index=predictions.index[predictions["head"] == "linear"][:1])
    with pytest.raises(GateError, match="same rows"):
        summarise(short, short_profile)


def test_years_of_two_versions_are_read_as_one_table(tmp_path: Path, planted: Any) -> None:
    files = [tmp_path / "2015.parquet", tmp_path / "2016.parquet"]
    for file, year in zip(files, (2015, 2016), strict=True):
        own = planted({"linear": 0.0, "early": 0.01}, years=(year,))
        without = ["base", "base_probability"] if year == 2015 else []
        own.drop(columns=without).to_parquet(file)
    found = read_predictions(files)
    assert found["test_year"].value_counts().to_dict() == dict.fromkeys(
        (2015, 2016), len(found) / 2
    )
    first = found[found["test_year"] == 2015]
    assert set(first[["head", "base"]].itertuples(index=False, name=None)) == {
        ("linear", ""),
        ("early", "linear"),
    }
    assert list(found.index) == list(range(len(found)))


def test_predictions_of_one_version_are_those_of_their_files_in_order(
    tmp_path: Path, planted: Any
) -> None:
    files = [tmp_path / f"{year}.parquet" for year in (2016, 2015)]
    for file in files:
        planted({"linear": 0.0, "early": 0.01}, years=(int(file.stem),)).to_parquet(file)
    each = pd.concat([pd.read_parquet(file) for file in files], ignore_index=True)
    pd.testing.assert_frame_equal(read_predictions(files), each)


def test_heads_with_the_same_rows_in_another_order_are_compared(planted: Any) -> None:
    table = planted({"linear": 0.0, "early": 0.01}, years=(2015,))
    require_equal_rows(table.sample(frac=1.0, random_state=3))
    with pytest.raises(GateError, match="were not predicted on the same rows"):
        require_equal_rows(table.drop(index=table.index[table["head"] == "early"][5]))
    twice = table.assign(sample_id=table["sample_id"].iloc[0])
    with pytest.raises(GateError, match="predicted twice"):
        require_equal_rows(twice)
