"""The linear recipe, end to end with calibration, reaches the reference figures on the real table.

Figures to reach: the best of a four-lag logistic and a pooled gradient boosting on the same ten
municipalities and the same label rule, as docs and the report print them.
"""

from __future__ import annotations

import numpy as np
import pytest
from support.municipal import municipal_tables

from pipelines.config import load_profile
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench_columns import (
    TEN_MUNICIPALITIES,
)
from pipelines.data.splits import fold_cut, test_year_targets
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.fusion.examples import Examples
from pipelines.inference.predict import predict_proba
from pipelines.training.recipe import train_recipe
from pipelines.weeks import CDC

AS_OF = CDC.week_no("2018-w52")
HORIZONS = (1, 4, 8, 12)
OF_2018 = {1: 0.068, 4: 0.097, 8: 0.119, 12: 0.133}
OF_2014_TO_2018 = {4: 0.105, 12: 0.150}


@pytest.fixture(scope="module")
def profile():
    # prompts are not read by the linear head: no municipality gets one, which saves seconds
    return load_profile(
        "sample",
        **{"evaluate.horizons_weeks": HORIZONS, "data.text_window": {"municipalities": ()}},
    )


@pytest.fixture(scope="module")
def examples(profile) -> dict[int, Examples]:
    return tabular_examples(
        municipal_tables(package_table()), profile, AS_OF, profile.evaluate.horizons_weeks
    )[0]


@pytest.fixture(scope="module")
def brier(examples, profile) -> dict[tuple[int, int], float]:
    """(year, horizon) -> Brier on the ten municipalities, trained before that year, embargoed."""
    out = {}
    for year in range(2014, 2019):
        first, last = test_year_targets(year, CDC)[0], test_year_targets(year, CDC)[-1]
        wanted = {h: e for h, e in examples.items() if year == 2018 or h in OF_2014_TO_2018}
        fitted = train_recipe(wanted, "linear", profile, {h: fold_cut(first, h, 0) for h in wanted})
        for horizon, rows in wanted.items():
            inside = (rows.target_week_no >= first) & (rows.target_week_no <= last)
            ten = np.isin(rows.unit_id.astype(str), TEN_MUNICIPALITIES)
            test = rows.take(inside & ten & np.isfinite(rows.label))
            probability = predict_proba(fitted.models[horizon], test)
            out[year, horizon] = float(np.mean((probability - test.label) ** 2))
    return out


@pytest.mark.parametrize("horizon, bar", OF_2018.items())
def test_the_linear_recipe_reaches_the_reference_brier_of_2018(horizon, bar, brier):
    assert brier[2018, horizon] < bar + 0.0005, brier


@pytest.mark.parametrize("horizon, bar", OF_2014_TO_2018.items())
def test_refitted_yearly_it_reaches_the_reference_brier_of_2014_to_2018(horizon, bar, brier):
    assert np.mean([brier[year, horizon] for year in range(2014, 2019)]) < bar + 0.0005, brier
