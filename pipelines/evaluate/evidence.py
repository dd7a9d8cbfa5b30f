"""The evidence of one decision of the gate: rows, comparisons, sanity findings and reasons."""

from __future__ import annotations

from collections.abc import Hashable, Mapping, Sequence
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s
from pipelines.config import Profile
from pipelines.errors import GateError
from pipelines.evaluate import first_line
from pipelines.evaluate.bootstrap import count_blocks, paired_interval
from pipelines.evaluate.decision import (
    Candidate,
    Champion,
    Comparison,
    Question,
    Sanity,
    difference_in_words,
)
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.paired_base import fused_heads, with_base
from pipelines.evaluate.power import power_statements
from pipelines.evaluate.sanity import check_sanity
from pipelines.evaluate.summary import require_equal_rows

BASELINES_TO_BEAT = ("prevalence", "persistence_calibrated")  # what a first champion has to beat
_NEEDED = {
    "head",
    "test_year",
    "horizon_weeks",
    "sample_id",
    "target_week_no",
    "label",
    "probability",
    "in_benchmark",
}


class GateEvidence:
    """Evidence and reasons of one decision.

    Attributes:
        reasons: everything that was found, in order; `because`: what decided against going live.
        against_reference: every other candidate beside the simplest one, the best first.
        blocks, origins: that the predictions hold at the primary horizon; None until counted.
        immature_weeks: newest weeks that this run takes as unknown, or nowcasts.
        power: horizon -> what the rows could have shown, see power.py.
        newest: results of the newest weeks; waits_for_person: only they prevent the promotion.
    """

    def __init__(
        self,
        predictions: pd.DataFrame,
        candidates: Sequence[Candidate],
        champion: Champion | None,
        profile: Profile,
        new_weeks: NewWeeks | None = None,
    ) -> None:
        self.predictions, self.champion, self.new_weeks = predictions, champion, new_weeks
        self.candidates = {candidate.head: candidate for candidate in candidates}
        self.gate, self.horizons = profile.gate, profile.evaluate.horizons_weeks
        self.primary, self.calendar = profile.evaluate.primary_horizon_weeks, profile.calendar
        maturity = profile.data.maturity
        self.immature_weeks = max(maturity.weeks, maturity.nowcast_weeks)
        listed = profile.train.reference
        self.reference = (
            listed if listed in self.candidates else next(iter(self.candidates), listed)
        )
        self.reasons: list[str] = []
        self.because: list[str] = []
        self.comparisons: list[Comparison] = []
        self.sanity: dict[str, Mapping[str, Sanity]] = {}
        self.against_reference: list[Comparison] = []
        self.blocks: int | None = None
        self.origins: int | None = None
        self.newest: dict[str, Any] = {}
        self.waits_for_person = False
        self.power: dict[str, dict[str, object]] = {}
        self._profile = profile
        self._found: dict[tuple[str, int], pd.DataFrame] = {}

    @property
    def short(self) -> bool:
        """Whether history holds too few blocks or origins to trust an interval."""
        found = self.blocks or 0, self.origins or 0
        return found[0] < self.gate.min_blocks or found[1] < self.gate.min_origins

    def require_whole(self) -> None:
        """Raise GateError unless there are candidates and every recipe has the same rows."""
        absent = sorted(_NEEDED - set(self.predictions.columns))
        if absent:
            raise GateError(f"predictions lack {', '.join(absent)}", fix="run the backtest again")
        if self.reference not in self.candidates:
            raise GateError("there is no candidate", fix="run the train step again")
        require_equal_rows(self.predictions)

    def count(self, rows: pd.DataFrame) -> None:
        """Count the blocks of weeks and the origins of the rows that are judged."""
        self.blocks = count_blocks(rows, self.gate.block_weeks, self.calendar)
        self.origins = int(rows["test_year"].nunique())

    def measure_power(self) -> None:
        """Note how large an effect of a fused head the judged rows could have shown."""
        self.power = power_statements(self.predictions, self._profile)

    def refuse(self, reason: str) -> bool:
        """Note what decides against going live; always False."""
        self.reasons.append(reason)
        self.because.append(reason[:1].lower() + reason[1:])
        return False

    def benchmark_rows(self, head: str) -> pd.DataFrame:
        """The judged units' rows of a recipe at the primary horizon."""
        return _in_benchmark(self._rows(head, self.primary))

    def _rows(self, head: str, horizon: int) -> pd.DataFrame:
        """A recipe's rows at one horizon; they are looked for once."""
        if (head, horizon) not in self._found:
            own = self.predictions.take(self._places.get((head, horizon), ()))
            self._found[head, horizon] = rows_of(own, head, horizon)
        return self._found[head, horizon]

    @cached_property
    def _places(self) -> Mapping[Hashable, Int64s]:
        """(head, horizon) -> where its rows are: to look through all of them takes as long for each
        pair."""
        found = self.predictions.groupby(["head", "horizon_weeks"], sort=False).indices
        return {pair: np.asarray(at, dtype=np.int64) for pair, at in found.items()}

    def compare(
        self, name: str, own: pd.DataFrame, reference: str, other: pd.DataFrame, margin: float = 0.0
    ) -> Comparison:
        """By the upper bound of the interval, or by the mean where history is short."""
        found = paired_interval(own, other, self.gate, self.calendar)
        passed = (found.mean if self.short else found.upper) < margin
        beats: Question = "is better in the mean than" if self.short else "beats"
        asked: Question = "not worse than" if margin else beats
        one = Comparison(name, reference, asked, margin, found, passed, found.upper < 0)
        self.comparisons.append(one)
        return one

    def compare_with_base(self, head: str, own: pd.DataFrame) -> Comparison | None:
        """A fused head with what it adds to; None where that is the simplest candidate anyway."""
        kinds = set(map(str, own["base"].unique())) if head in fused_heads(own) else set()
        if kinds <= {self.reference}:
            return None
        return self.compare(head, own, " or ".join(sorted(kinds)), with_base(own)[1])

    def sanity_failures(self, head: str) -> dict[int, str]:
        """Horizon -> why a recipe is not sane there, in words."""
        if head not in self.sanity:
            self.sanity[head] = {str(h): self._sanity(head, h) for h in self.horizons}
        checks = {int(h): check.problems for h, check in self.sanity[head].items()}
        return {h: "; ".join(problems) for h, problems in checks.items() if problems}

    def is_sane(self, head: str) -> bool:
        """Whether a recipe is sane at every horizon; what is not is noted."""
        found = self.sanity_failures(head)
        for horizon, why in found.items():
            self.refuse(f"{not_sane(head, horizon)}: {why}.")
        return not found

    def _sanity(self, head: str, horizon: int) -> Sanity:
        return self.sanity_of(self._rows(head, horizon), horizon)

    def sanity_of(self, own: pd.DataFrame, horizon: int) -> Sanity:
        """Whether these rows of a recipe at one horizon are sane."""
        blind = self._rows(BASELINES_TO_BEAT[0], horizon)
        return check_sanity(own, blind, self.gate, self.calendar)

    def too_few(self, to_do: str) -> str:
        """Why an interval cannot be trusted, in words."""
        return (
            f"{self.blocks} blocks of weeks over {self.origins} origins are too few to {to_do}: "
            f"{self.gate.min_blocks} over {self.gate.min_origins} are needed"
        )

    def in_words(self, comparison: Comparison) -> str:
        """A comparison's difference and interval."""
        return difference_in_words(comparison.interval, self.gate.confidence)


