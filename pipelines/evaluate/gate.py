"""The gate: may the challenger replace the champion? It fails closed.

The decision is a pure function of backtest predictions and ids.

First it compares recipes: each was trained on the same rolling origins and scored on the same rows
of the judged units. A weekly refit of one recipe differs there by exactly nothing, so the newest
weeks are asked two more questions (newest.py): would the recipe on today's history have forecast
the last year as well as what was published, and does this very refit move further than an honest
one does. Anything that cannot be judged keeps the champion (or leaves the place empty) and says
why. Every candidate has to beat the simplest one (the linear one, else the first that the profile
lists) beyond its interval, and a first champion has to beat prevalence and calibrated persistence
so; a challenger only has to be not worse than the champion by a margin, because fresher data win
ties.

Where history holds at least 2 blocks of weeks but fewer blocks or origins than asked for, no
interval can be trusted. The simplest candidate alone may then serve, as a provisional champion:
sane at every horizon, better in the mean than prevalence and calibrated persistence, and not worse
in the mean than another provisional champion by the margin. It never replaces a champion that was
judged. Once there are blocks enough the usual rules hold: what follows a provisional champion has
to beat both baselines as a first one does.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

import pandas as pd

from pipelines.config import Profile
from pipelines.contracts import FUSED_HEADS
from pipelines.errors import DenguardError
from pipelines.evaluate import first_line
from pipelines.evaluate.challenge import replaces, same_data
from pipelines.evaluate.decision import (
    Candidate,
    Champion,
    Comparison,
    Decision,
    Sanity,
    Verdict,
    error_text,
)
from pipelines.evaluate.evidence import GateEvidence
from pipelines.evaluate.first_line import subject
from pipelines.evaluate.first_promotion import beats_baselines
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.sanity import one_class
from pipelines.evaluate.withheld import (
    LeavingOut,
    keeps_champion_horizons,
    reasons_of,
    sanest_candidate,
    weeks_ahead,
    without_failing_horizons,
)

__all__ = ["UNDECIDABLE", "Candidate", "Champion", "Comparison", "Decision", "Sanity", "decide"]

_FEWEST_BLOCKS = 2  # a mean over one block is about one quarter of a year only
# What a damaged record or table can raise while it is judged; all of it keeps the champion.
UNDECIDABLE = (
    DenguardError,
    LookupError,
    ValueError,
    TypeError,
    ArithmeticError,
    AttributeError,
    OSError,
)


def decide(
    predictions: pd.DataFrame,
    candidates: Sequence[Candidate],
    champion: Champion | None,
    profile: Profile,
    *,
    rolled_back: Collection[str] = (),
    new_weeks: NewWeeks | None = None,
    leaving_out: LeavingOut | None = None,
) -> Decision:
    """Judge the candidates and say what happens; never raises for what it cannot judge.

    Args:
        predictions: backtest rows of every candidate and of the baselines, columns as in
            backtest.PREDICTION_COLUMNS.
        candidates: one bundle for each trained forecaster, at least one.
        champion: what serves now, or None.
        rolled_back: bundle ids that a person took out of service; they are not promoted again.
        new_weeks: where the newest weeks lie; without it they are not asked (a comparison of
            recipes alone, which no weekly run makes).
        leaving_out: makes a candidate's bundle without some horizons; without it one horizon that
            is not sane speaks against the whole.
    """
    evidence = GateEvidence(predictions, candidates, champion, profile, new_weeks)
    chosen: Candidate | None = None
    verdict: Verdict = "keep" if champion else "none"
    try:
        _compare_candidates(evidence)
        chosen = _serving_candidate(evidence, leaving_out)
        if _may_go_live(evidence, chosen, rolled_back):
            verdict = "promote"
    except UNDECIDABLE as err:
        evidence.refuse(f"The comparison could not be made. {error_text(err)}")
    return _record(evidence, verdict, chosen)


def _compare_candidates(evidence: GateEvidence) -> None:
    """Compare every other candidate with the simplest one; nothing on a short history."""
    evidence.require_whole()
    evidence.measure_power()
    simplest = evidence.benchmark_rows(evidence.reference)
    evidence.count(simplest)
    names = [name for name in evidence.candidates if name != evidence.reference]
    if not evidence.short:
        evidence.against_reference = _ranked(evidence, names, simplest)
    elif names:
        evidence.reasons.append(
            f"{evidence.too_few('compare candidates')}; {subject(evidence.reference)} alone may "
            "serve, provisionally."
        )


def _ranked(
    evidence: GateEvidence, names: Sequence[str], simplest: pd.DataFrame
) -> list[Comparison]:
    """What decides on each candidate, the best of those that pass first.

    It is the comparison with the simplest one; for a fused head that beats it and adds to another
    forecaster, the one with that: what its base can do without vectors is no merit of fusion.
    """
    found = []
    for name in names:
        own = evidence.benchmark_rows(name)
        first = evidence.compare(name, own, evidence.reference, simplest)
        added = evidence.compare_with_base(name, own) if first.passed else None
        found.append((added or first, first.interval.mean))
    return [one for one, mean in sorted(found, key=lambda pair: (not pair[0].passed, pair[1]))]


def _serving_candidate(evidence: GateEvidence, leaving_out: LeavingOut | None) -> Candidate:
    """The best candidate that beats the simplest one and is sane, else the simplest one; where that
    is not sane at every horizon, the one that leaves out fewest."""
    for found in evidence.against_reference:
        if found.passed and evidence.is_sane(found.challenger):
            return evidence.candidates[found.challenger]
    evidence.because.clear()  # what stopped another candidate does not stop the simplest one
    if leaving_out is None:
        return evidence.candidates[evidence.reference]
    return without_failing_horizons(evidence, sanest_candidate(evidence), leaving_out)


def _may_go_live(evidence: GateEvidence, chosen: Candidate, rolled_back: Collection[str]) -> bool:
    """Whether the chosen candidate replaces what serves, with the reasons either way."""
    champion = evidence.champion
    if reason := _never(evidence, chosen, rolled_back):
        return evidence.refuse(reason)
    provisional = champion is None or champion.provisional
    if provisional and (same := one_class(evidence.benchmark_rows(chosen.head))):
        return evidence.refuse(same)
    if not chosen.without and not evidence.is_sane(chosen.head):
        return False
    if champion and not replaces(evidence, chosen, champion):
        return False
    if provisional and not beats_baselines(evidence, chosen):
        return False
    return keeps_champion_horizons(evidence, chosen, champion)


def _never(evidence: GateEvidence, chosen: Candidate, rolled_back: Collection[str]) -> str:
    """Why the chosen candidate is not even compared with the champion; "" if it is."""
    champion = evidence.champion
    if champion and chosen.bundle_id == champion.bundle_id:
        return "Nothing new: the same data and recipe gave the bundle that serves already."
    if champion and same_data(chosen, champion):
        return "Nothing new: the champion has this recipe and was trained on this dataset version."
    if chosen.bundle_id in rolled_back:
        return "This bundle was taken out of service by a person and is not promoted again."
    if evidence.short and champion and not champion.provisional:
        return (
            "The comparison could not be made. "
            f"{evidence.too_few(f'compare {chosen.head} with the champion')}; the champion was "
            "judged on more, and a provisional one does not replace it."
        )
    if evidence.short and (evidence.blocks or 0) < _FEWEST_BLOCKS:
        return (
            f"The comparison could not be made. {evidence.too_few('judge a model')}, and "
            f"{_FEWEST_BLOCKS} at least even for a provisional one."
        )
    return ""


def _record(evidence: GateEvidence, verdict: Verdict, chosen: Candidate | None) -> Decision:
    """Everything found so far as the written record."""
    champion = evidence.champion
    provisional = (
        evidence.short if verdict == "promote" else bool(champion and champion.provisional)
    )
    return Decision(
        decision=verdict,
        head=chosen.head if chosen else None,
        bundle_id=chosen.bundle_id if chosen else None,
        first_line=_first_line(evidence, verdict, chosen, provisional),
        reasons=tuple(evidence.reasons),
        fusion_beats_linear=any(
            c.passed and c.challenger in FUSED_HEADS for c in evidence.against_reference
        ),
        primary_horizon_weeks=evidence.primary,
        confidence=evidence.gate.confidence,
        rules=evidence.gate.model_dump(mode="json"),
        blocks=evidence.blocks,
        origins=evidence.origins,
        champion=champion.names() if champion else None,
        comparisons=tuple(evidence.comparisons),
        sanity=evidence.sanity,
        reference=evidence.reference,
        provisional=provisional and verdict != "none",
        new_weeks=evidence.newest,
        waits_for_person=verdict == "keep" and evidence.waits_for_person,
        power=evidence.power,
        withheld=reasons_of(evidence, chosen),
    )


def _first_line(
    evidence: GateEvidence, verdict: Verdict, chosen: Candidate | None, provisional: bool
) -> str:
    gate, champion = evidence.gate, evidence.champion
    comparison = first_line.compared(evidence.against_reference, gate.confidence)
    if verdict == "none":
        return first_line.nothing_serves(comparison, evidence.because)
    if verdict == "promote" and chosen:
        beaten = any(c.passed for c in evidence.against_reference)
        others = [name for name in evidence.candidates if name != evidence.reference]
        line = first_line.serves(comparison, chosen.head, evidence.reference, beaten, others)
        if chosen.without:
            line += f" It does not forecast {weeks_ahead(chosen.without)}, where it is not sane."
    else:
        line = (
            first_line.champion_stays(comparison, champion.head, champion.version)
            if champion
            else ""
        )
    needed = f"{gate.min_blocks} over {gate.min_origins}"
    return (
        first_line.provisional(line, evidence.blocks, evidence.origins, needed)
        if provisional
        else line
    )
