"""The challenge: what a candidate has to show before it replaces the champion.

Belongs here: that rule on rolling origins, and the order of the questions. Does not belong here: what a
first champion has to show (first_promotion.py), the newest weeks (newest.py), and how two recipes are
compared (hearing.py).
"""

from __future__ import annotations

from pipelines.evaluate.decision import Candidate, Champion
from pipelines.evaluate.first_line import capital, subject
from pipelines.evaluate.hearing import Hearing, champion_rows, judged_rows
from pipelines.evaluate.newest import lets_through


def same_data(chosen: Candidate, champion: Champion) -> bool:
    """Whether both are one recipe, trained on one known dataset version."""
    known = bool(chosen.dataset_version)
    return known and (chosen.recipe_id, chosen.dataset_version) == (
        champion.recipe_id,
        champion.dataset_version,
    )


def replaces(hearing: Hearing, chosen: Candidate, champion: Champion) -> bool:
    """Whether it may take the champion's place, with the reasons either way."""
    if chosen.as_of_week < champion.as_of_week:  # labels of one calendar sort as text
        return hearing.refuse(f"The challenger's data end at {chosen.as_of_week}, before the champion's {champion.as_of_week}: older data never replace fresher data.")  # fmt: skip
    lost = sorted(set(champion.horizons_weeks) - set(hearing.horizons))
    if lost:
        return hearing.refuse(f"The champion also serves {', '.join(map(str, lost))} weeks ahead, which the challenger does not.")  # fmt: skip
    return _judged(hearing, chosen, champion)


def _judged(hearing: Hearing, chosen: Candidate, champion: Champion) -> bool:
    """Rolling origins, then the newest weeks, then this very refit; a tie is what is said last."""
    tie = _not_worse(hearing, chosen, champion)
    if tie is None:
        return False
    if hearing.new_weeks is not None and not lets_through(hearing, hearing.new_weeks, chosen, champion):  # fmt: skip
        return False
    hearing.reasons.append(tie)
    return True


def _not_worse(hearing: Hearing, chosen: Candidate, champion: Champion) -> str | None:
    """Rolling origins: not worse than the champion's recipe by the margin, on equal rows; in words."""
    name, margin = f"champion ({champion.head})", hearing.gate.margin_brier
    theirs = judged_rows(*champion_rows(hearing, champion), hearing.primary)
    found = hearing.compare(chosen.head, hearing.judged(chosen.head), name, theirs, margin)
    if chosen.recipe_id == champion.recipe_id:
        tie = f"Same recipe as the champion ({chosen.head}), on data up to {chosen.as_of_week}: fresher data win a tie."  # fmt: skip
        return tie if found.passed else None
    word = "is not worse than" if found.passed else "was not shown to be as good as"
    more = " It is better beyond its interval." if found.superior and not hearing.short else ""
    bound = "mean" if hearing.short else "upper bound"
    reason = f"{capital(subject(chosen.head))} {word} the champion's recipe ({hearing.in_words(found)}; the {bound} must stay below {margin:+.3f}).{more}"  # fmt: skip
    if not found.passed:
        hearing.refuse(reason)
        return None
    return reason