def not_sane(head: str, horizon: int) -> str:
    """The start of such a sentence."""
    return f"{first_line.capital(first_line.subject(head))} is not sane at {horizon} weeks"


def benchmark_rows_of(predictions: pd.DataFrame, head: str, horizon: int) -> pd.DataFrame:
    """The judged units' rows of a recipe at one horizon. Raises GateError if there are none."""
    return _in_benchmark(rows_of(predictions, head, horizon))


def _in_benchmark(own: pd.DataFrame) -> pd.DataFrame:
    return own[own["in_benchmark"].astype(bool)]


def champion_rows(evidence: GateEvidence, champion: Champion) -> tuple[pd.DataFrame, str]:
    """Backtest rows of the champion's recipe and their head: a candidate's if one has it, else
    those handed in. Raises GateError if there are none."""
    for candidate in evidence.candidates.values():
        if candidate.recipe_id == champion.recipe_id:
            return evidence.predictions, candidate.head
    if champion.predictions is None:
        raise GateError(
            "the champion's recipe was not evaluated on this run's rows",
            fix="backtest the champion's recipe too",
        )
    return champion.predictions, champion.head


def rows_of(predictions: pd.DataFrame, head: str, horizon: int) -> pd.DataFrame:
    """A recipe's rows at one horizon, in one order. Raises GateError if there are none."""
    own = predictions[(predictions["head"] == head) & (predictions["horizon_weeks"] == horizon)]
    if own.empty:
        raise GateError(
            f"there are no predictions of {head} at {horizon} weeks",
            fix="run the backtest of every year again",
        )
    return own if _in_order(own) else own.sort_values(["test_year", "sample_id"])


def _in_order(own: pd.DataFrame) -> bool:
    """By year and sample, as backtests are written: to see it takes less than to sort."""
    year, sample = own["test_year"].to_numpy(), own["sample_id"].to_numpy()
    same = (year[1:] == year[:-1]) & (sample[1:] >= sample[:-1])
    return bool(((year[1:] > year[:-1]) | same).all())
