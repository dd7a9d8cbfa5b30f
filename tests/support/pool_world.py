"""A made pool whose weekly differences between recipes vary as those of the real table's pool do.

Measured on the real municipal table (139 units, four weeks ahead, targets 2016-w05 to 2018-w48):
the pool's mean Brier difference of a week between the linear recipe and another one (boosting, or
the linear one on labels of which a tenth is turned round) has a standard deviation of 0.0076 to
0.0083 and goes with its value one and four weeks before by 0.67 to 0.73 and 0.38 to 0.57. Between a
weekly refit and one of the quarter's end it is 0.0011.
tests/evaluate/test_gate_on_the_real_table.py measures them again.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.config import Profile
from pipelines.evaluate.decision import Candidate, Champion, Decision
from pipelines.evaluate.gate import decide
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.refit_changes import PastChanges, RefitChange, refit_changes
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.weeks import CDC

Array = npt.NDArray[np.float64]
UNITS, PRIMARY, WINDOW = 40, 4, 52
PLANTED = 0.01  # Brier
YEARS = (2014, 2015, 2016, 2017)
FIRST = CDC.week_no("2014-w01")
BACKTESTED = CDC.week_no("2018-w01") - FIRST  # weeks
SD_OF_A_WEEK, SD_OF_AN_HONEST_WEEK = 0.008, 0.0011
# Root mean square moves of the pool between quarterly refits of the linear recipe, 2015 to 2017.
HONEST_MOVES = (0.027, 0.034, 0.006, 0.006, 0.022, 0.037, 0.010, 0.004, 0.010, 0.006, 0.005, 0.004)
# The smallest move of 200 refits on spoiled rows, worse by 0.0113 Brier in the mean on the next
# year's pool.
SPOILED_MOVE = 0.05
BASELINES = {"prevalence": 0.09, "persistence_calibrated": 0.06}


def _slow(rng: np.random.Generator, weeks: int) -> Array:
    """(W,) mean 0, variance 1: most of it goes on for weeks."""
    steps, out, level = rng.normal(size=weeks), np.empty(weeks), rng.normal()
    for at in range(weeks):
        level = 0.93 * level + np.sqrt(1 - 0.93**2) * steps[at]
        out[at] = level
    return out


@dataclass
class Pool:
    """Weeks of a made pool, `extra` of them after the backtested years."""

    rng: np.random.Generator
    extra: int = WINDOW + 8
    label: Array = field(init=False)
    truth: Array = field(init=False)

    def __post_init__(self) -> None:
        weeks = BACKTESTED + self.extra
        surprise = 0.08 * _slow(self.rng, weeks)  # what no recipe knows of a week
        wave = np.sin(np.arange(weeks)[:, None] / 8.3 + self.rng.uniform(0, 6.3, size=UNITS))
        self.truth = np.where(wave > 0.2, 0.88, 0.12)  # most weeks of a unit are plain
        probability = np.clip(self.truth + surprise[:, None], 0.0, 1.0)
        self.label = (self.rng.random((weeks, UNITS)) < probability).astype(float)

    def recipe(self, excess: float) -> Array:
        """(W, U) probabilities whose expected Brier score is the truth's plus `excess`."""
        weeks = len(self.truth)
        drift = _slow(self.rng, weeks)[:, None] + 0.6 * self.rng.normal(size=(weeks, UNITS))
        return np.asarray(self.truth + np.sqrt(excess) * np.sign(drift))

    def table(self, probability: Array, head: str) -> pd.DataFrame:
        """Backtest rows of the whole years, columns as the gate reads them."""
        return _rows(probability[:BACKTESTED], self.label[:BACKTESTED], FIRST).assign(head=head)

    def recent(self, refits: Array, then: Array, week: int) -> pd.DataFrame:
        """The newest weeks at the end of week `week` of the extra ones, as recent.recent_rows gives
        them.
        """
        at = slice(BACKTESTED + week - WINDOW, BACKTESTED + week)
        rows = _rows(refits[at], self.label[at], FIRST + at.start)
        return rows.assign(
            probability_then=then[at].ravel(),
            alarm=rows["probability"] > 0.5,
            alarm_then=then[at].ravel() > 0.5,
            published=True,
            unit_id=rows["unit_id"].astype(str),
        )


