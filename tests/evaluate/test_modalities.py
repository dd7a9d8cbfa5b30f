"""What each modality brings: the same folds and rows with the other one hidden."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile, load_profile
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.modalities import alone, brought
from pipelines.evaluate.power import power_statements
from pipelines.evaluate.report_modalities import modalities
from pipelines.fusion.examples import Examples
from pipelines.testing.rows import make_examples

YEARS = (2016, 2017)
HEADS = ("early",)
KEY = ["test_year", "sample_id"]


@pytest.fixture(scope="module")
def small() -> Profile:
    changes: dict[str, Any] = {
        "evaluate.horizons_weeks": (4,),
        "evaluate.test_years": YEARS,
        "evaluate.municipalities": [f"{90000 + k}" for k in range(4)],
        "train.candidates": ("linear", *HEADS),
        "train.tuned": {},
        "train.max_epochs": 4,
        "train.lambda_grid": (0.0,),
    }
    return load_profile("sample", **changes)


@pytest.fixture(scope="module")
def text_knows() -> dict[int, Examples]:
    """Rows of which the texts hold the planted signal and the images hold noise."""
    rows = make_examples(4, planted=3.0)
    noise = np.random.default_rng(0).normal(size=rows.image.table.shape).astype(np.float32)
    return {4: replace(rows, image=replace(rows.image, table=noise))}


@pytest.fixture(scope="module")
def predictions(text_knows: dict[int, Examples], small: Profile) -> pd.DataFrame:
    made = [backtest_year(text_knows, small, ("linear", *HEADS), year) for year in YEARS]
    return pd.concat(made, ignore_index=True)


@pytest.fixture(scope="module")
def hidden(text_knows: dict[int, Examples], small: Profile) -> dict[str, pd.DataFrame]:
    return alone(text_knows, small, HEADS, YEARS)


def test_the_modality_that_holds_the_signal_is_the_one_that_brings_it(
    predictions: pd.DataFrame, hidden: dict[str, pd.DataFrame], small: Profile
) -> None:
    found: Any = brought(predictions, hidden, small)["4"]["early"]
    image, text, both = (found[seen]["judged"] for seen in ("image", "text", "both"))
    assert text["upper"] < 0 and both["upper"] < 0
    assert text["mean"] < image["mean"] - 0.02
    assert image["mean"] > -0.005
    json.dumps(found, allow_nan=False)


def test_rows_are_those_of_the_backtest_and_the_pool_holds_more_of_them(
    predictions: pd.DataFrame, hidden: dict[str, pd.DataFrame], small: Profile
) -> None:
    own = predictions[predictions["head"] == "early"].sort_values(KEY)
    for table in hidden.values():
        assert table.sort_values(KEY)["sample_id"].tolist() == own["sample_id"].tolist()
    found: Any = brought(predictions, hidden, small)["4"]["early"]["text"]
    assert found["pool"]["rows"] == len(own) == 2 * found["judged"]["rows"]


def test_what_is_hidden_is_not_seen(
    text_knows: dict[int, Examples], hidden: dict[str, pd.DataFrame], small: Profile
) -> None:
    rows = text_knows[4]
    other = np.random.default_rng(1).normal(size=rows.text.table.shape).astype(np.float32)
    turned = {4: replace(rows, text=replace(rows.text, table=other))}
    again = alone(turned, small, HEADS, YEARS)
    pd.testing.assert_frame_equal(again["image"], hidden["image"])
    assert (again["text"]["probability"] != hidden["text"]["probability"]).any()


def test_the_base_of_a_head_is_kept_beside_its_rows(predictions: pd.DataFrame) -> None:
    own, linear = (
        predictions[predictions["head"] == head].sort_values(KEY) for head in ("early", "linear")
    )
    assert set(own["base"]) == {"linear"} and set(linear["base"]) == {""}
    np.testing.assert_array_equal(own["base_probability"], linear["probability"])
    assert linear["base_probability"].isna().all()
    bare = ~own["has_modality"].to_numpy()
    np.testing.assert_array_equal(
        own["base_probability"].to_numpy()[bare], own["probability"].to_numpy()[bare]
    )


def test_the_power_of_these_rows_is_stated(predictions: pd.DataFrame, small: Profile) -> None:
    few = small.model_copy(
        update={"gate": small.gate.model_copy(update={"min_blocks": 8, "min_origins": 2})}
    )
    found: Any = power_statements(predictions, few)["4"]
    assert found["head"] == "early" and found["smallest"] > 0
    assert found["changed_rows"] <= found["rows"]


def test_the_table_of_the_report_has_every_line(
    predictions: pd.DataFrame, hidden: dict[str, pd.DataFrame], small: Profile
) -> None:
    (table,) = modalities({"modalities": brought(predictions, hidden, small)})
    seen = [row["seen"] for row in table["rows"]]
    assert seen == ["images alone", "texts alone", "both"]
    assert all(len(row["cells"]) == 7 for row in table["rows"])
    assert modalities({}) == []


def test_rows_of_one_block_have_no_interval_and_a_dash(
    predictions: pd.DataFrame, hidden: dict[str, pd.DataFrame], small: Profile
) -> None:
    week = predictions["target_week_no"].min() + 3
    few = predictions[predictions["target_week_no"] == week]
    found: Any = brought(few, {}, small)
    assert found["4"]["early"]["both"]["judged"] is None
    assert modalities({"modalities": found})[0]["rows"][0]["cells"][0] == "–"
