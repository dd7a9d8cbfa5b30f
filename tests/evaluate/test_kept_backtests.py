"""A past year that the same rows gave before is taken, and nothing else is."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.config import Profile
from pipelines.evaluate.backtest import backtest_year, write_predictions
from pipelines.evaluate.kept_backtests import backtest_to, content_of
from pipelines.fusion.examples import Examples
from pipelines.weeks import CDC

YEAR, HEADS = 2014, ("linear", "late_joint")
Rows = dict[int, Examples]
END = CDC.week_no("2014-w53")


def without(rows: Rows, after: int) -> Rows:
    """The rows as they were when the last known target week was `after`."""
    return {h: own.take(own.target_week_no <= after) for h, own in rows.items()}


def changed(rows: Rows, at: Callable[[Examples], Examples]) -> Rows:
    return {h: at(own) for h, own in rows.items()}


@pytest.fixture(scope="module")
def before(examples: Rows) -> Rows:
    return without(examples, END + 3)


def test_a_year_of_rows_with_later_weeks_is_the_same_to_the_byte(
    examples: Rows, before: Rows, short_profile: Profile, tmp_path: Path
) -> None:
    assert len(before[4]) < len(examples[4])
    first, second = (
        write_predictions(backtest_year(rows, short_profile, HEADS, YEAR), tmp_path / name)
        for name, rows in (("before", before), ("now", examples))
    )
    assert first.read_bytes() == second.read_bytes()
    assert content_of(before, short_profile, HEADS, YEAR) == content_of(
        examples, short_profile, HEADS, YEAR
    )


def test_a_later_week_takes_the_year_from_the_week_before(
    examples: Rows, before: Rows, short_profile: Profile, tmp_path: Path
) -> None:
    first = backtest_to(tmp_path / "a.parquet", before, short_profile, ("linear",), YEAR)
    second = backtest_to(tmp_path / "b.parquet", examples, short_profile, ("linear",), YEAR)
    assert first.stat().st_ino == second.stat().st_ino


def test_a_damaged_file_is_predicted_anew(
    examples: Rows, before: Rows, short_profile: Profile, tmp_path: Path
) -> None:
    first = backtest_to(tmp_path / "a.parquet", before, short_profile, ("linear",), YEAR)
    good = first.read_bytes()
    first.write_bytes(good[:-1] + b"x")
    second = backtest_to(tmp_path / "b.parquet", examples, short_profile, ("linear",), YEAR)
    assert second.read_bytes() == good


def test_a_run_that_asks_for_it_predicts_anew(
    before: Rows, short_profile: Profile, tmp_path: Path
) -> None:
    first = backtest_to(tmp_path / "a.parquet", before, short_profile, ("linear",), YEAR)
    again = tmp_path / "b.parquet"
    backtest_to(again, before, short_profile, ("linear",), YEAR, anew=True)
    assert first.read_bytes() == again.read_bytes()
    assert first.stat().st_ino != again.stat().st_ino


def in_year(rows: Examples) -> np.ndarray:
    return rows.target_week_no == CDC.week_no("2014-w20")


def in_past(rows: Examples) -> np.ndarray:
    return rows.target_week_no == CDC.week_no("2013-w10")


CHANGES: dict[str, Callable[[Examples], Examples]] = {
    "a label of the past": lambda r: replace(r, label=np.where(in_past(r), 1 - r.label, r.label)),
    "a label of the year": lambda r: replace(r, label=np.where(in_year(r), 1 - r.label, r.label)),
    "a label that is not known any more": lambda r: replace(
        r, label=np.where(in_past(r), np.nan, r.label)
    ),
    "a covariate": lambda r: replace(
        r, covariates=np.where(in_past(r)[:, None], r.covariates + 1, r.covariates)
    ),
    "a threshold": lambda r: replace(
        r, threshold_cases=np.where(in_year(r), r.threshold_cases + 1, r.threshold_cases)
    ),
    "a scene": lambda r: replace(r, image=replace(r.image, table=r.image.table * np.float32(2))),
    "a prompt that is missing": lambda r: replace(r, text=r.text.hidden()),
    "the name of a covariate": lambda r: replace(
        r, covariate_names=("another", *r.covariate_names[1:])
    ),
}


@pytest.mark.parametrize("what", CHANGES)
def test_other_rows_are_another_content(examples: Rows, short_profile: Profile, what: str) -> None:
    now = content_of(changed(examples, CHANGES[what]), short_profile, HEADS, YEAR)
    assert now != content_of(examples, short_profile, HEADS, YEAR)


def test_another_recipe_or_year_is_another_content(examples: Rows, short_profile: Profile) -> None:
    other = short_profile.model_copy(
        update={"train": short_profile.train.model_copy(update={"linear_c": 0.125})}
    )
    found = {
        content_of(examples, short_profile, HEADS, YEAR),
        content_of(examples, other, HEADS, YEAR),
        content_of(examples, short_profile, HEADS, YEAR + 1),
        content_of(examples, short_profile, HEADS[:1], YEAR),
    }
    assert len(found) == 4


def test_a_forecaster_of_another_distribution_is_always_trained(
    examples: Rows, short_profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    from pipelines.contracts import FORECASTERS

    monkeypatch.setitem(FORECASTERS, "theirs", "their_pack.models:Model")
    assert content_of(examples, short_profile, ("linear", "theirs"), YEAR) is None
