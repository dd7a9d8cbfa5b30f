"""Candidates that are trained together are those that are trained one by one, to the byte."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import numpy as np
import pytest
from support.rule_worlds import Prepared

from pipelines.errors import StoreError
from pipelines.features import read
from pipelines.features.read import load_examples, load_horizons
from pipelines.fusion.examples import Examples
from pipelines.storage import manifest_of
from pipelines.training import candidates, inner
from pipelines.training.candidates import train_candidate, train_candidates

HEADS = ("linear", "early", "prevalence")


def test_candidates_together_are_the_bytes_of_each_alone(
    prepared: Prepared, tmp_path: Path
) -> None:
    together, alone = tmp_path / "together", tmp_path / "alone"
    made = list(train_candidates(prepared.features, HEADS, prepared.profile, together))
    for head in HEADS:
        train_candidate(prepared.features, head, prepared.profile, alone)
    assert [one.head for one in made] == list(HEADS)
    assert manifest_of(together) == manifest_of(alone)


def test_rows_are_read_and_linear_models_fitted_once_for_all_candidates(
    prepared: Prepared, tmp_path: Path
) -> None:
    with (
        mock.patch.object(candidates, "load_horizons", wraps=load_horizons) as reads,
        mock.patch.object(inner, "fit_linear", wraps=inner.fit_linear) as fits,
    ):
        list(train_candidates(prepared.features, HEADS, prepared.profile, tmp_path))
    assert reads.call_count == 1
    seasons = prepared.profile.train.inner_origins
    assert fits.call_count == (1 + seasons) * len(prepared.profile.evaluate.horizons_weeks)


def test_candidates_that_are_there_are_found_and_nothing_is_read(
    prepared: Prepared, tmp_path: Path
) -> None:
    made = list(train_candidates(prepared.features, HEADS, prepared.profile, tmp_path))
    with mock.patch.object(candidates, "load_horizons", side_effect=AssertionError):
        found = list(train_candidates(prepared.features, HEADS, prepared.profile, tmp_path))
    assert found == made


def _same(one: Examples, other: Examples) -> None:
    for name in ("sample_id", "unit_id", "origin_week_no", "target_week_no", "covariates", "label"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name))
        assert getattr(one, name).dtype == getattr(other, name).dtype
    assert (one.horizon_weeks, one.calendar) == (other.horizon_weeks, other.calendar)
    assert one.covariate_names == other.covariate_names


def test_horizons_read_together_are_those_read_alone_from_one_reading(prepared: Prepared) -> None:
    with mock.patch.object(read, "read_rows", wraps=read.read_rows) as reads:
        together = load_horizons(prepared.features, (1, 4))
    assert reads.call_count == 1
    for horizon, rows in together.items():
        assert len(rows)
        _same(rows, load_examples(prepared.features, horizon))


def test_a_horizon_without_rows_is_named(prepared: Prepared) -> None:
    with pytest.raises(StoreError, match="no row has horizon 9 weeks"):
        load_horizons(prepared.features, (1, 9))
