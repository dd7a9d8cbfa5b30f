"""Thresholds that follow the season come through a bundle; a threshold a unit needs no table."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import StoreError
from pipelines.fusion.bundle import load_bundle, write_bundle
from pipelines.fusion.thresholds import threshold_table
from pipelines.weeks import CDC


@pytest.fixture(scope="module")
def seasonal(make_examples):
    """Rows whose threshold is the week of the target plus the year of the origin."""
    rows = make_examples(units=2)
    cases = [CDC.week_of_year(int(t)) + CDC.epi_year(int(o)) for o, t in zip(rows.origin_week_no, rows.target_week_no, strict=True)]  # fmt: skip
    return replace(rows, threshold_cases=np.array(cases, dtype=np.float32))


def test_one_threshold_a_unit_makes_no_table(make_examples):
    assert threshold_table([make_examples(1, units=2), make_examples(4, units=2)]) is None


def test_a_bundle_answers_each_week_with_its_own_threshold(seasonal, make_bundle, tmp_path):
    bundle = replace(make_bundle(seasonal), thresholds=threshold_table([seasonal]))
    loaded = load_bundle(write_bundle(bundle, tmp_path / "b"))
    for at in range(0, len(seasonal), 83):
        found = loaded.threshold(seasonal.unit_id[at], int(seasonal.origin_week_no[at]), 4)
        assert found == seasonal.threshold_cases[at]


def test_an_origin_after_training_has_the_thresholds_of_the_newest_year(seasonal, make_bundle):
    bundle = replace(make_bundle(seasonal), thresholds=threshold_table([seasonal]))
    newest = CDC.epi_year(int(seasonal.origin_week_no.max()))
    later = CDC.week_no("2031-w10")
    assert bundle.threshold(str(seasonal.unit_id[0]), later, 4) == 14 + newest


def test_an_unknown_unit_has_none(seasonal, make_bundle):
    bundle = replace(make_bundle(seasonal), thresholds=threshold_table([seasonal]))
    assert bundle.threshold("elsewhere", 0, 4) is None


def test_two_thresholds_of_one_week_are_refused(make_examples):
    rows = make_examples(units=1)
    odd = rows.threshold_cases.copy()
    odd[:40] += np.arange(40)
    every = replace(rows, threshold_cases=odd)
    again = replace(every, threshold_cases=odd + 1)
    with pytest.raises(StoreError, match="two thresholds for week"):
        threshold_table([every, again])
