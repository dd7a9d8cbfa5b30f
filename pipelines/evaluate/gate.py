"""The gate: may the challenger replace the champion? It fails closed.

Belongs here: the decision, as a pure function of backtest predictions and ids. Does not belong
here: training, the registry, or anything that moves an alias.

The gate compares recipes, not fitted models: each was trained on the same rolling origins and
scored on the same rows of the benchmark municipalities. Anything it cannot judge keeps the
champion (or leaves the place empty) and says why. A fused head has to beat the linear one, and a
first champion has to beat prevalence and calibrated persistence, beyond the interval; a challenger
only has to be not worse than the champion by a margin, because fresher data win ties.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from pipelines.config import Profile
from pipelines.errors import DenguardError, GateError
from pipelines.evaluate.bootstrap import count_blocks, paired_interval
from pipelines.evaluate.decision import (
    UNJUDGED,
    Candidate,
    Champion,
    Comparison,
    Decision,
    Sanity,
    Verdict,
    difference_in_words,
    fusion_line,
    said,
    words,
)
from pipelines.evaluate.sanity import check_sanity
from pipelines.evaluate.summary import require_equal_rows

__all__ = ["UNJUDGEABLE", "Candidate", "Champion", "Comparison", "Decision", "Sanity", "decide"]

_LINEAR = "linear"
_BLIND = ("prevalence", "persistence_calibrated")  # what a first champion has to beat
_NEEDED = {"head", "test_year", "horizon_weeks", "sample_id", "target_week_no", "label", "probability", "in_benchmark"}  # fmt: skip
# What a damaged record or table can raise while it is judged; all of it keeps the champion.
UNJUDGEABLE = (DenguardError, LookupError, ValueError, TypeError, ArithmeticError, AttributeError, OSError)  # fmt: skip


def decide(
    predictions: pd.DataFrame,
    candidates: Sequence[Candidate],
    champion: Champion | None,
    profile: Profile,
    *,
    rolled_back: Collection[str] = (),
) -> Decision:
    """Judge the candidates and say what happens; never raises for what it cannot judge.

    Args:
        predictions: backtest rows of every candidate's head, the linear head and the baselines,
            columns as in backtest.PREDICTION_COLUMNS.
        candidates: one bundle for each trained head, the linear one among them.
        champion: what serves now, or None.
        rolled_back: bundle ids that a person took out of service; they are not promoted again.
    """
    court = _Court(predictions, candidates, champion, profile)
    chosen: Candidate | None = None
    verdict: Verdict = "keep" if champion else "none"
    try:
        court.compare_fused()
        chosen = court.serving_candidate()
        if court.may_go_live(chosen, rolled_back):
            verdict = "promote"
    except UNJUDGEABLE as err:
        court.reasons.append(f"The comparison could not be made. {said(err)}")
    return court.record(verdict, chosen)


class _Court:
    """Collects comparisons, sanity findings and reasons while one decision is made."""

    def __init__(
        self,
        predictions: pd.DataFrame,
        candidates: Sequence[Candidate],
        champion: Champion | None,
        profile: Profile,
    ) -> None:
        self.predictions, self.candidates, self.champion = predictions, candidates, champion
        self.gate, self.horizons = profile.gate, profile.evaluate.horizons_weeks
        self.primary, self.calendar = profile.evaluate.primary_horizon_weeks, profile.calendar
        self.reasons: list[str] = []
        self.comparisons: list[Comparison] = []
        self.sanity: dict[str, Mapping[str, Sanity]] = {}
        self.fused: list[Comparison] = []
        self.first_line = UNJUDGED
        self.blocks: int | None = None
        self.origins: int | None = None

    def compare_fused(self) -> None:
        """Compare every fused head with the linear head and word the first line."""
        absent = sorted(_NEEDED - set(self.predictions.columns))
        if absent:
            raise GateError(f"predictions lack {', '.join(absent)}", fix="run the backtest again")
        require_equal_rows(self.predictions)
        linear = self._benchmark(_LINEAR)
        self.blocks = count_blocks(linear, self.gate.block_weeks, self.calendar)
        self.origins = int(linear["test_year"].nunique())
        names = [c.head for c in self.candidates if c.head != _LINEAR]
        found = [self._compare(n, self._benchmark(n), _LINEAR, linear) for n in names]
        self.fused = sorted(found, key=lambda c: (not c.passed, c.interval.mean))
        self.first_line = (
            fusion_line(self.fused[0], self.gate.confidence)
            if found
            else "Fusion was not trained in this run: the linear head serves."
        )

    def serving_candidate(self) -> Candidate:
        """The best fused head that beats the linear one and is sane, else the linear head."""
        by_head: dict[str, Candidate] = {c.head: c for c in self.candidates}
        if _LINEAR not in by_head:
            raise GateError("there is no linear candidate", fix="train the linear head too")
        for found in self.fused:
            if found.passed and self._is_sane(found.challenger):
                return by_head[found.challenger]
        if any(found.passed for found in self.fused):
            self.first_line = f"{self.first_line.rstrip('.')}, but is not sane at every horizon: the linear head serves."  # fmt: skip
        return by_head[_LINEAR]

    def may_go_live(self, chosen: Candidate, rolled_back: Collection[str]) -> bool:
        """Whether the chosen candidate replaces what serves, with the reasons either way."""
        if self.champion and chosen.bundle_id == self.champion.bundle_id:
            self.reasons.append("Nothing new: the same data and recipe gave the bundle that serves already.")  # fmt: skip
            return False
        if self.champion and _same_data(chosen, self.champion):
            self.reasons.append("Nothing new: the champion has this recipe and was trained on this dataset version.")  # fmt: skip
            return False
        if chosen.bundle_id in rolled_back:
            self.reasons.append("This bundle was taken out of service by a person and is not promoted again.")  # fmt: skip
            return False
        if chosen.head not in self.sanity and not self._is_sane(chosen.head):
            return False
        return self._replaces(chosen, self.champion) if self.champion else self._opens(chosen)

    def record(self, verdict: Verdict, chosen: Candidate | None) -> Decision:
        """Everything found so far as the written record."""
        return Decision(
            decision=verdict,
            head=chosen.head if chosen else None,
            bundle_id=chosen.bundle_id if chosen else None,
            first_line=self.first_line,
            reasons=tuple(self.reasons),
            fusion_beats_linear=any(c.passed for c in self.fused),
            primary_horizon_weeks=self.primary,
            confidence=self.gate.confidence,
            rules=self.gate.model_dump(mode="json"),
            blocks=self.blocks,
            origins=self.origins,
            champion=self.champion.names() if self.champion else None,
            comparisons=tuple(self.comparisons),
            sanity=self.sanity,
        )

    def _opens(self, chosen: Candidate) -> bool:
        own = self._benchmark(chosen.head)
        found = [self._compare(chosen.head, own, name, self._benchmark(name)) for name in _BLIND]
        for one in found:
            word = "beats" if one.passed else "does not beat"
            self.reasons.append(f"First champion: the {one.challenger} head {word} {words(one.reference)} ({self._words(one)}).")  # fmt: skip
        return all(one.passed for one in found)

    def _replaces(self, chosen: Candidate, champion: Champion) -> bool:
        if chosen.as_of_week < champion.as_of_week:  # labels of one calendar sort as text
            self.reasons.append(f"The challenger's data end at {chosen.as_of_week}, before the champion's {champion.as_of_week}: older data never replace fresher data.")  # fmt: skip
            return False
        lost = sorted(set(champion.horizons_weeks) - set(self.horizons))
        if lost:
            self.reasons.append(f"The champion also serves {', '.join(map(str, lost))} weeks ahead, which the challenger does not.")  # fmt: skip
            return False
        name, margin = f"champion ({champion.head})", self.gate.margin_brier
        found = self._compare(chosen.head, self._benchmark(chosen.head), name, self._champion_rows(champion), margin)  # fmt: skip
        if chosen.recipe_id == champion.recipe_id:
            self.reasons.append(f"Same recipe as the champion ({chosen.head}), on data up to {chosen.as_of_week}: fresher data win a tie.")  # fmt: skip
        else:
            word = "is not worse than" if found.passed else "was not shown to be as good as"
            more = " It is better beyond its interval." if found.superior else ""
            self.reasons.append(f"The {chosen.head} head {word} the champion's recipe ({self._words(found)}; the upper bound must stay below {margin:+.3f}).{more}")  # fmt: skip
        return found.passed

    def _champion_rows(self, champion: Champion) -> pd.DataFrame:
        """Rows of the champion's recipe: a candidate's if one has it, else those handed in."""
        for candidate in self.candidates:
            if candidate.recipe_id == champion.recipe_id:
                return self._benchmark(candidate.head)
        if champion.predictions is None:
            raise GateError("the champion's recipe was not evaluated on this run's rows", fix="backtest the champion's recipe too")  # fmt: skip
        return _benchmark_rows(champion.predictions, champion.head, self.primary)

    def _benchmark(self, head: str) -> pd.DataFrame:
        return _benchmark_rows(self.predictions, head, self.primary)

    def _compare(self, name: str, own: pd.DataFrame, reference: str, other: pd.DataFrame, margin: float = 0.0) -> Comparison:  # fmt: skip
        found, gate = paired_interval(own, other, self.gate, self.calendar), self.gate
        if found.blocks < gate.min_blocks or found.origins < gate.min_origins:
            raise GateError(f"{found.blocks} blocks of weeks over {found.origins} origins are too few to compare {name} with {reference}: {gate.min_blocks} over {gate.min_origins} are needed", fix="evaluate on more test years")  # fmt: skip
        passed = found.upper < margin
        one = Comparison(name, reference, "not worse than" if margin else "beats", margin, found, passed, found.upper < 0)  # fmt: skip
        self.comparisons.append(one)
        return one

    def _is_sane(self, head: str) -> bool:
        checks = {h: self._sanity(head, h) for h in self.horizons}
        self.sanity[head] = {str(h): check for h, check in checks.items()}
        found = [f"The {head} head is not sane at {h} weeks: {p}." for h, c in checks.items() for p in c.problems]  # fmt: skip
        self.reasons += found
        return not found

    def _sanity(self, head: str, horizon: int) -> Sanity:
        own = _rows(self.predictions, head, horizon)
        return check_sanity(own, _rows(self.predictions, _BLIND[0], horizon), self.gate)

    def _words(self, comparison: Comparison) -> str:
        return difference_in_words(comparison.interval, self.gate.confidence)


def _rows(predictions: pd.DataFrame, head: str, horizon: int) -> pd.DataFrame:
    own = predictions[(predictions["head"] == head) & (predictions["horizon_weeks"] == horizon)]
    if own.empty:
        raise GateError(f"there are no predictions of {head} at {horizon} weeks", fix="run the backtest of every year again")  # fmt: skip
    return own.sort_values(["test_year", "sample_id"])


def _benchmark_rows(predictions: pd.DataFrame, head: str, horizon: int) -> pd.DataFrame:
    own = _rows(predictions, head, horizon)
    return own[own["in_benchmark"].astype(bool)]


def _same_data(chosen: Candidate, champion: Champion) -> bool:
    known = bool(chosen.dataset_version)
    return known and (chosen.recipe_id, chosen.dataset_version) == (
        champion.recipe_id,
        champion.dataset_version,
    )
