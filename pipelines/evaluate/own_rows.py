"""The champion's own rows, where its recipe treats the newest weeks otherwise than this run does.

A change of `data.maturity` changes what every row knows. The champion's recipe is then trained and
asked on rows as it declares them, and compared on the samples of both: equal unit, weeks and
threshold.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.config import Profile
from pipelines.data.maturing import mature, resolve_maturity
from pipelines.data.samples import resolve_as_of
from pipelines.data.tables import Tables
from pipelines.evaluate.in_memory import tabular_examples
from pipelines.fusion.examples import Examples

_KEY = ["sample_id", "threshold_cases", "label"]


def own_rows(tables: Tables, recipe: Profile, last_known_week_no: int) -> dict[int, Examples]:
    """Horizon -> the rows of a recipe without vectors, up to the newest origin that it has.

    Args:
        tables: as the dataset version keeps them: nothing is done about the newest weeks yet.
        recipe: a profile that trains the champion's recipe.
        last_known_week_no: no origin lies after it, though the tables may go on.

    Raises:
        ConfigError: the recipe has no row on these tables.
    """
    done, _ = resolve_maturity(tables, recipe.data, recipe.calendar)
    usable = mature(tables, done)
    until = min(resolve_as_of(usable, recipe, None), last_known_week_no)
    examples, _ = tabular_examples(usable, recipe, until, recipe.evaluate.horizons_weeks, done)
    return examples


def of_both(
    predictions: pd.DataFrame, own: Mapping[int, Examples], runs: Mapping[int, Examples]
) -> pd.DataFrame:
    """Predictions on own rows whose sample this run can judge too, against the same threshold and
    label.

    Args:
        predictions: columns of backtest.PREDICTION_COLUMNS, made on `own`.
        runs: the rows that this run's candidates are judged on.
    """
    samples = [
        _comparable(own[h]).merge(_comparable(runs[h]), on=_KEY)["sample_id"]
        for h in own.keys() & runs.keys()
    ]
    return predictions[predictions["sample_id"].isin(pd.concat(samples))].reset_index(drop=True)


def _comparable(rows: Examples) -> pd.DataFrame:
    known = np.isfinite(rows.label)
    return pd.DataFrame(
        {
            "sample_id": rows.sample_id[known].astype(str),
            "threshold_cases": rows.threshold_cases[known],
            "label": rows.label[known],
        }
    )
