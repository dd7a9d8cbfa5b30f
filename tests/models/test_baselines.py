"""Baselines as forecasters: what they learn, and what they say where they know nothing."""

from dataclasses import replace

import numpy as np
import pytest

from pipelines.errors import StoreError
from pipelines.models.baselines import (
    Climatology,
    Persistence,
    PersistenceCalibrated,
    Prevalence,
)


@pytest.fixture(scope="module")
def rows(make_examples):
    return make_examples(units=3)


def test_a_row_without_recent_counts_has_the_prevalence(rows):
    fitted = PersistenceCalibrated.fit(rows)
    nothing = replace(rows, covariates=np.full_like(rows.covariates, np.nan))
    assert (fitted.predict_proba(nothing) == Prevalence.fit(rows).rate).all()


def test_a_unit_without_past_has_the_prevalence(rows):
    fitted = Climatology.fit(rows)
    elsewhere = replace(rows, unit_id=np.full(len(rows), "new", dtype=object))
    assert (fitted.predict_proba(elsewhere) == Prevalence.fit(rows).rate).all()


def test_climatology_reads_the_week_of_a_row_and_says_that_covariates_are_not_enough(rows):
    assert not Climatology.fit(rows).lone_row
    assert Prevalence.fit(rows).lone_row and Persistence.fit(rows).lone_row


def test_one_baseline_is_not_loaded_as_another(rows, tmp_path):
    Prevalence.fit(rows).save(tmp_path)
    with pytest.raises(StoreError, match="not that of Climatology"):
        Climatology.load(tmp_path)
