"""Whether all units of a table number their weeks alike: regions may deliver in calendars of their
own."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s
from pipelines.contracts import Level
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.options import options_of
from pipelines.data.week_test import NUMBERINGS

_SHARE = 0.1  # of the units that tell: fewer may be single records that are wrong
_WHOLE = 50  # weeks of a year that a unit reports, for an absent week 53 to mean something
_NAMED = 5
_AS_DECLARED = (
    "if single records are wrong instead, correct them, or set the input's `options: {week_53: "
    "as_declared}`, which refuses them"
)


def require_alike(draft: Draft, usable: Bools, year: Int64s, week: Int64s) -> None:
    """Name units that skip a week 53 which others have.

    Args:
        usable: (N,) records whose year and week can be meant.

    Raises:
        Unreadable: some units have a week 53 as only CDC weeks have it, others as only ISO weeks.
    """
    at = np.flatnonzero(usable)
    if options_of(draft.file).week_53 == "as_declared" or not (week[at] == 53).any():
        return
    frame = pd.DataFrame(
        {
            "unit": draft.unit_id[at],
            "row": draft.records.rows[at],
            "year": year[at],
            "week": week[at],
        }
    )
    _stop_two_numberings(draft, frame[frame["week"] == 53])
    _name_skipping(draft, frame)


def _stop_two_numberings(draft: Draft, weeks_53: pd.DataFrame) -> None:
    """Units by the only numbering that has all of their weeks 53."""
    has = pd.DataFrame(
        {name: [c.has(int(y), 53) for y in weeks_53["year"]] for name, c in NUMBERINGS.items()},
        index=weeks_53.index,
    )
    fits = has.groupby(weeks_53["unit"]).all()
    only = {
        name: fits.index[fits[name] & ~fits.drop(columns=name).any(axis=1)] for name in NUMBERINGS
    }
    if min(map(len, only.values())) <= _SHARE * sum(map(len, only.values())):
        return
    reasons, rows = [], []
    for name, units in only.items():
        own = weeks_53[weeks_53["unit"].isin(units) & ~has.all(axis=1)]
        rows.append(int(own["row"].iloc[0]))
        years = ", ".join(map(str, sorted(set(own["year"]))))
        reasons.append(
            f"{len(units)} units such as {units[0]} have a week 53 in {years}, as only "
            f"{NUMBERINGS[name].name.split(',')[0]} (row {rows[-1]})"
        )
    raise stop(
        "mixed-calendars",
        f"{' and '.join(reasons)}: two calendars in one table",
        f"{draft.file.named} row {max(rows)}",
        f"deliver all units in one numbering, each from its own days; {_AS_DECLARED}",
    )


def _name_skipping(draft: Draft, frame: pd.DataFrame) -> None:
    calendar = draft.file.calendar
    for y in sorted(set(frame.loc[frame["week"] == 53, "year"])):
        if not calendar.has(int(y), 53) or all(c.has(int(y), 53) for c in NUMBERINGS.values()):
            continue
        here = frame[frame["year"] == y].groupby("unit")["week"].agg(["nunique", "max"])
        after = (
            frame[(frame["year"] == y + 1) & (frame["week"] == 1)]
            .drop_duplicates("unit")
            .set_index("unit")["row"]
        )
        skipping = here.index[
            (here["max"] == 52) & (here["nunique"] >= _WHOLE) & here.index.isin(after.index)
        ]
        having = int((here["max"] == 53).sum())
        if len(skipping):
            shown = ", ".join(map(str, skipping[:_NAMED])) + (
                ", ..." if len(skipping) > _NAMED else ""
            )
            draft.note(
                Level.WARNING,
                "week-53-of-some",
                f"{len(skipping)} units have no week 53 of {y}, which {having} others have: "
                f"{shown}; if they number their weeks otherwise, their later weeks are read a "
                "week off",
                "ask how they number weeks; deliver all units in one numbering, or their week 53 "
                "as well",
                int(after[skipping[0]]),
                len(skipping),
                calendar.week_label(calendar.number(int(y), 53)),
            )
