from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile
from pipelines.errors import GateError
from pipelines.evaluate.bootstrap import paired_interval
from pipelines.weeks import CDC


def _pair(planted: Any, **how: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    frame = planted({"a": 0.01, "b": 0.0}, horizons=(4,), **how)
    return frame[frame["head"] == "a"], frame[frame["head"] == "b"]


def test_the_interval_holds_the_mean_difference_and_counts_what_it_rests_on(
    planted: Any, profile: Profile
) -> None:
    a, b = _pair(planted)
    found = paired_interval(a, b, profile.gate, CDC)
    loss = [((t["probability"] - t["label"]) ** 2).mean() for t in (a, b)]
    assert found.mean == pytest.approx(loss[0] - loss[1])
    assert found.lower < found.mean < found.upper
    assert (found.rows, found.blocks, found.origins) == (2080, 16, 4)


def test_swapping_the_two_turns_the_sign(planted: Any, profile: Profile) -> None:
    a, b = _pair(planted)
    there, back = paired_interval(a, b, profile.gate, CDC), paired_interval(b, a, profile.gate, CDC)
    assert there.upper == pytest.approx(-back.lower)


def test_a_recipe_compared_with_itself_differs_by_nothing(planted: Any, profile: Profile) -> None:
    a, _ = _pair(planted)
    found = paired_interval(a, a, profile.gate, CDC)
    assert found.lower == found.mean == found.upper == 0.0


def test_towns_that_repeat_each_other_add_no_certainty(planted: Any, profile: Profile) -> None:
    pair = _pair(planted, units=("05001",))
    copies = [
        pd.concat([t.assign(sample_id=t["sample_id"] + f"-{k}") for k in range(9)]) for t in pair
    ]
    one, nine = (
        paired_interval(*pair, profile.gate, CDC),
        paired_interval(*copies, profile.gate, CDC),
    )
    assert nine.upper - nine.lower == pytest.approx(one.upper - one.lower, rel=1e-9)


def test_week_53_does_not_open_a_block_of_its_own(planted: Any, profile: Profile) -> None:
    a, b = _pair(planted, years=(2014,), weeks=53)
    assert paired_interval(a, b, profile.gate, CDC).blocks == 4


def test_the_planted_difference_lies_within_nearly_every_interval(
    planted: Any, profile: Profile
) -> None:
    inside = 0
    for seed in range(40):
        found = paired_interval(*_pair(planted, seed=100 + seed), profile.gate, CDC)
        inside += found.lower <= 0.01 <= found.upper
    assert inside >= 35


@pytest.mark.parametrize("column", ["label", "probability"])
def test_an_unknown_value_is_refused(planted: Any, profile: Profile, column: str) -> None:
    a, b = _pair(planted)
    a = a.assign(**{column: a[column].where(np.arange(len(a)) > 0)})
    with pytest.raises(GateError):
        paired_interval(a, b, profile.gate, CDC)


def test_other_rows_are_refused(planted: Any, profile: Profile) -> None:
    a, b = _pair(planted)
    with pytest.raises(GateError, match="same rows"):
        paired_interval(a.iloc[1:], b, profile.gate, CDC)
