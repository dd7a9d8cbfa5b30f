"""The gate: may the challenger replace the champion? It fails closed.

Belongs here: the decision, as a pure function of backtest predictions and ids. Does not belong
here: training, the registry, or anything that moves an alias.

The gate compares recipes, not fitted models: each was trained on the same rolling origins and
scored on the same rows of the benchmark municipalities. Anything it cannot judge keeps the
champion (or leaves the place empty) and says why. Every candidate has to beat the simplest one (the
linear one, else the first that the profile lists) beyond its interval, and a first champion has to
beat prevalence and calibrated persistence so; a challenger only has to be not worse than the
champion by a margin, because fresher data win ties.

Where history holds at least 2 blocks of weeks but fewer blocks or origins than asked for, no
interval can be trusted. The simplest candidate alone may then serve, as a provisional champion: sane
at every horizon, better in the mean than prevalence and calibrated persistence, and not worse in the
mean than another provisional champion by the margin. It never replaces a champion that was judged.
Once there are blocks enough the usual rules hold: what follows a provisional champion has to beat
both baselines as a first one does.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import FUSED_HEADS
from pipelines.errors import DenguardError, GateError
from pipelines.evaluate import first_line
from pipelines.evaluate.bootstrap import count_blocks, paired_interval
from pipelines.evaluate.decision import (
    Candidate,
    Champion,
    Comparison,
    Decision,
    Question,
    Sanity,
    Verdict,
    difference_in_words,
    said,
    words,
)
from pipelines.evaluate.first_line import subject
from pipelines.evaluate.sanity import check_sanity, one_class
from pipelines.evaluate.summary import require_equal_rows

__all__ = ["UNJUDGEABLE", "Candidate", "Champion", "Comparison", "Decision", "Sanity", "decide"]

_BLIND = ("prevalence", "persistence_calibrated")  # what a first champion has to beat
_NEEDED = {"head", "test_year", "horizon_weeks", "sample_id", "target_week_no", "label", "probability", "in_benchmark"}  # fmt: skip
_FEWEST_BLOCKS = 2  # a mean over one block says what one quarter of a year was like
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
        predictions: backtest rows of every candidate and of the baselines, columns as in
            backtest.PREDICTION_COLUMNS.
        candidates: one bundle for each trained forecaster, at least one.
        champion: what serves now, or None.
        rolled_back: bundle ids that a person took out of service; they are not promoted again.
    """
    court = _Court(predictions, candidates, champion, profile)
    chosen: Candidate | None = None
    verdict: Verdict = "keep" if champion else "none"
    try:
        court.compare_candidates()
        chosen = court.serving_candidate()
        if court.may_go_live(chosen, rolled_back):
            verdict = "promote"
    except UNJUDGEABLE as err:
        court.refuse(f"The comparison could not be made. {said(err)}")
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
        self.predictions, self.champion = predictions, champion
        self.candidates = {candidate.head: candidate for candidate in candidates}
        self.gate, self.horizons = profile.gate, profile.evaluate.horizons_weeks
        self.primary, self.calendar = profile.evaluate.primary_horizon_weeks, profile.calendar
        listed = profile.train.reference
        self.reference = listed if listed in self.candidates else next(iter(self.candidates), listed)  # fmt: skip
        self.reasons: list[str] = []
        self.because: list[str] = []
        self.comparisons: list[Comparison] = []
        self.sanity: dict[str, Mapping[str, Sanity]] = {}
        self.rivals: list[Comparison] = []
        self.blocks: int | None = None
        self.origins: int | None = None

    @property
    def short(self) -> bool:
        """Whether history holds too few blocks or origins to trust an interval."""
        found = self.blocks or 0, self.origins or 0
        return found[0] < self.gate.min_blocks or found[1] < self.gate.min_origins

    def refuse(self, reason: str) -> bool:
        """Note what decides against going live; always False."""
        self.reasons.append(reason)
        self.because.append(reason[:1].lower() + reason[1:])
        return False

    def compare_candidates(self) -> None:
        """Compare every other candidate with the simplest one; nothing on a short history."""
        absent = sorted(_NEEDED - set(self.predictions.columns))
        if absent:
            raise GateError(f"predictions lack {', '.join(absent)}", fix="run the backtest again")
        if self.reference not in self.candidates:
            raise GateError("there is no candidate", fix="run the train step again")
        require_equal_rows(self.predictions)
        simplest = self._benchmark(self.reference)
        self.blocks = count_blocks(simplest, self.gate.block_weeks, self.calendar)
        self.origins = int(simplest["test_year"].nunique())
        names = [name for name in self.candidates if name != self.reference]
        if not self.short:
            found = [self._compare(n, self._benchmark(n), self.reference, simplest) for n in names]
            self.rivals = sorted(found, key=lambda c: (not c.passed, c.interval.mean))
        elif names:
            self.reasons.append(f"{self._too_few('compare candidates')}; {subject(self.reference)} alone may serve, provisionally.")  # fmt: skip

    def serving_candidate(self) -> Candidate:
        """The best candidate that beats the simplest one and is sane, else the simplest one."""
        for found in self.rivals:
            if found.passed and self._is_sane(found.challenger):
                return self.candidates[found.challenger]
        self.because.clear()  # what stopped another candidate does not stop the simplest one
        return self.candidates[self.reference]

    def may_go_live(self, chosen: Candidate, rolled_back: Collection[str]) -> bool:
        """Whether the chosen candidate replaces what serves, with the reasons either way."""
        champion = self.champion
        if champion and chosen.bundle_id == champion.bundle_id:
            return self.refuse("Nothing new: the same data and recipe gave the bundle that serves already.")  # fmt: skip
        if champion and _same_data(chosen, champion):
            return self.refuse("Nothing new: the champion has this recipe and was trained on this dataset version.")  # fmt: skip
        if chosen.bundle_id in rolled_back:
            return self.refuse("This bundle was taken out of service by a person and is not promoted again.")  # fmt: skip
        if self.short and champion and not champion.provisional:
            return self.refuse(f"The comparison could not be made. {self._too_few(f'compare {chosen.head} with the champion')}; the champion was judged on more, and a provisional one does not replace it.")  # fmt: skip
        if self.short and (self.blocks or 0) < _FEWEST_BLOCKS:
            return self.refuse(f"The comparison could not be made. {self._too_few('judge a model')}, and {_FEWEST_BLOCKS} at least even for a provisional one.")  # fmt: skip
        opens = champion is None or champion.provisional
        if opens and (same := one_class(self._benchmark(chosen.head))):
            return self.refuse(same)
        if chosen.head not in self.sanity and not self._is_sane(chosen.head):
            return False
        if champion and not self._replaces(chosen, champion):
            return False
        return self._opens(chosen) if opens else True

    def record(self, verdict: Verdict, chosen: Candidate | None) -> Decision:
        """Everything found so far as the written record."""
        provisional = self.short if verdict == "promote" else bool(self.champion and self.champion.provisional)  # fmt: skip
        return Decision(
            decision=verdict,
            head=chosen.head if chosen else None,
            bundle_id=chosen.bundle_id if chosen else None,
            first_line=self._first_line(verdict, chosen, provisional),
            reasons=tuple(self.reasons),
            fusion_beats_linear=any(c.passed and c.challenger in FUSED_HEADS for c in self.rivals),
            primary_horizon_weeks=self.primary,
            confidence=self.gate.confidence,
            rules=self.gate.model_dump(mode="json"),
            blocks=self.blocks,
            origins=self.origins,
            champion=self.champion.names() if self.champion else None,
            comparisons=tuple(self.comparisons),
            sanity=self.sanity,
            reference=self.reference,
            provisional=provisional and verdict != "none",
        )

    def _first_line(self, verdict: Verdict, chosen: Candidate | None, provisional: bool) -> str:
        comparison = first_line.compared(self.rivals, self.reference, self.gate.confidence)
        if verdict == "none":
            return first_line.nothing_serves(comparison, self.because)
        if verdict == "promote" and chosen:
            beaten = any(c.passed for c in self.rivals)
            others = [name for name in self.candidates if name != self.reference]
            line = first_line.serves(comparison, chosen.head, self.reference, beaten, others)
        else:
            line = first_line.stays(comparison, self.champion.head, self.champion.version) if self.champion else ""  # fmt: skip
        needed = f"{self.gate.min_blocks} over {self.gate.min_origins}"
        return first_line.provisional(line, self.blocks, self.origins, needed) if provisional else line  # fmt: skip

    def _opens(self, chosen: Candidate) -> bool:
        """Whether it beats the baselines; a baseline does not have to beat itself."""
        own, passed = self._benchmark(chosen.head), True
        for name in (blind for blind in _BLIND if blind != chosen.head):
            one = self._compare(chosen.head, own, name, self._benchmark(name))
            verb = "is better in the mean than" if self.short else "beats"
            against = "is not better in the mean than" if self.short else "does not beat"
            sentence = f"{subject(one.challenger)} {verb if one.passed else against} {words(name)} ({self._words(one)})."  # fmt: skip
            self.reasons.append(f"First champion: {sentence}")
            if not one.passed:
                self.because.append(sentence)
                passed = False
        return passed

    def _replaces(self, chosen: Candidate, champion: Champion) -> bool:
        if chosen.as_of_week < champion.as_of_week:  # labels of one calendar sort as text
            return self.refuse(f"The challenger's data end at {chosen.as_of_week}, before the champion's {champion.as_of_week}: older data never replace fresher data.")  # fmt: skip
        lost = sorted(set(champion.horizons_weeks) - set(self.horizons))
        if lost:
            return self.refuse(f"The champion also serves {', '.join(map(str, lost))} weeks ahead, which the challenger does not.")  # fmt: skip
        name, margin = f"champion ({champion.head})", self.gate.margin_brier
        found = self._compare(chosen.head, self._benchmark(chosen.head), name, self._champion_rows(champion), margin)  # fmt: skip
        if chosen.recipe_id == champion.recipe_id:
            self.reasons.append(f"Same recipe as the champion ({chosen.head}), on data up to {chosen.as_of_week}: fresher data win a tie.")  # fmt: skip
            return found.passed
        word = "is not worse than" if found.passed else "was not shown to be as good as"
        more = " It is better beyond its interval." if found.superior and not self.short else ""
        bound = "mean" if self.short else "upper bound"
        reason = f"{first_line.capital(subject(chosen.head))} {word} the champion's recipe ({self._words(found)}; the {bound} must stay below {margin:+.3f}).{more}"  # fmt: skip
        if not found.passed:
            return self.refuse(reason)
        self.reasons.append(reason)
        return True

    def _champion_rows(self, champion: Champion) -> pd.DataFrame:
        """Rows of the champion's recipe: a candidate's if one has it, else those handed in."""
        for candidate in self.candidates.values():
            if candidate.recipe_id == champion.recipe_id:
                return self._benchmark(candidate.head)
        if champion.predictions is None:
            raise GateError("the champion's recipe was not evaluated on this run's rows", fix="backtest the champion's recipe too")  # fmt: skip
        return _benchmark_rows(champion.predictions, champion.head, self.primary)

    def _benchmark(self, head: str) -> pd.DataFrame:
        return _benchmark_rows(self.predictions, head, self.primary)

    def _compare(self, name: str, own: pd.DataFrame, reference: str, other: pd.DataFrame, margin: float = 0.0) -> Comparison:  # fmt: skip
        """By the upper bound of the interval, or by the mean where history is short."""
        found = paired_interval(own, other, self.gate, self.calendar)
        passed = (found.mean if self.short else found.upper) < margin
        beats: Question = "is better in the mean than" if self.short else "beats"
        asked: Question = "not worse than" if margin else beats
        one = Comparison(name, reference, asked, margin, found, passed, found.upper < 0)
        self.comparisons.append(one)
        return one

    def _is_sane(self, head: str) -> bool:
        checks = {h: self._sanity(head, h) for h in self.horizons}
        self.sanity[head] = {str(h): check for h, check in checks.items()}
        found = [f"{first_line.capital(subject(head))} is not sane at {h} weeks: {p}." for h, c in checks.items() for p in c.problems]  # fmt: skip
        for reason in found:
            self.refuse(reason)
        return not found

    def _sanity(self, head: str, horizon: int) -> Sanity:
        own = _rows(self.predictions, head, horizon)
        blind = _rows(self.predictions, _BLIND[0], horizon)
        return check_sanity(own, blind, self.gate, self.calendar)

    def _too_few(self, to_do: str) -> str:
        return f"{self.blocks} blocks of weeks over {self.origins} origins are too few to {to_do}: {self.gate.min_blocks} over {self.gate.min_origins} are needed"  # fmt: skip

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
