"""Tables with one column a week: what the adapters of such tables share."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from pipelines.contracts import Level
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.figures import figures
from pipelines.data.adapters.times import require_numbering
from pipelines.data.raw import CELL_COLUMNS, Kind


def numbered_columns(
    draft: Draft, weeks: Mapping[str, tuple[int, int]], false_53: bool = False
) -> dict[str, int]:
    """Column -> ordinal; those of a week that the calendar has not are named and left out.

    Args:
        weeks: column -> year and week.
        false_53: the system writes a week 53 in any year, so that one tells nothing.

    Raises:
        Unreadable: the columns are of another numbering.
    """
    pairs, calendar = (
        np.array(list(weeks.values()), dtype=np.int64).reshape(-1, 2),
        draft.file.calendar,
    )
    if not false_53:
        require_numbering(draft, pairs[:, 0], pairs[:, 1])
    wrong = [name for name, (year, week) in weeks.items() if not calendar.has(year, week)]
    for name in wrong:
        filled = sum(
            t is not None and t not in ("0", "-") for t in draft.records.columns[name][draft.fine]
        )
        level = Level.ERROR if filled else Level.INFO
        draft.note(
            level,
            "no-such-week",
            f"column {name!r} names a week that {calendar.name} do not have; it was left out, "
            f"with counts of {filled} units",
            "correct the week at its origin; nothing to do if it holds no counts",
            rows=filled,
        )
    return {name: calendar.number(*pair) for name, pair in weeks.items() if name not in wrong}


def add_columns(
    draft: Draft,
    kind: Kind,
    when: Mapping[str, int],
    decimal: str = ".",
    clean: Mapping[str, str] | None = None,
) -> None:
    """Cells of several columns of one kind; `when` as in raw.CELL_COLUMNS."""
    at = np.flatnonzero(draft.fine)
    frames = []
    for column, number_of in when.items():
        value, number, _ = figures(draft.records.columns[column][at], decimal)
        frames.append(
            pd.DataFrame(
                {
                    "file": draft.file.named,
                    "row": draft.records.rows[at],
                    "column": column,
                    "unit_id": draft.unit_id[at],
                    "kind": kind,
                    "clean": (clean or {}).get(column, ""),
                    "when": number_of,
                    "value": value,
                    "number": number,
                    "unit_row": draft.unit_row[at],
                }
            )
        )
    if frames:
        draft.add_cells(pd.concat(frames, ignore_index=True)[list(CELL_COLUMNS)])
