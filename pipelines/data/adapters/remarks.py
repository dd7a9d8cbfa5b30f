"""Issues found while a file is read, and records left out with their reason."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Texts
from pipelines.contracts import Level
from pipelines.data.adapters.records import Records
from pipelines.data.raw import REFUSED_COLUMNS, issue


class Remarks:
    """Issues and refused rows of one file. `fine` are the records that may still be used."""

    def __init__(self, records: Records) -> None:
        self.records, self.file = records, records.file
        self.fine: Bools = np.ones(len(records), dtype=bool)
        self.unit_id: Texts = np.full(len(records), None, dtype=object)
        self._refused = [records.refused]
        self._refused_records: Bools = np.zeros(len(records), dtype=bool)
        self._issues = list(records.issues)

    def note(
        self,
        level: Level,
        code: str,
        message: str,
        fix: str,
        row: int = 0,
        rows: int = 1,
        period: str = "",
    ) -> None:
        """Say something about the file."""
        place = self.file.named + (f" row {row}" if row else "")
        self._issues.append(issue(level, code, message, place, fix, period, rows))

    def refuse(
        self,
        where: Bools,
        column: str,
        values: Texts | None,
        code: str,
        detail: str | Texts,
        fix: str,
    ) -> None:
        """Leave records out, each once: the first reason stands."""
        at = np.flatnonzero(where & self.fine)
        self.fine[at], self._refused_records[at] = False, True
        self.refuse_rows(
            self.records.rows[at],
            column,
            "" if values is None else values[at],
            code,
            detail if isinstance(detail, str) else detail[at],
            fix,
        )

    def refuse_cells(
        self, where: Bools, column: str, values: Texts, code: str, detail: str, fix: str
    ) -> None:
        """Leave single values out; the rest of their records may still be used."""
        at = np.flatnonzero(where & self.fine)
        self.refuse_rows(self.records.rows[at], column, values[at], code, detail, fix)

    def refuse_rows(
        self,
        rows: Int64s,
        column: str | Texts,
        values: str | Texts,
        code: str,
        detail: str | Texts,
        fix: str,
    ) -> None:
        """Name rows that are left out, or whose value is."""
        if len(rows):
            frame = pd.DataFrame(
                {
                    "file": self.file.named,
                    "row": rows,
                    "column": column,
                    "value": values,
                    "code": code,
                    "detail": detail,
                    "fix": fix,
                }
            )
            units = dict(zip(self.records.rows.tolist(), self.unit_id, strict=True))
            frame["unit_id"] = [units.get(row) or "" for row in rows.tolist()]
            self._refused.append(frame.fillna({"value": ""})[list(REFUSED_COLUMNS)])

    def leave_notes(self, without_time: Bools) -> None:
        """Records at the table's end that have no time are notes or totals below it."""
        trailing = np.cumprod(without_time[::-1])[::-1].astype(bool)
        at = np.flatnonzero(trailing & self.fine)
        if not len(at) or trailing.all():
            return
        self.fine[at] = False
        texts = [str(t[at[0]]) for t in self.records.columns.values() if t[at[0]] is not None]
        self.note(
            Level.WARNING,
            "notes-below-table",
            f"{len(at)} rows at the end have no week and were left out as notes: "
            f"{' '.join(texts)[:60]!r}",
            "nothing to do if they are notes or totals; else give them a week",
            int(self.records.rows[at[0]]),
            len(at),
        )

    def nothing(self, refused: pd.DataFrame) -> None:
        """Say that no record can be used, and the commonest reason."""
        if len(refused):  # the commonest reason, with its own first row and what to do about it
            refused = refused[refused["code"] == refused["code"].value_counts().index[0]]
        why = refused["detail"].iloc[0] if len(refused) else "no record is left"
        row = int(refused["row"].iloc[0]) if len(refused) else 0
        fix = str(refused["fix"].iloc[0]) if len(refused) else "check the input's rules"
        value = str(refused["value"].iloc[0])[:60] if len(refused) else ""
        shown = f", such as {value!r}" if value else ""
        self.note(
            Level.CRITICAL,
            "nothing-read",
            f"no record of the file can be used: {why}{shown}",
            fix,
            row,
            len(refused),
        )
