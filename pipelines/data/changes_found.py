"""Issues of what changed since the drop before: missing units, revised counts, changed figures."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from pipelines.code_changes import CodeChanges
from pipelines.contracts import Issue, Level
from pipelines.data.cell_texts import plain
from pipelines.data.findings import to_quarantine
from pipelines.data.raw import (
    EVERY_UNIT,
    MAX_BAD_ROW_SHARE,
    RawDrop,
    issue,
)
from pipelines.data.suite import Finding
from pipelines.data.tables import Tables
from pipelines.weeks import Calendar


def too_many_bad(raws: Sequence[RawDrop], findings: Sequence[Finding]) -> list[Issue]:
    """Tables of which so many rows have something refused that the table itself is in doubt."""
    serious = [f for f in findings if f.rule.level is Level.ERROR]
    quarantine = to_quarantine(serious, [raw.refused for raw in raws])
    bad = quarantine[quarantine["row"] > 1].groupby("file")["row"].nunique().to_dict()
    out = []
    for raw in raws:
        for file, received in raw.n_received.items():
            ragged = sum(
                i.code == "ragged-row" and i.place.startswith(f"{file} ") for i in raw.issues
            )
            n = int(bad.get(file, 0)) + ragged
            if n > MAX_BAD_ROW_SHARE * received:
                out.append(
                    issue(
                        Level.CRITICAL,
                        "too-many-bad-rows",
                        f"{n} of {received} rows have something refused",
                        file,
                        "the table as a whole is in doubt: check the export; remove the rejected "
                        "drop and make it again",
                        rows=n,
                    )
                )
    return out


def missing_unit_issues(
    raws: Sequence[RawDrop],
    rows: pd.DataFrame,
    previous: Tables | None,
    changes: CodeChanges | None,
) -> list[Issue]:
    """Municipalities that earlier drops had and the newest has not, or not usably.

    A line list names only units with a case: of a drop checked alone nothing is missing.
    """
    rows = rows[rows["column"] != EVERY_UNIT]  # a series of the place says nothing of its units
    newest = rows["received_date"] == rows["received_date"].max()
    earlier = set(rows.loc[~newest, "unit_id"])
    if previous is not None and raws and not raws[-1].spans:
        known = map(str, previous.units["unit_id"])
        earlier |= {changes.today(code) for code in known} if changes else set(known)
    missing = sorted(earlier - set(rows.loc[newest, "unit_id"]))
    if not missing:
        return []
    shown = ", ".join(missing[:5]) + (", ..." if len(missing) > 5 else "")
    return [
        issue(
            Level.WARNING,
            "municipalities-gone",
            f"{len(missing)} municipalities of earlier drops have no usable row: {shown}",
            str(rows["file"].iloc[-1]),
            "deliver their rows again; until then their newest weeks are missing",
            rows=len(missing),
        )
    ]


def revised_issues(revised: pd.DataFrame, calendar: Calendar) -> list[Issue]:
    """One line for each drop that revised earlier counts; the list itself is revised.csv."""
    week_label, out = calendar.week_label, []
    for received, rows in revised.dropna(subset=["cases"]).groupby("received_date"):
        first = ", ".join(
            f"{r.unit_id} {week_label(int(str(r.week_no)))}: {r.cases_before:g} -> {r.cases:g}"
            for r in rows.head(5).itertuples()
        )
        weeks = (
            f"{week_label(int(rows['week_no'].min()))}..{week_label(int(rows['week_no'].max()))}"
        )
        out.append(
            issue(
                Level.INFO,
                "revised-counts",
                f"{len(rows)} counts of earlier weeks were revised: {first}",
                str(received),
                "nothing to do; revised.csv lists all",
                weeks,
                len(rows),
            )
        )
    return out


def changed_figures(
    cells: pd.DataFrame, figures: Sequence[str], raws: Sequence[RawDrop]
) -> list[Issue]:
    """Declared figures of units that drops tell differently: the newest value is read at all
    origins.
    """
    own = plain(cells[(cells["kind"] == "demographic") & cells["clean"].isin(figures)])
    values = own.dropna(subset=["number"]).groupby(["clean", "unit_id"])["number"].nunique()
    changed = values[values > 1].groupby(level="clean").size()
    return [
        issue(
            Level.INFO,
            "figure-changed",
            f"{name} of {n} units differs between drops; the newest value is read at every "
            "origin, also at those before it came",
            raws[-1].drop.name,
            "nothing to do if it was corrected; deliver what changes with time as a series "
            "(docs/formats.md)",
            rows=int(n),
        )
        for name, n in changed.items()
    ]
