"""The challenge: what a candidate has to show before it replaces the champion."""

from __future__ import annotations

import pandas as pd

from pipelines.evaluate.bootstrap import count_blocks
from pipelines.evaluate.decision import MATURITY, Candidate, Champion
from pipelines.evaluate.first_line import capital, subject
from pipelines.evaluate.first_promotion import beats_baselines
from pipelines.evaluate.hearing import Hearing, champion_rows, judged_rows
from pipelines.evaluate.newest import passes_recent_checks

_FEWEST_BLOCKS = 2  # as gate.py asks for a mean


def same_data(chosen: Candidate, champion: Champion) -> bool:
    """Whether both are one recipe, trained on one known dataset version."""
    known = bool(chosen.dataset_version)
    return known and (chosen.recipe_id, chosen.dataset_version) == (
        champion.recipe_id,
        champion.dataset_version,
    )


def replaces(hearing: Hearing, chosen: Candidate, champion: Champion) -> bool:
    """Whether it may take the champion's place, with the reasons either way."""
    if _older(hearing, chosen, champion):
        return hearing.refuse(
            f"The challenger's data end at {chosen.as_of_week}, before the champion's "
            f"{champion.as_of_week}: older data never replace fresher data."
        )
    lost = sorted(set(champion.horizons_weeks) - set(hearing.horizons))
    if lost:
        return hearing.refuse(
            f"The champion also serves {', '.join(map(str, lost))} weeks ahead, which the "
            "challenger does not."
        )
    return _judged(hearing, chosen, champion)


def _older(hearing: Hearing, chosen: Candidate, champion: Champion) -> bool:
    """By more than the newest weeks that a changed `data.maturity` takes as unknown. What rests on
    a drop that was taken back is not fresher for it."""
    if champion.withdrawn_drops:
        hearing.reasons.append(
            f"The champion was trained on drop {', '.join(champion.withdrawn_drops)}, which was "
            "withdrawn: its data are not fresher for it."
        )
        return False
    theirs, own = (hearing.calendar.week_no(one.as_of_week) for one in (champion, chosen))
    declared = champion.own_rows or MATURITY in champion.untrainable
    return theirs - own > (hearing.immature_weeks if declared else 0)


def _judged(hearing: Hearing, chosen: Candidate, champion: Champion) -> bool:
    """Rolling origins, then the newest weeks, then this very refit; a tie is what is said last."""
    if champion.untrainable:
        why = (
            "The champion's recipe cannot be trained on this run's rows, from which it differs "
            f"in {' and '.join(champion.untrainable)}"
        )
        return _left_to_a_person(hearing, chosen, why)
    tie = _not_worse(hearing, chosen, champion)
    if tie is None:
        return False
    if hearing.new_weeks is not None and not passes_recent_checks(
        hearing, hearing.new_weeks, chosen, champion
    ):
        return False
    hearing.reasons.append(tie)
    return True


def _left_to_a_person(hearing: Hearing, chosen: Candidate, why: str) -> bool:
    """What cannot be compared must be fit for a first champion, and is let through by a person
    alone.
    """
    if not beats_baselines(hearing, chosen):
        return hearing.refuse(f"{why}, and the challenger would not be a first champion either.")
    hearing.waits_for_person = True
    return hearing.refuse(
        f"{why}, so that nothing says which of the two is better; the challenger would be fit for "
        "a first champion. A person decides, and the champion forecasts meanwhile: `denguard "
        f"promote {chosen.bundle_id} --by NAME --reason TEXT` lets it serve."
    )


def _not_worse(hearing: Hearing, chosen: Candidate, champion: Champion) -> str | None:
    """Rolling origins: not worse than the champion's recipe by the margin, on equal rows;
    in words."""
    name, margin = f"champion ({champion.head})", hearing.gate.margin_brier
    theirs = judged_rows(*champion_rows(hearing, champion), hearing.primary)
    own = hearing.judged(chosen.head)
    if champion.own_rows:
        own = own[own["sample_id"].isin(theirs["sample_id"])]
        hearing.reasons.append(
            "The champion's recipe treats the newest weeks otherwise (data.maturity): it was "
            f"trained on rows as it declares them, and is compared on {len(own)} unit-weeks that "
            "both have."
        )
    if _too_few(hearing, own):
        _left_to_a_person(
            hearing,
            chosen,
            "The champion's recipe and this run's have too few weeks in common to be compared",
        )
        return None
    found = hearing.compare(chosen.head, own, name, theirs, margin)
    if chosen.recipe_id == champion.recipe_id:
        better = "data without what was withdrawn" if champion.withdrawn_drops else "fresher data"
        tie = (
            f"Same recipe as the champion ({chosen.head}), on data up to {chosen.as_of_week}: "
            f"{better} win a tie."
        )
        return tie if found.passed else None
    word = "is not worse than" if found.passed else "was not shown to be as good as"
    more = " It is better beyond its interval." if found.superior and not hearing.short else ""
    bound = "mean" if hearing.short else "upper bound"
    reason = (
        f"{capital(subject(chosen.head))} {word} the champion's recipe "
        f"({hearing.in_words(found)}; the {bound} must stay below {margin:+.3f}).{more}"
    )
    if not found.passed:
        hearing.refuse(reason)
        return None
    return reason


def _too_few(hearing: Hearing, rows: pd.DataFrame) -> bool:
    """Whether they hold fewer blocks of weeks than this run's own rows had to."""
    needed = _FEWEST_BLOCKS if hearing.short else hearing.gate.min_blocks
    return not len(rows) or count_blocks(rows, hearing.gate.block_weeks, hearing.calendar) < needed
