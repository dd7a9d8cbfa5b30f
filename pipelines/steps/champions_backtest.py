"""The backtest of the champion's recipe in a run whose candidates have other recipes."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence

import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import HeadKind
from pipelines.data.declared import of_the_place
from pipelines.data.tables import Tables
from pipelines.errors import ConfigError, GateError, TrainingError
from pipelines.evaluate.backtest import backtest_year
from pipelines.evaluate.own_rows import of_both, own_rows
from pipelines.fusion.examples import Examples
from pipelines.run import Run
from pipelines.run.outputs import SnapshotOutput

log = logging.getLogger(__name__)


def champions_backtest(
    run: Run,
    runs_rows: Mapping[int, Examples],
    recipe: Profile,
    heads: Sequence[HeadKind],
    year: int,
) -> pd.DataFrame | None:
    """Predictions of one test year by the champion's recipe, with the covariates that it declares.

    They are made on this run's rows; where the recipe treats the newest weeks otherwise, on its
    own, of which those are kept that this run has too. None if it cannot be trained on those: the
    gate's decision says so.

    Args:
        recipe: as evaluate/gate_inputs.py's champion_profile gives it.
    """
    if recipe.data.maturity == run.profile.data.maturity:
        return backtest_year(_declared(runs_rows, recipe), recipe, heads, year)
    try:
        own = _own_rows(run, recipe)
        return of_both(backtest_year(_declared(own, recipe), recipe, heads, year), own, runs_rows)
    except (ConfigError, GateError, TrainingError) as err:
        log.warning("the champion's recipe cannot be trained on rows of its own: %s", err)
        return None


def _own_rows(run: Run, recipe: Profile) -> dict[int, Examples]:
    snapshot = run.output(SnapshotOutput)
    tables = Tables.load(run.path(snapshot.dataset) / "tables")
    newest = run.profile.calendar.week_no(snapshot.as_of_week)
    last = newest + run.profile.data.maturity.weeks  # with `drop` the origin lies before the counts
    return own_rows(tables, recipe, last)


def _declared(rows: Mapping[int, Examples], recipe: Profile) -> dict[int, Examples]:
    declared = recipe.data.covariates
    return {h: own.keep(of_the_place(own.covariate_names, declared)) for h, own in rows.items()}
