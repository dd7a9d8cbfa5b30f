"""The endpoint asks the one look-up: rows with a week are answered, vectors without one refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from support.linear_bundle import linear_bundle

from pipelines.data.threshold_lookup import Thresholds
from pipelines.inference.asked_row import PredictionRow
from pipelines.registry.lookup import Registered
from pipelines.weeks import CDC
from serving.answers import answer
from serving.champion import Champion
from serving.limits import Budget
from serving.problems import Problem
from serving.requests import Asked, check_known
from serving.routes.model import _description
from serving.schemas import VectorRow

BY_SEASON = Thresholds(("05001",), (2017, 2018), np.tile(np.arange(1.0, 53.0), (1, 2, 1)), CDC)


@pytest.fixture
def champion() -> Champion:
    bundle = linear_bundle(
        horizons=(4,),
        varying=lambda: BY_SEASON,
        threshold_cases={},
        label_rule_id="channel_median5_hw2",
    )
    return Champion(Registered("1", "b", "r", "s"), bundle, None)


def _vector(**more: Any) -> Asked:
    return Asked(
        vectors=[VectorRow(municipality_code="05001", horizon_weeks=4, covariates={}, **more)]
    )


def test_a_row_of_fields_gets_the_threshold_of_its_week(champion: Champion) -> None:
    row = PredictionRow(
        municipality_code="05001", origin_week="2018-w48", horizon_weeks=4, recent_cases=[1.0] * 12
    )
    check_known(champion.bundle, Asked(rows=[row]))
    (body,) = answer(champion, Asked(rows=[row]), 10**6, Budget(10**6))
    assert (body["target_week"], body["threshold_cases"]) == ("2018-w52", 52.0)


def test_a_row_of_vectors_needs_its_week(champion: Champion) -> None:
    (body,) = answer(champion, _vector(origin_week="2018-w10"), 10**6, Budget(10**6))
    assert (body["origin_week"], body["target_week"], body["threshold_cases"]) == (
        "2018-w10",
        "2018-w14",
        14.0,
    )
    with pytest.raises(Problem) as caught:
        answer(champion, _vector(), 10**6, Budget(10**6))
    assert caught.value.status == 422
    assert "no origin week" in caught.value.detail
    assert "origin_week" in caught.value.fix


def test_a_week_beyond_the_model_s_years_is_refused(champion: Champion) -> None:
    with pytest.raises(Problem) as caught:
        answer(champion, _vector(origin_week="2021-w10"), 10**6, Budget(10**6))
    assert "2017..2018" in caught.value.detail


def test_units_are_known_by_the_same_look_up(champion: Champion) -> None:
    stranger = Asked(vectors=[VectorRow(municipality_code="05002", horizon_weeks=4, covariates={})])
    with pytest.raises(Problem) as caught:
        check_known(champion.bundle, stranger)
    assert "05001" in caught.value.errors[0]["what"]
    assert _description(champion)["municipalities"] == 1
