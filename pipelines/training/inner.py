"""Inner folds: whole validation seasons before the cut, with the linear head fitted before each.

Shape letters: N rows of a horizon's Examples.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial

import numpy as np

from pipelines.arrays import Bools, Float64s
from pipelines.config import Profile
from pipelines.data.splits import Season, inner_seasons
from pipelines.errors import TrainingError
from pipelines.fusion.design import Designed
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds, InnerFold
from pipelines.fusion.linear import LinearModel, fit_linear, side_by_side
from pipelines.run.cores import each_on_a_core


@dataclass(frozen=True)
class LinearStage:
    """What every head of one horizon and one cut starts from.

    Attributes:
        train: (N,) rows with known labels and targets up to the cut.
        linear: fitted on them.
        linear_logit: (N,) of every row by that model.
        folds: inner seasons, oldest first; those without training rows of both classes are left
            out.
    """

    examples: Examples
    train: Bools
    linear: LinearModel
    linear_logit: Float64s
    folds: tuple[InnerFold, ...]

    def for_fit(self) -> tuple[Examples, Folds]:
        """The training rows alone, and the folds over them: what a forecaster's fit is given."""
        seasons = tuple(fold.take(self.train) for fold in self.folds)
        return self.examples.take(self.train), Folds(
            self.linear, self.linear_logit[self.train], seasons
        )


@dataclass(frozen=True)
class _Rows:
    examples: Examples
    designed: Designed


class LinearFits:
    """Linear heads over one table of rows a horizon, each fitted once: what trains before an inner
    season is what an origin a year earlier trained on. The same numbers as without it."""

    def __init__(self, c: float) -> None:
        self._c = c
        self._made: dict[tuple[int, int], LinearModel] = {}

    def up_to(self, week_no: int, rows: _Rows, train: Bools) -> LinearModel:
        """The one fitted on the rows of `train`: all of the table with known labels and targets up
        to a week.
        """
        key = rows.examples.horizon_weeks, week_no
        if key not in self._made:
            self._made[key] = fit_linear(
                rows.examples.take(train), self._c, rows.designed.take(train)
            )
        return self._made[key]


def linear_stage(
    examples: Examples, profile: Profile, cut_week_no: int, fits: LinearFits | None = None
) -> LinearStage:
    """Fit the linear head up to the cut and before each inner season.

    Args:
        fits: what earlier stages over the same table of rows have fitted.

    Raises:
        TrainingError: no labelled row has its target up to the cut.
    """
    known = np.isfinite(examples.label)
    train = known & (examples.target_week_no <= cut_week_no)
    if not train.any():
        raise TrainingError(
            "no labelled row has its target up to the cut",
            where=f"horizon {examples.horizon_weeks} weeks",
            fix="choose a later test year, or start data.first_week earlier",
        )
    fits = fits or LinearFits(profile.train.linear_c)
    rows = _Rows(examples, Designed.of(examples))
    linear = fits.up_to(cut_week_no, rows, train)
    seasons = inner_seasons(
        cut_week_no,
        profile.train.inner_origins,
        examples.horizon_weeks,
        profile.data.outcome_delay_weeks,
    )
    folds = [_fold(rows, fits, known, season) for season in seasons]
    return LinearStage(
        examples,
        train,
        linear,
        linear.logit_of(rows.designed),
        tuple(f for f in folds if f is not None),
    )


def linear_stages(
    examples: Mapping[int, Examples],
    profile: Profile,
    cuts: Mapping[int, int],
    fits: LinearFits | None = None,
) -> dict[int, LinearStage]:
    """The same of several horizons, on all cores; `cuts` are by horizon."""
    fits = fits or LinearFits(profile.train.linear_c)
    jobs = {
        h: partial(linear_stage, rows, profile, cuts[h], fits)
        for h, rows in sorted(examples.items())
    }
    with side_by_side():
        return dict(zip(jobs, each_on_a_core(list(jobs.values())), strict=True))


def _fold(rows: _Rows, fits: LinearFits, known: Bools, season: Season) -> InnerFold | None:
    examples, target = rows.examples, rows.examples.target_week_no
    train = known & (target <= season.train_until_week_no)
    inside = (target >= season.first_target_week_no) & (target <= season.last_target_week_no)
    if not inside.any() or len(np.unique(examples.label[train])) < 2:
        return None
    linear = fits.up_to(season.train_until_week_no, rows, train)
    return InnerFold(season, train, known & inside, linear, linear.logit_of(rows.designed))
