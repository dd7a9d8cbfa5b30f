"""What a place declares reaches the models: from its files to probabilities."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.declared_place import CASES, Place, cases_csv, profile_of

from pipelines.contracts import COVARIATE_NAMES
from pipelines.features.read import load_examples
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds
from pipelines.fusion.linear import LinearModel, fit_linear, usable_covariates
from pipelines.models.boosting import Boosting, FittedTrees
from pipelines.models.kinds import BoostingSettings
from pipelines.storage import read_json

DECLARED = (
    "altitude_m",
    "humidity_pct_lag00",
    "humidity_pct_mean_lag00_03",
    "ocean_index_lag1",
    "ocean_index_lag2",
    "ocean_index_lag3",
    "sparse_index_lag00",
    "sparse_index_mean_lag00_03",
)


def _linear(rows: Examples) -> LinearModel:
    return fit_linear(rows, 1.0)


def _boosting(rows: Examples) -> FittedTrees:
    known = rows.take(np.isfinite(rows.label))
    nothing = Folds(fit_linear(known, 1.0), np.zeros(len(known)), ())
    return Boosting.fit(known, nothing, BoostingSettings())


def _with(rows: Examples, name: str, value: float) -> Examples:
    changed = rows.covariates.copy()
    changed[:, rows.covariate_names.index(name)] = value
    return replace(rows, covariates=changed)


def test_declared_covariates_follow_the_built_in_ones_in_rows_and_in_the_description(
    features: Path, rows: Examples
) -> None:
    assert rows.covariate_names == (*COVARIATE_NAMES, *DECLARED)
    assert read_json(features / "features.json")["covariates"] == [*COVARIATE_NAMES, *DECLARED]
    assert set(DECLARED) <= set(pd.read_parquet(features / "rows.parquet").columns)


@pytest.mark.parametrize("fit", [_linear, _boosting])
def test_a_model_reads_a_declared_covariate_that_tells_something(
    rows: Examples, fit: Callable[[Examples], LinearModel | FittedTrees]
) -> None:
    model = fit(rows)
    dry, humid = (
        model.predict_proba(_with(rows, "humidity_pct_lag00", rh)).mean() for rh in (45.0, 75.0)
    )
    assert "humidity_pct_lag00" in model.columns
    assert humid - dry > 0.5


def test_a_covariate_that_most_units_lack_is_left_out_of_the_design(rows: Examples) -> None:
    read = usable_covariates(rows)
    assert not [name for name in read if name.startswith("sparse_index")]
    assert {"altitude_m", "humidity_pct_lag00", "ocean_index_lag3"} <= set(read)


def test_a_series_without_any_value_makes_no_covariate_and_no_traceback(rows: Examples) -> None:
    assert not [name for name in rows.covariate_names if name.startswith("empty_index")]


def test_a_figure_without_any_value_is_left_out_of_the_design(tmp_path: Path) -> None:
    place = Place(tmp_path, profile_of({**CASES, "series": []}))
    place.drop(cases_csv=cases_csv())
    rows = load_examples(place.features(), 4)
    assert np.isnan(rows.columns(["empty_index"])).all()
    assert "empty_index" not in usable_covariates(rows)
    assert "empty_index" not in fit_linear(rows, 1.0).columns


def test_an_index_of_the_whole_place_is_every_units(rows: Examples) -> None:
    """At the end of 2018-w48, 2018-12-01, October with ten days' latency is the newest month."""
    newest = rows.take(rows.origin_week_no == rows.origin_week_no.max())
    assert len(newest) == 12
    assert set(newest.columns(["ocean_index_lag1"]).ravel()) == {4 * 12 + 10}


def test_a_place_that_declares_none_has_the_built_in_ones_and_says_nothing_more(
    tmp_path: Path,
) -> None:
    columns = {n: c for n, c in CASES["columns"].items() if n in ("unit", "year", "week", "cases")}
    place = Place(tmp_path, profile_of({"file": "cases.csv", "columns": columns}))
    place.drop(cases_csv=cases_csv())
    dataset = place.dataset()
    assert "covariates" not in read_json(dataset / "dataset.json")
    assert not (dataset / "tables" / "series.parquet").exists()
    assert "covariates" not in place.profile.recipe("linear")
