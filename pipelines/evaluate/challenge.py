"""The challenge: what a candidate has to show before it replaces the champion."""

from __future__ import annotations

import pandas as pd

from pipelines.evaluate.bootstrap import count_blocks
from pipelines.evaluate.decision import MATURITY, Candidate, Champion
from pipelines.evaluate.evidence import GateEvidence, benchmark_rows_of, champion_rows
from pipelines.evaluate.first_line import capital, subject
from pipelines.evaluate.first_promotion import beats_baselines
from pipelines.evaluate.newest import passes_recent_checks

_FEWEST_BLOCKS = 2  # as gate.py asks for a mean


def same_data(chosen: Candidate, champion: Champion) -> bool:
    """Whether both are one recipe, trained on one known dataset version."""
    known = bool(chosen.dataset_version)
    return known and (chosen.recipe_id, chosen.dataset_version) == (
        champion.recipe_id,
        champion.dataset_version,
    )


def replaces(evidence: GateEvidence, chosen: Candidate, champion: Champion) -> bool:
    """Whether it may take the champion's place, with the reasons either way."""
    if _older(evidence, chosen, champion):
        return evidence.refuse(
            f"The challenger's data end at {chosen.as_of_week}, before the champion's "
            f"{champion.as_of_week}: older data never replace fresher data."
        )
    lost = sorted(set(champion.horizons_weeks) - set(evidence.horizons))
    if lost:
        return evidence.refuse(
            f"The champion also serves {', '.join(map(str, lost))} weeks ahead, which the "
            "challenger does not."
        )
    return _compared(evidence, chosen, champion)


def _older(evidence: GateEvidence, chosen: Candidate, champion: Champion) -> bool:
    """By more than the newest weeks that a changed `data.maturity` takes as unknown. What rests on
    a drop that was taken back is not fresher for it."""
    if champion.withdrawn_drops:
        evidence.reasons.append(
            f"The champion was trained on drop {', '.join(champion.withdrawn_drops)}, which was "
            "withdrawn: its data are not fresher for it."
        )
        return False
    theirs, own = (evidence.calendar.week_no(one.as_of_week) for one in (champion, chosen))
    declared = champion.own_rows or MATURITY in champion.untrainable
    return theirs - own > (evidence.immature_weeks if declared else 0)


def _compared(evidence: GateEvidence, chosen: Candidate, champion: Champion) -> bool:
    """Rolling origins, then the newest weeks, then this very refit; the tie's reason comes last."""
    if champion.untrainable:
        why = (
            "The champion's recipe cannot be trained on this run's rows, from which it differs "
            f"in {' and '.join(champion.untrainable)}"
        )
        return _left_to_a_person(evidence, chosen, why)
    tie = _not_worse(evidence, chosen, champion)
    if tie is None:
        return False
    if evidence.new_weeks is not None and not passes_recent_checks(
        evidence, evidence.new_weeks, chosen, champion
    ):
        return False
    evidence.reasons.append(tie)
    return True


def _left_to_a_person(evidence: GateEvidence, chosen: Candidate, why: str) -> bool:
    """What cannot be compared must be fit for a first champion, and is let through by a person
    alone.
    """
    if not beats_baselines(evidence, chosen):
        return evidence.refuse(f"{why}, and the challenger would not be a first champion either.")
    evidence.waits_for_person = True
    return evidence.refuse(
        f"{why}, so that nothing says which of the two is better; the challenger would be fit for "
        "a first champion. A person decides, and the champion forecasts meanwhile: `denguard "
        f"promote {chosen.bundle_id} --by NAME --reason TEXT` lets it serve."
    )


def _not_worse(evidence: GateEvidence, chosen: Candidate, champion: Champion) -> str | None:
    """Rolling origins: not worse than the champion's recipe by the margin, on equal rows;
    in words."""
    name, margin = f"champion ({champion.head})", evidence.gate.margin_brier
    theirs = benchmark_rows_of(*champion_rows(evidence, champion), evidence.primary)
    own = evidence.benchmark_rows(chosen.head)
    if champion.own_rows:
        own = own[own["sample_id"].isin(theirs["sample_id"])]
        evidence.reasons.append(
            "The champion's recipe treats the newest weeks otherwise (data.maturity): it was "
            f"trained on rows as it declares them, and is compared on {len(own)} unit-weeks that "
            "both have."
        )
    if _too_few(evidence, own):
        _left_to_a_person(
            evidence,
            chosen,
            "The champion's recipe and this run's have too few weeks in common to be compared",
        )
        return None
    found = evidence.compare(chosen.head, own, name, theirs, margin)
    if chosen.recipe_id == champion.recipe_id:
        better = "data without what was withdrawn" if champion.withdrawn_drops else "fresher data"
        tie = (
            f"Same recipe as the champion ({chosen.head}), on data up to {chosen.as_of_week}: "
            f"{better} win a tie."
        )
        return tie if found.passed else None
    word = "is not worse than" if found.passed else "was not shown to be as good as"
    more = " It is better beyond its interval." if found.superior and not evidence.short else ""
    bound = "mean" if evidence.short else "upper bound"
    reason = (
        f"{capital(subject(chosen.head))} {word} the champion's recipe "
        f"({evidence.in_words(found)}; the {bound} must stay below {margin:+.3f}).{more}"
    )
    if not found.passed:
        evidence.refuse(reason)
        return None
    return reason


def _too_few(evidence: GateEvidence, rows: pd.DataFrame) -> bool:
    """Whether they hold fewer blocks of weeks than this run's own rows had to."""
    needed = _FEWEST_BLOCKS if evidence.short else evidence.gate.min_blocks
    return (
        not len(rows) or count_blocks(rows, evidence.gate.block_weeks, evidence.calendar) < needed
    )
