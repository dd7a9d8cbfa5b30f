"""The gap of the space that a head reads: what the shift does to it, and what is drawn."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from pipelines.evaluate.modality_gap import gap_of_space
from pipelines.evaluate.report_modalities import gaps
from pipelines.fusion.alignment import Shift
from pipelines.fusion.examples import Examples
from pipelines.fusion.space import unit_pairs
from pipelines.testing.rows import make_examples


@pytest.fixture(scope="module")
def rows() -> Examples:
    return make_examples(4, planted=1.0)


def _shift(rows: Examples, value: float) -> Shift:
    both = np.flatnonzero(rows.image.mask & rows.text.mask)
    some = rows.take(both)
    return Shift(value, unit_pairs(some.image.dense(), some.text.dense()).gap())


def test_the_whole_shift_all_but_closes_the_gap_and_half_of_it_does_less(rows: Examples) -> None:
    whole, half = (gap_of_space(rows, _shift(rows, value)) for value in (1.0, 0.5))
    assert whole["before"] == half["before"]
    norms = [one["after"]["gap_norm"] for one in (whole, half)]
    assert norms[0] < norms[1] < whole["before"]["gap_norm"]
    assert norms[0] < 0.2 * whole["before"]["gap_norm"]
    assert whole["after"]["pair_cosine"] > whole["before"]["pair_cosine"]


def test_measures_are_those_of_the_vectors_by_hand(rows: Examples) -> None:
    found = gap_of_space(rows, None)
    both = rows.take(rows.image.mask & rows.text.mask)
    pairs = unit_pairs(both.image.dense(), both.text.dense())
    assert found["pairs"] == found["measured_pairs"] == len(both)
    apart = pairs.image.mean(dim=0) - pairs.text.mean(dim=0)
    assert found["before"]["gap_norm"] == pytest.approx(float(torch.linalg.norm(apart)), abs=1e-6)
    cosine = float((pairs.image * pairs.text).sum(dim=1).mean())
    assert found["before"]["pair_cosine"] == pytest.approx(cosine, abs=1e-5)


@pytest.mark.parametrize("shift", [None, 0.0])
def test_where_lambda_is_zero_the_report_says_not_shifted_and_draws_one_panel(
    rows: Examples, shift: float | None
) -> None:
    found = gap_of_space(rows, None if shift is None else _shift(rows, shift))
    assert found["shifted"] is False and "after" not in found
    assert set(found["points"]) == {"explained_share", "image", "text"}
    (shown,) = gaps({"gaps": {"early": found}})
    assert shown["title"] == "not shifted, lambda is 0"
    assert [row["name"] for row in shown["rows"]] == ["as embedded"]
    moved = gaps({"gaps": {"early": gap_of_space(rows, _shift(rows, 0.5))}})[0]
    assert moved["rows"][1]["name"] == "after the shift, lambda 0.50"
    assert len(moved["picture"]) > len(shown["picture"])


def test_of_very_many_pairs_some_are_measured_and_fewer_drawn(
    rows: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("pipelines.evaluate.modality_gap._MOST_PAIRS", 400)
    found = gap_of_space(rows, _shift(rows, 0.5))
    whole = int((rows.image.mask & rows.text.mask).sum())
    assert (found["pairs"], found["measured_pairs"]) == (whole, 400)
    assert {len(own) for name, own in found["points"].items() if "share" not in name} == {300}
    json.dumps(found, allow_nan=False)


def test_rows_without_pairs_have_no_gap(rows: Examples) -> None:
    assert gap_of_space(replace(rows, text=rows.text.hidden()), None) == {}
    assert gaps({"gaps": {"early": {}}}) == []
    assert gaps({}) == []
