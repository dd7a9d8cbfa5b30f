"""What each origin knew of the counts: worked by hand, and no later vintage is ever seen."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from support.filling import made, thinned

from pipelines.config import Maturity
from pipelines.data.availability import Matrices, build_matrices
from pipelines.data.covariates import covariates
from pipelines.data.maturing import matured
from pipelines.data.tables import Tables
from pipelines.data_config import DataConfig
from pipelines.weeks import CDC

A, B = date(2019, 2, 5), date(2019, 2, 12)  # the newest weeks of these drops: 2 and 3
C, D = date(2019, 2, 26), date(2019, 3, 5)  # 5 (week 4 came with it) and 6
EVERY = ("none", "fixed", "learned")


def of_rows(*rows: tuple[str, int, float, date], units: str = "XY") -> Tables:
    cases = pd.DataFrame(rows, columns=["unit_id", "week_no", "cases", "received_date"])
    table = pd.DataFrame({"unit_id": list(units), "name": list(units)})
    return replace(Tables.empty(), cases=cases, units=table)


def known(tables: Tables, origin: int, week: int, delay: int = 0) -> float:
    matrices = build_matrices(tables, ("X",), delay, CDC, as_known=True)
    return float(matrices.known_cases(np.array([week]), np.array([origin]), 1)[0, 0])


def weekly(*more: tuple[str, int, float, date]) -> Tables:
    """Unit Y in time in every drop, so that the drops' newest weeks are known; X as given."""
    came = {1: A, 2: A, 3: B, 4: C, 5: C, 6: D}
    return of_rows(*(("Y", week, 9.0, day) for week, day in came.items()), *more)


def test_an_origin_takes_the_count_of_its_own_drop_and_a_later_one_the_corrected() -> None:
    tables = weekly(("X", 2, 5.0, A), ("X", 2, 7.0, B), ("X", 2, 6.0, D))
    assert [known(tables, origin, 2) for origin in (2, 3, 5, 6)] == [5, 7, 7, 6]


def test_targets_are_counts_of_today() -> None:
    tables = weekly(("X", 2, 5.0, A), ("X", 2, 7.0, B))
    matrices = build_matrices(tables, ("X",), 0, CDC, as_known=True)
    assert matrices.cases_at(np.array([2]))[0, 0] == 7


def test_a_correction_of_the_same_week_is_known_to_its_origin() -> None:
    tables = weekly(("X", 2, 5.0, A), ("X", 2, 7.0, A + timedelta(days=3)))
    assert known(tables, 2, 2) == 7


def test_a_count_that_came_late_was_unknown_until_then() -> None:
    tables = weekly(("X", 3, 4.0, D))
    assert np.isnan(known(tables, 3, 3)) and np.isnan(known(tables, 5, 3))
    assert known(tables, 6, 3) == 4


def test_a_count_that_was_taken_back_is_known_until_then() -> None:
    tables = weekly(("X", 2, 5.0, A), ("X", 2, np.nan, C))
    assert known(tables, 3, 2) == 5 and np.isnan(known(tables, 5, 2))


def test_an_origin_that_no_drop_was_made_for_takes_the_counts_of_today() -> None:
    """Weeks 4 and 5 came in one drop: at origin 4 nobody could forecast."""
    tables = weekly(("X", 2, 5.0, A), ("X", 2, 7.0, D))
    assert known(tables, 4, 2) == 7 and known(tables, 5, 2) == 5


def test_history_that_is_delivered_later_is_seen_by_every_origin() -> None:
    tables = weekly(("X", -30, 3.0, D), ("X", -29, 3.0, D))
    assert known(tables, 3, -30) == 3


def test_with_a_reporting_delay_the_drop_is_that_of_a_later_origin() -> None:
    tables = weekly(("X", 2, 5.0, A), ("X", 2, 7.0, B))
    assert [known(tables, origin, 2, delay=1) for origin in (3, 4)] == [5, 7]
    assert np.isnan(known(tables, 2, 2, delay=1))


