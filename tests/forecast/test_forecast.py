from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.inference.forecast import (
    FORECAST_COLUMNS,
    ForecastVersions,
    forecast_table,
    publish_forecast,
)
from pipelines.inference.predict import predict_proba
from pipelines.storage import manifest_of, read_json
from pipelines.weeks import CDC

AS_OF = "2016-w40"
VERSIONS = ForecastVersions("7", "bundle", "dataset", "embedding", synthetic_scenes=True)
NAMES = {"05001": "Medellín", "08001": "Barranquilla", "54001": "Cúcuta"}


@pytest.fixture
def scenes(rows: dict[int, Examples]) -> pd.DataFrame:
    ids = np.concatenate(
        [r.sample_id[r.origin_week_no == CDC.week_no(AS_OF)] for r in rows.values()]
    )
    first = pd.Series(ids).str.startswith("05001")
    return pd.DataFrame(
        {
            "sample_id": ids,
            "image_date": np.where(first, "2016-09-01", None),
            "image_quality": np.where(first, "blank", "none"),
        }
    )


@pytest.fixture
def table(bundle: Bundle, rows: dict[int, Examples], scenes: pd.DataFrame) -> pd.DataFrame:
    return forecast_table(bundle, rows, AS_OF, NAMES, scenes, VERSIONS)


def test_there_is_one_row_for_each_municipality_and_horizon(table: pd.DataFrame) -> None:
    assert tuple(table.columns) == FORECAST_COLUMNS
    assert len(table) == 6
    assert not table.duplicated(["municipality_code", "horizon_weeks"]).any()
    assert set(table["origin_week"]) == {AS_OF}
    assert list(table["target_week"][:2]) == ["2016-w41", "2016-w44"]
    assert list(table["target_week_end"][:1]) == ["2016-10-15"]


def test_what_a_unit_lies_in_stands_after_its_name_where_it_is_told(
    bundle: Bundle, rows: dict[int, Examples], scenes: pd.DataFrame, table: pd.DataFrame
) -> None:
    with_parents = forecast_table(
        bundle, rows, AS_OF, NAMES, scenes, VERSIONS, {"05001": "Antioquia"}
    )
    assert list(with_parents.columns[:4]) == [
        "municipality_code",
        "municipality",
        "parent",
        "origin_week",
    ]
    assert (
        dict(zip(with_parents["municipality_code"], with_parents["parent"], strict=True))["05001"]
        == "Antioquia"
    )
    assert set(with_parents["parent"]) == {"Antioquia", ""}
    pd.testing.assert_frame_equal(with_parents.drop(columns="parent"), table)


def test_the_probability_is_the_bundles_own_and_the_alarm_follows_its_threshold(
    table: pd.DataFrame, bundle: Bundle, rows: dict[int, Examples]
) -> None:
    newest = rows[4].take(rows[4].origin_week_no == CDC.week_no(AS_OF))
    expected = dict(zip(newest.unit_id, predict_proba(bundle.models[4], newest), strict=True))
    found = table[table["horizon_weeks"] == 4].set_index("municipality_code")
    for code, probability in expected.items():
        assert found.at[code, "probability"] == probability
    alarm = table["probability"] >= table["decision_threshold"]
    pd.testing.assert_series_equal(table["outbreak_expected"], alarm, check_names=False)


def test_a_scene_that_is_not_used_is_named_with_its_quality_and_marked_synthetic(
    table: pd.DataFrame,
) -> None:
    medellin, other = table.iloc[0], table.iloc[-1]
    assert (medellin["scene_date"], medellin["scene_quality"]) == ("2016-09-01", "blank")
    assert medellin["scene_synthetic"]
    assert not medellin["image_used"]
    assert medellin["alert_rung"] == "linear"
    assert pd.isna(other["scene_date"])
    assert (other["scene_quality"], other["scene_synthetic"]) == ("none", False)


def test_an_origin_without_rows_is_refused(
    bundle: Bundle, rows: dict[int, Examples], scenes: pd.DataFrame
) -> None:
    with pytest.raises(StoreError, match="2016-w41"):
        forecast_table(bundle, rows, "2016-w41", NAMES, scenes, VERSIONS)


