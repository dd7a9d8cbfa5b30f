"""Doubts as issues: of the drop that is being accepted, and still open ones of earlier drops."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.contracts import Issue, Level
from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.doubts import waiting
from pipelines.data.plausible.suspicion import Cause, Outcome
from pipelines.data.raw import RawDrop, issue
from pipelines.words import counted

_LEVEL = {Outcome.NOTE: Level.WARNING, Outcome.HOLD: Level.ERROR, Outcome.STOP: Level.CRITICAL}
TOO_MUCH_HELD = "too-much-held"
_NAMED = 6
_ANSWER = (
    "if it is true, `denguard confirm {cause} --by NAME --reason TEXT`; if it is wrong, the same "
    "with --reject"
)


def doubt_issues(found: Assessment, raws: Sequence[RawDrop], max_share: float) -> list[Issue]:
    """One issue a cause of the newest drop, one for all that earlier drops still hold."""
    if not raws:
        return []
    newest = raws[-1].drop.name
    own = [cause for cause in found.causes if cause.drop == newest]
    return [
        *(_issue(cause, found) for cause in own),
        *_crowded(found, newest, max_share),
        *_waiting(found, newest),
    ]


def _issue(cause: Cause, found: Assessment) -> Issue:
    one = cause.suspicion
    cells = int((found.doubts["cause_id"] == cause.cause_id).sum())
    if cause.answer:
        message = f"{one.message}; {cause.answer} by a person (cause {cause.cause_id})"
        return issue(Level.INFO, one.rule, message, cause.drop, "nothing to do", rows=cells)
    done = {Outcome.NOTE: "", Outcome.HOLD: "held: ", Outcome.STOP: "stopped: "}[one.outcome]
    fix = one.fix
    if one.outcome is not Outcome.NOTE:
        fix = f"{fix}; {_ANSWER.format(cause=cause.cause_id)}"
    return issue(_LEVEL[one.outcome], one.rule, f"{done}{one.message}", cause.drop, fix, rows=cells)


def _crowded(found: Assessment, newest: str, max_share: float) -> list[Issue]:
    share = found.crowded.get(newest)
    if share is None:
        return []
    open_ones = [c for c in found.causes if c.drop == newest and not c.answer]
    named = "; ".join(f"{c.suspicion.rule} (cause {c.cause_id})" for c in open_ones[:_NAMED])
    message = (
        f"{share:.0%} of the units have values that are held, more than {max_share:.0%}, so the "
        f"drop itself is in doubt: {named}"
    )
    fix = (
        "look at the causes above: correct the export and make the drop again, or answer them "
        "with `denguard confirm`"
    )
    return [issue(Level.CRITICAL, TOO_MUCH_HELD, message, newest, fix)]


def _waiting(found: Assessment, newest: str) -> list[Issue]:
    """What earlier drops hold and nobody has answered, in one line: it must not be forgotten."""
    waits = waiting(found.doubts)
    waits = waits[waits["drop"] != newest]
    if waits.empty:
        return []
    message = (
        f"held and waiting for an answer: {counted(len(waits), 'value')} of "
        f"{counted(waits['unit_id'].nunique(), 'unit')} in "
        f"{counted(waits['drop'].nunique(), 'earlier drop')}"
    )
    return [
        issue(
            Level.WARNING,
            "still-held",
            message,
            "",
            "`denguard confirm` lists them by cause",
            rows=len(waits),
        )
    ]