def test_of_a_line_list_an_origin_knows_what_was_reported_by_its_end() -> None:
    rows = [("X", 10, 0, 4.0), ("X", 10, 2, 3.0), ("X", 11, 1, 2.0)]
    delays = pd.DataFrame(rows, columns=["unit_id", "week_no", "delay_weeks", "cases"])
    tables = replace(
        of_rows(("X", 10, 7.0, D), ("X", 11, 2.0, D), ("X", 12, 0.0, D), units="X"),
        delays=delays.assign(received_date=D),
    )
    assert [known(tables, origin, 10) for origin in (10, 11, 12)] == [4, 4, 7]
    assert [known(tables, origin, 11) for origin in (11, 12)] == [0, 2]


def _maturity(method: str) -> Maturity:
    more = {"none": {}, "fixed": {"shares": (0.55, 0.85)}, "learned": {"weeks": 2}}[method]
    return Maturity.model_validate({"method": method, **more})


def _seen(tables: Tables, method: str, origins: np.ndarray) -> np.ndarray:
    """(U, K, 1) covariates of the last origin."""
    units = tuple(sorted(tables.units["unit_id"]))
    data = DataConfig()
    found = matured(tables, units, data, CDC, origins, _maturity(method)).matrices
    return np.stack([own[:, -1] for own in covariates(found, tables.units, origins, 4).values()])


@pytest.fixture(scope="module")
def filling() -> Tables:
    """Weekly drops; a unit's report of one week comes three weeks late, another is corrected a year
    later.
    """
    tables = thinned(made(), (0.55, 0.85))
    cases, first = tables.cases, int(tables.cases["week_no"].min())
    late = (cases["unit_id"] == "U03") & (cases["week_no"] == first + 120)
    days = cases["received_date"].where(~late, cases["received_date"] + timedelta(days=21))
    old = pd.DataFrame(
        {
            "unit_id": ["U05"],
            "week_no": [first + 80],
            "cases": [500.0],
            "received_date": [CDC.week_end(first + 130) + timedelta(days=4)],
        }
    )
    both = pd.concat([cases.assign(received_date=days), old], ignore_index=True)
    return replace(tables, cases=both.astype({"week_no": "int32"}))


@pytest.mark.parametrize("method", EVERY)
def test_no_origin_sees_a_vintage_that_came_after_it(filling: Tables, method: str) -> None:
    """Rows of an origin are to the bit those that its own week's tables gave."""
    first = int(filling.cases["week_no"].min())
    for week in (first + 70, first + 121, first + 129, first + 140):
        on = CDC.week_end(week) + timedelta(days=8)  # the next drop comes a day later
        then = replace(filling, cases=filling.cases[filling.cases["received_date"] <= on])
        origins = np.arange(first + 60, week + 1)
        np.testing.assert_array_equal(_seen(filling, method, origins), _seen(then, method, origins))


@pytest.mark.parametrize("method", EVERY)
def test_the_guard_finds_noise_in_the_place_of_what_came_later(
    filling: Tables, method: str
) -> None:
    units = tuple(sorted(filling.units["unit_id"]))
    first = int(filling.cases["week_no"].min())
    origins = np.arange(first + 60, first + 150)
    whole = matured(filling, units, DataConfig(), CDC, origins, _maturity(method)).matrices

    def lags(matrices: Matrices, origin: int) -> np.ndarray:
        return matrices.lagged_cases(np.array([origin]), 52, 4)

    for origin in (first + 81, first + 121, first + 131):
        blind = whole.blinded(origin, 4, seed=1)
        np.testing.assert_array_equal(lags(whole, origin), lags(blind, origin))
        assert not np.array_equal(lags(whole, origin + 3), lags(blind, origin + 3))
        forgetful = [lags(replace(one, then=None), origin) for one in (whole, blind)]
        assert not np.array_equal(*forgetful)  # who reads today's count of then is found out