def test_a_broken_model_makes_no_forecast(
    bundle: Bundle, rows: dict[int, Examples], scenes: pd.DataFrame
) -> None:
    model = bundle.models[4]
    unfit = replace(model, forecaster=replace(model.forecaster, bias=float("nan")))  # type: ignore[type-var]
    broken = replace(bundle, models={**bundle.models, 4: unfit})
    with pytest.raises(StoreError, match="not within 0 and 1"):
        forecast_table(broken, rows, AS_OF, NAMES, scenes, VERSIONS)


def test_parquet_and_csv_hold_the_same_forecast(table: pd.DataFrame, tmp_path: Path) -> None:
    folder = publish_forecast(table, tmp_path, ["99001"])
    csv = pd.read_csv(
        folder / "forecast.csv",
        dtype={"municipality_code": str, "model_version": str},
        float_precision="round_trip",  # the usual parser may miss the last bit
    )
    parquet = pd.read_parquet(folder / "forecast.parquet")
    assert (
        list(csv["municipality_code"])
        == list(parquet["municipality_code"])
        == list(table["municipality_code"])
    )
    np.testing.assert_array_equal(csv["probability"], parquet["probability"])
    assert folder.name.startswith(f"{AS_OF}-")
    assert read_json(folder / "forecast.json")["not_forecast_count"] == 1


def test_the_csv_holds_every_digit_of_a_number(table: pd.DataFrame, tmp_path: Path) -> None:
    odd = [0.1 + 0.2, 1 / 3, 1e-17, 5e-324, 0.9999999999999999, 0.49999999999999994]
    folder = publish_forecast(table.assign(probability=odd), tmp_path)
    as_text = pd.read_csv(folder / "forecast.csv", dtype=str)
    assert list(as_text["probability"]) == [repr(number) for number in odd]


def test_publishing_the_same_forecast_again_changes_nothing(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    folder = publish_forecast(table, tmp_path)
    before = {p: p.stat().st_mtime_ns for p in folder.iterdir()}
    assert publish_forecast(table, tmp_path) == folder
    assert {p: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_another_forecast_for_the_same_week_stands_beside_the_first(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    first = publish_forecast(table, tmp_path)
    before = manifest_of(first)
    second = publish_forecast(table.assign(model_version="8"), tmp_path)
    assert second != first
    assert manifest_of(first) == before


def test_a_published_forecast_that_was_changed_is_noticed(
    table: pd.DataFrame, tmp_path: Path
) -> None:
    folder = publish_forecast(table, tmp_path)
    (folder / "forecast.csv").write_text("municipality_code\n", encoding="utf-8")
    with pytest.raises(StoreError, match="changed"):
        publish_forecast(table, tmp_path)


def test_two_origins_are_not_one_forecast(table: pd.DataFrame, tmp_path: Path) -> None:
    table.loc[0, "origin_week"] = "2016-w39"
    with pytest.raises(StoreError, match="one origin"):
        publish_forecast(table, tmp_path)


def test_rows_of_a_provisional_champion_say_so(
    bundle: Bundle, rows: dict[int, Examples], scenes: pd.DataFrame
) -> None:
    plain = forecast_table(bundle, rows, AS_OF, NAMES, scenes, VERSIONS)
    marked = forecast_table(bundle, rows, AS_OF, NAMES, scenes, replace(VERSIONS, provisional=True))
    assert not plain["provisional"].any() and marked["provisional"].all()


def test_a_row_without_vectors_rests_on_what_its_head_starts_from(bundle: Bundle) -> None:
    from pipelines.fusion.fused import FusedForecaster
    from pipelines.inference.forecast import without_vectors

    linear = bundle.models[1]
    over_trees = FusedForecaster("early", linear.forecaster, None, "boosting")
    assert without_vectors(replace(linear, forecaster=over_trees), "early") == "boosting"
    assert without_vectors(linear, "linear") == "linear"
