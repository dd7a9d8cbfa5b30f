"""Tables lie in one order whatever order their rows came in; one that lies so is not sorted."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from pipelines.data.tables import ordered

DAYS = (date(2018, 1, 9), date(2018, 1, 16))
KEYS = ["unit_id", "week_no", "received_date"]


def cases(noise: np.random.Generator, n_rows: int) -> pd.DataFrame:
    """Counts with ties in every key, each told apart by its number."""
    return pd.DataFrame(
        {
            "unit_id": noise.choice(np.array(["b", "a", "10", "9"], dtype=object), n_rows),
            "week_no": noise.integers(3, size=n_rows).astype("int32"),
            "cases": np.arange(n_rows, dtype=np.float64),
            "received_date": noise.choice(np.array(DAYS, dtype=object), n_rows),
        }
    )


@pytest.mark.parametrize("n_rows", [0, 1, 2, 3, 40])
@pytest.mark.parametrize("seed", range(3))
def test_rows_lie_by_their_keys_and_equal_ones_as_they_came(n_rows: int, seed: int) -> None:
    frame = cases(np.random.default_rng(seed), n_rows)
    expected = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    once = ordered("cases", frame)
    pd.testing.assert_frame_equal(once, expected)
    pd.testing.assert_frame_equal(ordered("cases", once), expected)


@pytest.mark.parametrize("column", KEYS)
def test_a_key_that_is_missing_comes_last(column: str) -> None:
    frame = cases(np.random.default_rng(1), 12).astype({"week_no": "float64"})
    frame = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    frame.loc[[0, 5], column] = None
    expected = frame.sort_values(KEYS, kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(ordered("cases", frame), expected)


def test_a_table_that_lies_in_order_is_not_sorted_again(monkeypatch: pytest.MonkeyPatch) -> None:
    frame = ordered("cases", cases(np.random.default_rng(1), 12))
    monkeypatch.setattr(pd.DataFrame, "sort_values", None)
    pd.testing.assert_frame_equal(ordered("cases", frame), frame)
    with pytest.raises(TypeError):
        ordered("cases", frame.iloc[::-1])


def test_what_is_returned_is_not_the_frame_that_was_given() -> None:
    frame = ordered("cases", cases(np.random.default_rng(1), 4))
    before = frame.copy()
    again = ordered("cases", frame)
    again.loc[0, "cases"] = -1.0
    pd.testing.assert_frame_equal(frame, before)
