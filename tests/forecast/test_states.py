"""What the forecast says of units whose newest counts are held, unconfirmed or missing."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.contracts import COVARIATE_NAMES
from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.inference.forecast import (
    FORECAST_COLUMNS,
    ForecastVersions,
    forecast_table,
    publish_forecast,
)
from pipelines.inference.forecast_states import UnitStates, with_states
from pipelines.storage import read_json

AS_OF = "2016-w40"
VERSIONS = ForecastVersions("7", "bundle", "dataset", "embedding", synthetic_scenes=False)
NAMES = {"05001": "Medellín", "08001": "Barranquilla", "54001": "Cúcuta"}
WHY = "fell-to-zero (cause 1a2b3c4d)"


@pytest.fixture
def table(bundle: Bundle, rows: dict[int, Examples]) -> pd.DataFrame:
    ids = np.concatenate([r.sample_id for r in rows.values()])
    scenes = pd.DataFrame({"sample_id": ids, "image_date": None, "image_quality": "none"})
    return forecast_table(bundle, rows, AS_OF, NAMES, scenes, VERSIONS)


def known(state: str, rise: float | None = None, units: tuple[str, ...] = ("08001",)) -> UnitStates:
    states = [(u, h, state, AS_OF, WHY) for u in units for h in (1, 4)]
    frame = pd.DataFrame(states, columns=["unit_id", "horizon_weeks", "state", "week", "why"])
    ids = [f"{u}-{AS_OF}-h{h:02d}" for u in units for h in (1, 4)] if rise is not None else []
    counts = pd.DataFrame(rise, index=range(len(ids)), columns=list(COVARIATE_NAMES), dtype=float)
    return UnitStates(frame, counts.assign(sample_id=ids))


@pytest.mark.parametrize("state", ["held", "not reported"])
def test_a_unit_without_a_usable_newest_week_has_no_probability_and_no_alarm(
    table, bundle, rows, state
):
    out = with_states(table, bundle, rows, known(state))
    own = out[out["municipality_code"] == "08001"]
    assert own["probability"].isna().all() and own["outbreak_expected"].isna().all()
    assert set(own["state"]) == {state} and set(own["why"]) == {WHY}


def test_the_other_units_are_forecast_as_ever(table, bundle, rows):
    out = with_states(table, bundle, rows, known("held"))
    others = out[out["municipality_code"] != "08001"].reset_index(drop=True)
    before = table[table["municipality_code"] != "08001"].reset_index(drop=True)
    pd.testing.assert_frame_equal(others, before, check_dtype=False)


def test_an_unconfirmed_unit_has_two_probabilities_and_stands_first(table, bundle, rows):
    out = with_states(table, bundle, rows, known("unconfirmed", rise=6.0))
    own = out[out["state"] == "unconfirmed"]
    assert list(out["municipality_code"][:2]) == ["08001", "08001"]
    before = table[table["municipality_code"] == "08001"]
    assert own["probability_without"].tolist() == before["probability"].tolist()
    assert (own["probability"] > own["probability_without"]).all()


def test_the_alarm_of_an_unconfirmed_unit_follows_the_count_that_looks_too_high(
    table, bundle, rows
):
    out = with_states(table, bundle, rows, known("unconfirmed", rise=6.0))
    own = out[out["state"] == "unconfirmed"]
    expected = own["probability"] >= own["decision_threshold"]
    assert expected.all() and own["outbreak_expected"].astype(bool).all()


def test_an_unconfirmed_unit_without_its_row_is_refused(table, bundle, rows):
    with pytest.raises(StoreError, match="08001"):
        with_states(table, bundle, rows, known("unconfirmed"))


def test_a_forecast_in_which_nothing_is_doubted_is_the_same(table, bundle, rows):
    assert with_states(table, bundle, rows, None) is table
    assert tuple(table.columns) == FORECAST_COLUMNS


def test_what_is_published_names_such_units_and_why(table, bundle, rows, tmp_path: Path):
    out = with_states(table, bundle, rows, known("held", units=("08001", "54001")))
    folder = publish_forecast(out, tmp_path)
    about = read_json(folder / "forecast.json")
    assert about["states"] == {"held": {"08001": WHY, "54001": WHY}}
    csv = pd.read_csv(folder / "forecast.csv", dtype={"municipality_code": str})
    held = csv[csv["state"] == "held"]
    assert len(held) == 4 and held["probability"].isna().all()
    assert pd.read_parquet(folder / "forecast.parquet")["outbreak_expected"].isna().sum() == 4
