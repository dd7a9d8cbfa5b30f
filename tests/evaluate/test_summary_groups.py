"""The summary's groups are those that pandas makes, each with the bits of its own rows' scores."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import load_profile
from pipelines.errors import GateError
from pipelines.evaluate.metrics import brier, scores
from pipelines.evaluate.summary import require_equal_rows, summarise

SCORED = ("label", "probability", "decision_threshold")


@pytest.fixture(scope="module")
def predictions() -> pd.DataFrame:
    """Two heads on 3,000 rows of 40 municipalities, of which two are quiet and one all outbreak."""
    rng = np.random.default_rng(3)
    rows = 3_000
    frame = pd.DataFrame(
        {
            "sample_id": [f"s{i:05}" for i in range(rows)],
            "unit_id": rng.choice([f"u{i:02}" for i in range(40)], rows),
            "horizon_weeks": rng.choice([4, 8], rows),
            "test_year": rng.choice([2015, 2016, 2017], rows),
            "label": (rng.random(rows) < 0.2).astype(float),
            "has_modality": rng.random(rows) < 0.3,
            "origin_outbreak": rng.choice([0.0, 1.0, np.nan], rows),
        }
    )
    frame.loc[frame["unit_id"].isin(["u00", "u01"]), "label"] = 0.0
    frame.loc[frame["unit_id"] == "u02", "label"] = 1.0
    frame["in_benchmark"] = frame["unit_id"] < "u30"
    heads = [
        frame.assign(
            head=head,
            probability=rng.random(rows).round(2),
            decision_threshold=0.3 + 0.01 * (frame["test_year"] - 2015),
            lambda_shift=value,
        )
        for head, value in (("linear", np.nan), ("early", 0.25))
    ]
    return pd.concat(heads, ignore_index=True).sample(frac=1, random_state=1, ignore_index=True)


@pytest.fixture(scope="module")
def summary(predictions: pd.DataFrame) -> dict[str, Any]:
    return summarise(predictions, load_profile("ci"))


def _groups(predictions: pd.DataFrame, head: str) -> pd.DataFrame:
    return predictions[
        (predictions["head"] == head)
        & predictions["in_benchmark"]
        & (predictions["horizon_weeks"] == 4)
    ]


def _scores(rows: pd.DataFrame) -> dict[str, Any]:
    return dict(scores(*(rows[name].to_numpy() for name in SCORED)))


@pytest.mark.parametrize("head", ["linear", "early"])
def test_each_municipality_has_the_scores_of_its_rows(
    summary: dict[str, Any], predictions: pd.DataFrame, head: str
) -> None:
    table = summary["horizons"]["4"]["heads"][head]["municipalities"]
    groups = {unit: _scores(own) for unit, own in _groups(predictions, head).groupby("unit_id")}
    assert [row["unit_id"] for row in table] == sorted(map(str, groups))
    for row in table:
        own = groups[row["unit_id"]]
        assert row["single_class"] == (own["outbreak_rows"] in (0, own["rows"]))
        assert {
            k: row[k] for k in own if row[k] is not None or not row["single_class"]
        }.items() <= (own.items())
    assert sum(row["single_class"] for row in table) == 3


def test_a_head_has_the_scores_of_all_its_rows_and_of_those_before_an_outbreak(
    summary: dict[str, Any], predictions: pd.DataFrame
) -> None:
    rows, found = _groups(predictions, "early"), summary["horizons"]["4"]["heads"]["early"]
    assert _scores(rows).items() <= found.items()
    assert found["onset"] == _scores(rows[rows["origin_outbreak"] == 0])
    assert found["lambda_shift_by_year"] == {"2015": 0.25, "2016": 0.25, "2017": 0.25}


def test_years_and_rows_with_an_input_are_counted_apart(
    summary: dict[str, Any], predictions: pd.DataFrame
) -> None:
    rows, found = _groups(predictions, "linear"), summary["horizons"]["4"]["heads"]["linear"]
    years = {str(y): _scores(own) for y, own in rows.groupby("test_year")}
    assert found["years"].keys() == years.keys()
    for part, own in [
        *((found["years"][y], own) for y, own in years.items()),
        (found["with_modality"], _scores(rows[rows["has_modality"]])),
    ]:
        assert part.items() <= own.items()


def test_the_pool_counts_municipalities_outside_the_benchmark(
    summary: dict[str, Any], predictions: pd.DataFrame
) -> None:
    rows = predictions[(predictions["horizon_weeks"] == 4)]
    linear = rows[rows["head"] == "linear"]
    assert summary["pool"]["4"]["municipalities"] == 40
    assert summary["pool"]["4"]["rows"] == rows["sample_id"].nunique() == len(linear)
    expected = brier(linear["label"].to_numpy(), linear["probability"].to_numpy())
    assert summary["pool"]["4"]["brier"]["linear"] == expected


def test_the_summary_can_be_written(summary: dict[str, Any]) -> None:
    assert json.loads(json.dumps(summary, allow_nan=False)) == summary


def test_rows_that_one_head_lacks_or_has_twice_are_refused(predictions: pd.DataFrame) -> None:
    first = int(np.flatnonzero(predictions["head"] == "linear")[0])
    with pytest.raises(GateError, match="not predicted on the same rows"):
        require_equal_rows(predictions.drop(index=first))
    with pytest.raises(GateError, match="predicted twice by one head"):
        require_equal_rows(pd.concat([predictions, predictions.iloc[[first]]]).assign(head="early"))
