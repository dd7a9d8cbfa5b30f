"""Units whose newest counts cannot be taken as they are: held, unconfirmed, not reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import numpy as np
import pandas as pd
import pyarrow as pa

from pipelines.data.availability import Matrices, known_lag_weeks
from pipelines.data.covariates import LAGS
from pipelines.data.plausible.doubts import NO_WEEK, SUPERSEDED, unconfirmed, waiting
from pipelines.data.tables import Tables, ordered

HELD, NOT_REPORTED, UNCONFIRMED = "held", "not reported", "unconfirmed"
STATE_SCHEMA = pa.schema(
    [
        ("unit_id", pa.string()),
        ("horizon_weeks", pa.int32()),
        ("state", pa.string()),  # HELD and NOT_REPORTED: no forecast; UNCONFIRMED: two
        ("week", pa.string()),  # of the count in question
        ("why", pa.string()),  # rules and causes, or that no count arrived
    ]
)


def with_unconfirmed(tables: Tables) -> Tables:
    """The tables as they are if every count that looks too high is true."""
    return _with_counts(tables, unconfirmed(tables.doubts))


def as_delivered(tables: Tables) -> Tables:
    """The tables as if every count that is held and waits for an answer were true."""
    waits = waiting(tables.doubts)
    counts = waits[(waits["kind"] == "week") & waits["number"].notna()]
    return _with_counts(tables, counts)


def _with_counts(tables: Tables, doubts: pd.DataFrame) -> Tables:
    if doubts.empty:
        return tables
    counts = doubts.rename(columns={"when": "week_no", "number": "cases"})
    both = pd.concat([tables.cases, counts[list(tables.cases.columns)]], ignore_index=True)
    newest = both.drop_duplicates(["unit_id", "week_no", "received_date"], keep="last")
    return replace(tables, cases=ordered("cases", newest.astype({"week_no": "int32"})))


def unit_states(
    tables: Tables, matrices: Matrices, origin: int, horizons: Sequence[int]
) -> pd.DataFrame:
    """Units that are not forecast as the others are: columns STATE_SCHEMA, by unit and horizon.

    A unit is left out where the newest week that the origin may know is unknown: older weeks never
    are taken in its place. A count that looks too high leaves none out.
    """
    doubts = tables.doubts
    doubts = doubts[doubts["held"].astype(bool) & (doubts["answer"] != SUPERSEDED)]
    rises = unconfirmed(tables.doubts)
    rises = rises[(rises["when"] > origin - LAGS) & (rises["when"] <= origin)]
    label, rising = matrices.calendar.week_label, set(rises["unit_id"])
    rows = []
    for horizon in horizons:
        week = origin - known_lag_weeks(horizon, matrices.delay_weeks)
        known = np.isfinite(matrices.cases_at(np.array([week]))[:, 0])
        for unit, has_count in zip(matrices.unit_ids, known, strict=True):
            if unit in rising:
                own = rises[rises["unit_id"] == unit]
                named = label(int(own["when"].max()))
                rows.append((unit, horizon, UNCONFIRMED, named, _causes(own)))
            elif not has_count:
                here = doubts[(doubts["unit_id"] == unit) & doubts["when"].isin([week, NO_WEEK])]
                here = here[here["kind"] == "week"]
                state = HELD if len(here) else NOT_REPORTED
                why = _causes(here) or f"no count of {label(week)} arrived"
                rows.append((unit, horizon, state, label(week), why))
    return pd.DataFrame(rows, columns=STATE_SCHEMA.names)


def units_in(states: pd.DataFrame, kinds: Iterable[str]) -> tuple[str, ...]:
    """Units that have one of these states at any horizon."""
    return tuple(sorted(set(states.loc[states["state"].isin(list(kinds)), "unit_id"])))


def _causes(doubts: pd.DataFrame) -> str:
    """ "fell-to-zero (cause 1a2b3c4d)", several with commas between; what a person said of
    it, too."""
    found = doubts[["rule", "cause_id", "answer"]].drop_duplicates()
    return ", ".join(
        f"{rule} (cause {cause}{', ' if answer else ''}{answer})"
        for rule, cause, answer in found.itertuples(index=False)
    )