def near(probability: Array, rng: np.random.Generator) -> Array:
    """What an honest refit says: the whole pool a little higher or lower for weeks."""
    weeks = len(probability)
    drift = np.repeat(rng.normal(size=-(-weeks // 13)), 13)[:weeks]
    return np.asarray(probability + 3 * SD_OF_AN_HONEST_WEEK * drift[:, None])


def _rows(probability: Array, label: Array, first: int) -> pd.DataFrame:
    weeks = len(probability)
    week, unit = (
        g.ravel() for g in np.meshgrid(first + np.arange(weeks), np.arange(UNITS), indexing="ij")
    )
    year = pd.Series(first + np.arange(weeks)).map(CDC.epi_year).to_numpy().repeat(UNITS)
    return pd.DataFrame(
        {
            "test_year": year,
            "horizon_weeks": PRIMARY,
            "sample_id": week * 1000 + unit,
            "unit_id": unit,
            "origin_week_no": week - PRIMARY,
            "target_week_no": week,
            "label": label.ravel(),
            "probability": probability.ravel(),
            "in_benchmark": True,
        }
    )


@dataclass(frozen=True)
class _Says:
    """A model that says what it is told to."""

    probabilities: Array

    def probability(self, _: Examples) -> Array:
        return self.probabilities


class _NoRefits:
    def record_used(self) -> None:
        """None was asked for."""

    def discard_unused(self) -> None:
        """Nothing is kept."""


@dataclass(frozen=True)
class MadeWeeks(NewWeeks):
    """The newest weeks of a made pool: rows of both forecasts, and this week's two forecasts."""

    rows_of: pd.DataFrame = field(default_factory=pd.DataFrame)
    before: Array = field(default_factory=lambda: np.zeros(0))
    after: Array = field(default_factory=lambda: np.zeros(0))
    past: Mapping[int, PastChanges] = field(default_factory=dict)

    def refits(self, candidate: Candidate) -> Any:
        return _NoRefits()

    def recent(self, *_: Any) -> pd.DataFrame:
        return self.rows_of

    def changes(self, *_: Any) -> dict[int, RefitChange]:
        models: Any = ({PRIMARY: _Says(self.before)}, {PRIMARY: _Says(self.after)})
        return refit_changes(
            *models, {PRIMARY: _week(len(self.before))}, self.past, self.profile.gate
        )


def _week(units: int) -> Examples:
    """Rows that only count: the models above do not read them."""
    nothing = ModalityVectors(np.zeros((0, 1), np.float32), np.full(units, -1, np.int32))
    names = np.array([f"{u:05d}" for u in range(units)], dtype=object)
    number, value = np.zeros(units, np.int32), np.zeros(units, np.float32)
    return Examples(
        PRIMARY,
        names,
        names,
        number,
        number,
        np.zeros((units, 1), np.float32),
        value,
        value,
        nothing,
        nothing,
    )


def decided(
    profile: Profile,
    candidate: Candidate,
    champion: Champion,
    tables: list[pd.DataFrame],
    recent: pd.DataFrame,
    week: tuple[Array, Array],
    past: PastChanges,
) -> Decision:
    """The gate's decision in such a world."""
    nothing: Any = None
    new_weeks = MadeWeeks(
        profile,
        "2018-w52",
        nothing,
        nothing,
        nothing,
        (),
        Path(),
        None,
        recent,
        *week,
        {PRIMARY: past},
    )
    return decide(
        pd.concat(tables, ignore_index=True), [candidate], champion, profile, new_weeks=new_weeks
    )
