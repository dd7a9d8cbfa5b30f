"""What the newest weeks have to say before a challenger replaces a champion: two questions, two
tests.

*Recipe and revised history*: the challenger's recipe, refitted on today's history, must not be
worse on the newest weeks than what was published then; recent.py says by which rule.
*This very refit*: it may not move this week's forecast further than honest refits of past years
moved theirs. Beyond that a person decides, and the champion's forecast is published meanwhile.

Neither sees poisoned outcomes that refit and score both learn from: that is for the checks of the
data.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import pandas as pd

from pipelines.evaluate.bootstrap import Interval
from pipelines.evaluate.decision import Candidate, Champion, difference_in_words
from pipelines.evaluate.evidence import GateEvidence, champion_rows
from pipelines.evaluate.first_line import capital, subject
from pipelines.evaluate.new_weeks import NewWeeks
from pipelines.evaluate.recent import RecentResult, compare_with_published, scores
from pipelines.evaluate.refit_changes import NoPastChanges, RefitChange
from pipelines.evaluate.refits import Refits

_SHOWN = 2


def passes_recent_checks(
    evidence: GateEvidence, new_weeks: NewWeeks, chosen: Candidate, champion: Champion
) -> bool:
    """Whether neither question speaks against the challenger; what was found is noted."""
    refits = new_weeks.refits(chosen)
    try:
        if not _as_good_lately(evidence, new_weeks, refits, chosen, champion):
            return False
        passed = _changes_little(evidence, new_weeks, refits, chosen, champion)
    finally:
        refits.record_used()
    refits.discard_unused()  # now that both questions have asked for theirs
    return passed


def _as_good_lately(
    evidence: GateEvidence,
    new_weeks: NewWeeks,
    refits: Refits,
    chosen: Candidate,
    champion: Champion,
) -> bool:
    rows = new_weeks.recent(refits, chosen, champion, _backtest(evidence, champion))
    same = chosen.recipe_id == champion.recipe_id
    result = compare_with_published(rows, same, new_weeks.profile)
    if result is None:
        evidence.newest["recent"] = {"asked": False}
        evidence.reasons.append(
            "The newest weeks could not be scored: nothing was published of them, and no test "
            "year holds them."
        )
        return True
    evidence.newest["recent"] = {"asked": True, **asdict(result), "horizons": scores(rows)}
    reason = (
        f"On the newest weeks {subject(chosen.head)}, refitted on today's history, "
        f"{result.verdict} {_then(result)} ({_difference(result.interval, evidence)}; "
        f"{result.rule})."
    )
    if not result.passed:
        return evidence.refuse(reason)
    evidence.reasons.append(reason)
    return True


def _changes_little(
    evidence: GateEvidence,
    new_weeks: NewWeeks,
    refits: Refits,
    chosen: Candidate,
    champion: Champion,
) -> bool:
    own = evidence.predictions[evidence.predictions["head"] == chosen.head]
    try:
        changes = new_weeks.changes(refits, chosen, champion, (own, _backtest(evidence, champion)))
    except NoPastChanges as err:
        if not evidence.short:
            raise
        evidence.newest["refit"] = {"asked": False}
        evidence.reasons.append(
            "This refit could not be compared with honest ones, because history is short: "
            f"{err.what}."
        )
        return True
    evidence.newest["refit"] = {"asked": True, **_record(changes)}
    far = {h: change for h, change in changes.items() if change.too_far}
    if far:
        evidence.waits_for_person = True
        return evidence.refuse(_waits(far, chosen))
    main = changes.get(evidence.primary)
    if main is not None:
        evidence.reasons.append(
            f"This refit moves the pool's probabilities of this week by {main.pool:.4f} "
            f"{evidence.primary} weeks ahead (root mean square; honest ones of past years by up to "
            f"{main.pool_limit:.4f})."
        )
    return True


def _waits(far: dict[int, RefitChange], chosen: Candidate) -> str:
    """Which horizons moved how far, most of all where, and the command that lets it through."""
    shown = [_change_in_words(h, change) for h, change in list(far.items())[:_SHOWN]]
    more = f"; and {len(far) - _SHOWN} more horizons" if len(far) > _SHOWN else ""
    return (
        f"{capital(subject(chosen.head))} moves this week's forecast further than honest refits "
        f"of past years did: {'; '.join(shown)}{more}. A person decides, and the champion "
        f"forecasts meanwhile: `denguard promote {chosen.bundle_id} --by NAME --reason TEXT` lets "
        "it serve."
    )


def _change_in_words(horizon: int, change: RefitChange) -> str:
    return (
        f"{horizon} weeks ahead the pool's probabilities by {change.pool:.3f} (root mean square, "
        f"at most {change.pool_limit:.3f} in {change.pairs} pairs), unit {change.where} by "
        f"{change.unit:.3f}, from {change.before:.2f} to {change.after:.2f} (at most "
        f"{change.unit_limit:.3f})"
    )


def _record(changes: dict[int, RefitChange]) -> dict[str, Any]:
    horizons = {
        str(h): {**asdict(change), "too_far": change.too_far} for h, change in changes.items()
    }
    return {"passed": not any(change.too_far for change in changes.values()), "horizons": horizons}


def _backtest(evidence: GateEvidence, champion: Champion) -> pd.DataFrame:
    rows, head = champion_rows(evidence, champion)
    return rows[rows["head"] == head]


def _then(result: RecentResult) -> str:
    """What it is compared with: "what was published then (52 weeks)"."""
    published, stand_in = result.weeks_published, result.weeks_of_the_backtest
    if not stand_in:
        return f"what was published then ({published} weeks)"
    if not published:
        return (
            f"the backtest of the champion's recipe ({stand_in} weeks; nothing was published of "
            "them)"
        )
    return (
        f"what was published then ({published} weeks, and the backtest's forecasts of {stand_in} "
        "others)"
    )


def _difference(found: Interval, evidence: GateEvidence) -> str:
    if found.blocks < 2:
        return f"Brier difference {found.mean:+.4f} over one block of weeks"
    return difference_in_words(found, evidence.gate.confidence)
