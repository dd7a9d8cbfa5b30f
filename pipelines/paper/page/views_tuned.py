"""The tuned table for the page: what was chosen on validation, what it gave on test rows, and how
large a difference these rows could have shown."""

from __future__ import annotations

from collections.abc import Sequence

from pipelines.paper.page.numbers import NONE, number, signed, span
from pipelines.paper.page.views import Record, Rows, Shown, Side
from pipelines.paper.page.views_tables import fusion_title
from pipelines.paper.tuned.search import ORDER

# Way -> its title; the others are called as they are.
_TITLES = {"lambda": "with lambda", "noise": "with noise", "reg": "with L_reg"}
_SHORT = dict(zip(ORDER, ("rate", "lambda", "sigma", "weight"), strict=True))


def tuned(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    """A table for each approach and protocol that was tuned; none where the study does not ask."""
    found: Rows = []
    for shown in approaches:
        for side in sides:
            results = side.results or {}
            rows = [r for r in results.get("tuned", ()) if r["approach"] == shown.id]
            if rows:
                found.append(
                    {
                        "title": f"{shown.title}, {side.title}",
                        "tag": shown.tag,
                        "rests_on": _rests_on(rows[0]),
                        "rows": [_row(row) for row in rows],
                    }
                )
    return found


def _rests_on(row: Record) -> str:
    turns = f"{row['turns']} turn{'s' if row['turns'] > 1 else ''}"
    return (
        f"{row['rows']:,} test rows of {row['groups']:,} groups in {turns}, {row['seeds']} seeds."
    )


def _row(row: Record) -> dict[str, object]:
    found = row["difference"]
    smallest = found["smallest_shown"] if found else None
    return {
        "title": f"{fusion_title(row['fusion'])}: {_TITLES.get(row['way'], row['way'])}",
        "chosen": _chosen(row),
        "selection": number(row["selection_f1"]),
        "f1": number(row["f1"]),
        "interval": span(row["f1_interval"]),
        "difference": signed(found["value"]) if found else NONE,
        "span": f"{signed(found['lower'])} to {signed(found['upper'])}" if found else "",
        "smallest": number(smallest),
        "reasons": row["reasons"],
    }


def _chosen(row: Record) -> str:
    """The values of each part by turn; parts that stayed plain in every turn are left out."""
    told = [
        f"{_SHORT[part]} {', '.join(f'{value:g}' for value in row[part])}"
        for part in ORDER
        if part == "learning_rate" or any(row[part])
    ]
    return "; ".join(told).replace("-", "−")
