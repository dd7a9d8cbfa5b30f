"""Whether a drop's receipt date can be right: by the clock, by its siblings and by the weeks it
brings.

The receipt date says which of two drops is the newer truth, so that a mistyped year outranks every
correction. A drop that was accepted is asked for the clock alone. A person who is sure says so in
drop.yaml (`received_confirmed: why`), which stays with the drop; a wrong date is taken back with
`denguard withdraw-drop`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from functools import partial

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.raw import RawDrop, issue
from pipelines.data.sources import Context, source_of
from pipelines.errors import DropError
from pipelines.weeks import Calendar
from pipelines.words import counted

_NAMED = 5
_CELL = ["unit_id", "when"]
_YEAR_AHEAD = timedelta(weeks=60)  # a table may have empty columns for the rest of its year
_NAME = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})(?:\.([0-9]{1,2}))?")
_WEEK = re.compile(r"([0-9]{4})\D{1,3}([0-9]{1,2})$")
_CONFIRM = (
    "if the date is right, say why: `received_confirmed: ...` in drop.yaml, or denguard drop "
    "--received-confirmed TEXT"
)
Order = tuple[date, int]
Weeks = tuple[int | None, int | None]


@dataclass(frozen=True)
class Doubt:
    """Why a receipt date is in doubt; code, message and fix as of an issue."""

    code: str
    message: str
    fix: str


def receipt_issues(
    raws: Sequence[RawDrop], accepted: Collection[str], today: date | None, context: Context
) -> list[Issue]:
    """What is wrong with the receipt dates of a run's drops, oldest first, and what a late one
    loses.

    Args:
        accepted: names of the drops that an accepted version was made from.
        today: by the place's clock; None asks no clock.
    """
    out = []
    late = {raw.drop.name for raw in raws if _future(raw.drop, today)}  # no reference for others
    lost = _lost(raws, accepted, context.calendar)
    for at, raw in enumerate(raws):
        drop, older = raw.drop, raws[:at]
        doubts = [_future(drop, today)]
        if drop.name not in accepted:
            before = older[-1].drop if older else None
            weeks = partial(_newest_weeks, older, raw)
            doubts += [
                _before_its_data(raw, context),
                *_unusual(drop, before, weeks, set(accepted) - late, context),
            ]
            out += lost[drop.name]
        out += [_as_issue(doubt, drop) for doubt in doubts if doubt][:1]
    return out


def scenes_in_future(drops: Sequence[Drop], today: date | None) -> list[Issue]:
    """Receipt dates of drops of scenes alone that are yet to come; nothing else of a receipt date
    can be told without a table."""
    return [_as_issue(doubt, drop) for drop in drops if (doubt := _future(drop, today))]


def require_likely(
    drop: Drop, siblings: Sequence[Drop], accepted: Collection[str], context: Context
) -> None:
    """Refuse a drop that is being made if its receipt date is far from its siblings' and nobody
    confirmed it.

    Args:
        drop: its files, where they are being put together.
        siblings: the drops that stand, oldest first.

    Raises:
        DropError: with what to check.
    """
    name, info = drop.info.folder_name, drop.info
    if name in accepted or info.received_confirmed:
        return
    read = partial(source_of(context.config).read_raw, context=context)
    older = [s for s in siblings if _order(s.info) < _order(info)]
    before = older[-1] if older else None

    def weeks() -> Weeks:
        return _newest_weeks([read(sibling) for sibling in older[-1:]], read(drop))

    doubts = [doubt for doubt in _unusual(drop, before, weeks, accepted, context) if doubt]
    if doubts:
        raise DropError(doubts[0].message, where=name, fix=doubts[0].fix)


def _future(drop: Drop, today: date | None) -> Doubt | None:
    name, info = drop.name, drop.info
    if today is None or info.received_date <= today + timedelta(days=1):
        return None
    fix = (
        f"withdraw it (denguard withdraw-drop {name} --by NAME --reason TEXT) and bring it again "
        f"with the day on which it arrived; if today is not {today}, set this machine's clock"
    )
    return Doubt(
        "receipt-in-future",
        f"the drop is said to be received on {info.received_date}, in the future: until then it "
        "would outrank every correction",
        fix,
    )


def _before_its_data(raw: RawDrop, context: Context) -> Doubt | None:
    """A year that was typed too small leaves out all later weeks of the drop's own."""
    received = raw.drop.info.received_date
    ends = [_week_end(i.period, context.calendar) for i in raw.issues if i.code == "week-not-ended"]
    last = max((end for end in ends if end), default=None)
    if last is None or last - received <= _YEAR_AHEAD:
        return None
    return Doubt(
        "receipt-before-data",
        f"the drop is said to be received on {received}, and its own weeks go on to {last}, "
        f"{(last - received).days // 7} weeks later",
        f"withdraw it (denguard withdraw-drop {raw.drop.name} --by NAME --reason TEXT) and bring "
        "it again with the day on which it arrived; if later weeks are no reports, cut them with "
        "--until",
    )


