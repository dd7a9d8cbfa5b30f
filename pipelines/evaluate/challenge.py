"""The challenge: what a candidate has to show before it replaces the champion.

Belongs here: that rule on rolling origins. Does not belong here: what a first champion has to show
(first_promotion.py), and how two recipes are compared (hearing.py).
"""

from __future__ import annotations

import pandas as pd

from pipelines.errors import GateError
from pipelines.evaluate.decision import Candidate, Champion
from pipelines.evaluate.first_line import capital, subject
from pipelines.evaluate.hearing import Hearing, judged_rows


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
    return _not_worse(hearing, chosen, champion)


def _not_worse(hearing: Hearing, chosen: Candidate, champion: Champion) -> bool:
    """Rolling origins: not worse than the champion's recipe by the margin, on equal rows."""
    name, margin = f"champion ({champion.head})", hearing.gate.margin_brier
    found = hearing.compare(chosen.head, hearing.judged(chosen.head), name, _champion_rows(hearing, champion), margin)  # fmt: skip
    if chosen.recipe_id == champion.recipe_id:
        hearing.reasons.append(f"Same recipe as the champion ({chosen.head}), on data up to {chosen.as_of_week}: fresher data win a tie.")  # fmt: skip
        return found.passed
    word = "is not worse than" if found.passed else "was not shown to be as good as"
    more = " It is better beyond its interval." if found.superior and not hearing.short else ""
    bound = "mean" if hearing.short else "upper bound"
    reason = f"{capital(subject(chosen.head))} {word} the champion's recipe ({hearing.in_words(found)}; the {bound} must stay below {margin:+.3f}).{more}"  # fmt: skip
    if not found.passed:
        return hearing.refuse(reason)
    hearing.reasons.append(reason)
    return True


def _champion_rows(hearing: Hearing, champion: Champion) -> pd.DataFrame:
    """Rows of the champion's recipe: a candidate's if one has it, else those handed in."""
    for candidate in hearing.candidates.values():
        if candidate.recipe_id == champion.recipe_id:
            return hearing.judged(candidate.head)
    if champion.predictions is None:
        raise GateError("the champion's recipe was not evaluated on this run's rows", fix="backtest the champion's recipe too")  # fmt: skip
    return judged_rows(champion.predictions, champion.head, hearing.primary)