def _unusual(
    drop: Drop,
    before: Drop | None,
    weeks: Callable[[], Weeks],
    accepted: Collection[str],
    context: Context,
) -> list[Doubt | None]:
    """Doubts by the siblings: older than what was accepted, or far after the newest while its data
    are not.

    Args:
        before: the drop that was received before it.
        weeks: the newest week of the drops before it, and its own; asked only where the gap is
            long.
    """
    if drop.info.received_confirmed:
        return []
    return [_older(drop.info, accepted), _far(drop.info, before, weeks, context)]


def _older(info: DropInfo, accepted: Collection[str]) -> Doubt | None:
    newest = max(filter(None, map(_order_of, accepted)), default=None)
    if newest is None or _order(info) > newest:
        return None
    name = DropInfo(received_date=newest[0], edition=newest[1]).folder_name
    return Doubt(
        "receipt-older-than-accepted",
        f"the drop is said to be received on {info.received_date}, before the accepted drop "
        f"{name}: wherever the two differ it loses",
        "give the day on which the files arrived here, however old the weeks in them are; or "
        f"withdraw {name}, if its date is the wrong one; {_CONFIRM}",
    )


def _far(
    info: DropInfo, before: Drop | None, newest: Callable[[], Weeks], context: Context
) -> Doubt | None:
    limit = context.config.limits.receipt_gap_weeks
    if (
        before is None
        or (weeks := (info.received_date - before.info.received_date).days // 7) <= limit
    ):
        return None
    known, own = newest()
    if known is None or own is None or weeks - (moved := max(0, own - known)) <= limit:
        return None
    return Doubt(
        "receipt-far-ahead",
        f"the drop is said to be received on {info.received_date}, {weeks} weeks after "
        f"{before.name}, and its newest week is {counted(moved, 'week')} newer",
        f"give the day on which the files arrived: is the year right; {_CONFIRM}; the limit is "
        "data.limits.receipt_gap_weeks",
    )


def _as_issue(doubt: Doubt, drop: Drop) -> Issue:
    return issue(Level.CRITICAL, doubt.code, doubt.message, f"{drop.name}/drop.yaml", doubt.fix)


def _lost(
    raws: Sequence[RawDrop], accepted: Collection[str], calendar: Calendar
) -> dict[str, list[Issue]]:
    """What each drop that is read for the first time loses; every drop's counts are taken once."""
    found: dict[str, list[Issue]] = {}
    unread = [at for at, raw in enumerate(raws) if raw.drop.name not in accepted]
    newer: pd.DataFrame | None = None  # the newest count of each unit and week
    for raw in reversed(raws[min(unread, default=len(raws)) :]):
        mine = _counts(raw).assign(by=raw.drop.name)
        if raw.drop.name not in accepted:
            found[raw.drop.name] = [] if newer is None else _loses(raw, mine, newer, calendar)
        if len(mine):
            every = mine if newer is None else pd.concat([mine, newer])
            newer = every.drop_duplicates(_CELL, keep="last")
    return found


def _loses(
    raw: RawDrop, mine: pd.DataFrame, newer: pd.DataFrame, calendar: Calendar
) -> list[Issue]:
    """Counts of a drop that is read for the first time, which a drop with a later date says
    otherwise.
    """
    if mine.empty:
        return []
    both = mine.merge(newer, on=_CELL, suffixes=("", "_newer"))
    lost = both[both["number"] != both["number_newer"]]
    if lost.empty:
        return []
    first = ", ".join(
        f"{r.unit_id} {calendar.week_label(int(str(r.when)))}: {r.number:g} here, "
        f"{r.number_newer:g} in {r.by_newer}"
        for r in lost.head(_NAMED).itertuples()
    )
    return [
        issue(
            Level.WARNING,
            "loses-to-newer-drop",
            f"{len(lost)} counts of it lose to drops of a later receipt date, which were read "
            f"before it: {first}",
            raw.drop.name,
            "if these are corrections, bring them again with the day on which they arrived here",
            rows=len(lost),
        )
    ]


def _counts(raw: RawDrop) -> pd.DataFrame:
    """unit_id, when, number of the known weekly counts."""
    cells = raw.cells
    known = (cells["kind"] == "week") & cells["number"].notna() & cells["unit_id"].notna()
    return cells.loc[known, ["unit_id", "when", "number"]].astype({"unit_id": object, "when": int})


def _newest_weeks(older: Sequence[RawDrop], raw: RawDrop) -> Weeks:
    """Newest week with a count in older drops, and in a drop; None where there is none."""
    known = [week for week in map(_newest_week, older) if week is not None]
    return max(known, default=None), _newest_week(raw)


def _newest_week(raw: RawDrop) -> int | None:
    weeks = _counts(raw)["when"]
    return None if weeks.empty else int(weeks.max())


def _order(info: DropInfo) -> Order:
    return info.received_date, info.edition


def _order_of(name: str) -> Order | None:
    match = _NAME.fullmatch(name)
    return (date.fromisoformat(match[1]), int(match[2] or 1)) if match else None


def _week_end(period: str, calendar: Calendar) -> date | None:
    match = _WEEK.search(period)
    if match is None or not calendar.has(int(match[1]), int(match[2])):
        return None
    return calendar.week_end(calendar.number(int(match[1]), int(match[2])))
