"""What an adapter has made of a file so far: units, cells, and records left out with their reason.

Belongs here: what is the same for every layout: codes, repeated unit-weeks, weeks that had not
ended, `until`. Does not belong here: columns and times of a layout.

Of a unit-week that is there twice with one count the first is kept, with different counts none:
nobody can tell which is right. What is left out is named with file, row, reason and what to do.
"""

from __future__ import annotations

import re
from datetime import timedelta

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.records import Records, absent
from pipelines.data.months import month_end
from pipelines.data.raw import (
    CELL_COLUMNS,
    EVERY_UNIT,
    KEY_COLUMNS,
    REFUSED_COLUMNS,
    UNIT_COLUMNS,
    Kind,
    Text,
    empty,
    issue,
)

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]
_KEY = list(KEY_COLUMNS)
_AS_NUMBER = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{2,3}")  # 1,001E+10
_ONCE_A_YEAR = ("population", "demographic")  # a weekly table repeats them on every row


class Draft:
    """A file on its way from records to cells. `fine` are the records that may still be used."""

    def __init__(self, records: Records) -> None:
        self.records, self.file = records, records.file
        self.fine: Mask = np.ones(len(records), dtype=bool)
        self.unit_id: Text = np.full(len(records), None, dtype=object)
        self.unit_row: Ints = np.zeros(len(records), dtype=np.int64)
        self._units = pd.DataFrame(columns=list(UNIT_COLUMNS))
        self._refused, self._cells = [records.refused], list[pd.DataFrame]()
        self._refused_records: Mask = np.zeros(len(records), dtype=bool)
        self._unsure: list[pd.DataFrame] = []
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
        self, where: Mask, column: str, values: Text | None, code: str, detail: str | Text, fix: str
    ) -> None:
        """Leave records out, each once: the first reason stands."""
        at = np.flatnonzero(where & self.fine)
        self.fine[at], self._refused_records[at] = False, True
        self._refuse_rows(
            self.records.rows[at],
            column,
            "" if values is None else values[at],
            code,
            detail if isinstance(detail, str) else detail[at],
            fix,
        )

    def refuse_cells(
        self, where: Mask, column: str, values: Text, code: str, detail: str, fix: str
    ) -> None:
        """Leave single values out; the rest of their records may still be used."""
        at = np.flatnonzero(where & self.fine)
        self._refuse_rows(self.records.rows[at], column, values[at], code, detail, fix)

    def _refuse_rows(
        self,
        rows: Ints,
        column: str | Text,
        values: str | Text,
        code: str,
        detail: str | Text,
        fix: str,
    ) -> None:
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

    def leave_notes(self, without_time: Mask) -> None:
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

    def units(
        self, columns: tuple[str, ...], names: Text | None = None, parents: Text | None = None
    ) -> None:
        """Give every record its unit: one column's text, or several joined with "/"."""
        label, text = " / ".join(columns), joined([self.records.columns[c] for c in columns])
        codes = self.file.codes
        at, distinct = pd.factorize(text)
        known: Text = np.array([*(codes.normalise(str(t)) for t in distinct), None], dtype=object)
        self.unit_id = known[at]
        none = absent(text)
        self.refuse(
            none,
            label,
            None,
            "no-unit",
            f"the record names no unit ({label} is empty)",
            "give its unit, or leave the row out; of merged cells of a spreadsheet only the first "
            "row holds the text: unmerge them and fill every row",
        )
        number = np.array(
            [bool(_AS_NUMBER.fullmatch(str(t))) for t in distinct] + [False], dtype=bool
        )[at]
        self.refuse(
            number,
            label,
            text,
            "code-as-number",
            "a code that a spreadsheet has made a number of: its last digits are lost",
            "format the column of codes as text in the spreadsheet, and bring it in again from "
            "its origin",
        )
        self.refuse(
            absent(self.unit_id),
            label,
            text,
            "not-a-code",
            f"not a {codes.name}: {codes.shape}",
            "correct the code, or `place.codes` of the profile",
        )
        self._take_units(label, text, names, parents)

    def one_unit(self, code: str, where: str) -> None:
        """Give every record the same unit, which the profile names."""
        text: Text = np.full(len(self.records), code, dtype=object)
        self.records.columns[where] = text
        self.units((where,))

    def every_unit(self) -> None:
        """Give every record to each unit of the place; which these are, only all files tell."""
        self.unit_id = np.full(len(self.records), EVERY_UNIT, dtype=object)

    def _take_units(self, label: str, text: Text, names: Text | None, parents: Text | None) -> None:
        fine = np.flatnonzero(self.fine)
        frame = pd.DataFrame({"unit_id": self.unit_id[fine], "at": fine})
        first = frame.drop_duplicates("unit_id")
        at, ids = first["at"].to_numpy(), first["unit_id"]
        rows = dict(zip(ids, self.records.rows[at], strict=True))
        self.unit_row = np.array([rows.get(u, 0) for u in self.unit_id], dtype=np.int64)
        self._units = pd.DataFrame(
            {
                "file": self.file.named,
                "row": self.records.rows[at],
                "column": label,
                "value": text[at],
                "unit_id": ids.to_numpy(),
                "name": self._first_texts(names, ids),
                "parent": self._first_texts(parents, ids),
                "fingerprint": ids.to_numpy(),
            }
        )

    def _first_texts(self, texts: Text | None, ids: pd.Series) -> list[str]:
        if texts is None:
            return [""] * len(ids)
        known = pd.DataFrame({"unit_id": self.unit_id, "text": texts})[self.fine].dropna()
        first = known.drop_duplicates("unit_id").set_index("unit_id")["text"]
        return [str(first.get(u, "")) for u in ids]

    def add(
        self,
        kind: Kind,
        column: str,
        when: Ints,
        value: Text,
        number: npt.NDArray[np.float64],
        clean: str = "",
    ) -> None:
        """Cells of the records that are still fine; weeks and months that cannot be known
        yet go."""
        at = np.flatnonzero(self.fine)
        frame = pd.DataFrame(
            {
                "file": self.file.named,
                "row": self.records.rows[at],
                "column": column,
                "unit_id": self.unit_id[at],
                "kind": kind,
                "clean": clean,
                "when": when[at],
                "value": value[at],
                "number": number[at],
                "unit_row": self.unit_row[at],
            }
        )
        self._add_unsure(kind, when, clean)
        self.add_cells(frame)

    def _add_unsure(self, kind: Kind, when: Ints, clean: str) -> None:
        """Remember cells of refused records whose unit is known: their drop did not leave
        them out."""
        at = np.flatnonzero(self._refused_records & ~absent(self.unit_id))
        if len(at):
            self._unsure.append(
                pd.DataFrame(
                    {"unit_id": self.unit_id[at], "kind": kind, "clean": clean, "when": when[at]}
                )
            )

    def add_cells(self, frame: pd.DataFrame) -> None:
        """Cells that a layout made itself, one frame of one kind, columns raw.CELL_COLUMNS."""
        once = self._once(frame)
        if len(once):  # nothing, where every cell contradicts another
            self._cells.append(self._known_by_then(once))

    def _once(self, frame: pd.DataFrame) -> pd.DataFrame:
        repeated = frame.duplicated(_KEY, keep=False)
        if not repeated.any():
            return frame
        if str(frame["kind"].iloc[0]) in _ONCE_A_YEAR:
            return self._first_of_year(frame, repeated)
        again = frame[repeated]
        group = again.groupby(_KEY, sort=False).ngroup()
        clashing = group[_differs(again, group)]
        clash = frame.index.isin(clashing.index)
        self._unsure.append(frame.loc[clash, _KEY])
        kept = frame[~clash].sort_values("value", key=lambda v: v.isna(), kind="stable")
        same = kept.duplicated(_KEY) & kept["value"].notna()
        self._name_repeats(
            frame[clash],
            "conflicting-counts",
            "the same unit and time is there again with another value; none is used",
            "deliver each unit and week once, with the right count",
        )
        self._name_repeats(
            kept[same],
            "repeated-count",
            "the same unit, time and value is there already; the first is kept",
            "deliver each unit and week once",
        )
        return kept.drop_duplicates(_KEY).sort_index()

    def _first_of_year(self, frame: pd.DataFrame, repeated: pd.Series) -> pd.DataFrame:
        again = frame[repeated]
        if str(frame["kind"].iloc[0]) == "demographic":
            return self._first_figure(frame, again)
        if n := int(_differs(again, again.groupby(_KEY, sort=False).ngroup()).sum()):
            self.note(
                Level.INFO,
                "changes-within-year",
                f"{frame['clean'].iloc[0]} changes within its year; the first value of each year "
                "is used",
                "nothing to do if it was interpolated",
                rows=n,
            )
        return _first_with_value(frame)

    def _first_figure(self, frame: pd.DataFrame, again: pd.DataFrame) -> pd.DataFrame:
        clean = str(frame["clean"].iloc[0])
        changing = again[_differs(again, again.groupby(_KEY, sort=False).ngroup())]
        if n := changing["unit_id"].nunique():
            self.note(
                Level.WARNING,
                "figure-changes",
                f"{clean} changes within {n} units; a figure of a unit does not, and the first "
                "value in the file is used",
                f"if it changes with time, deliver it so: `series: [{clean}]` of a table of "
                "cases, or a file of its own with `table: climate`",
                int(changing["row"].iloc[0]),
                n,
            )
        return _first_with_value(frame)

    def _name_repeats(self, rows: pd.DataFrame, code: str, detail: str, fix: str) -> None:
        shown = (
            rows["unit_id"].astype(str)
            + " "
            + [self._label(k, int(w)) for k, w in zip(rows["kind"], rows["when"], strict=True)]
        )
        details: Text = (shown + ": " + detail).to_numpy(dtype=object)
        self._refuse_rows(
            rows["row"].to_numpy(),
            rows["column"].to_numpy(),
            rows["value"].to_numpy(),
            code,
            details,
            fix,
        )

    def _label(self, kind: str, when: int) -> str:
        weekly = kind in ("week", "weekly")
        return self.file.calendar.week_label(when) if weekly else str(month_end(when))[:7]

    def _known_by_then(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Without what had not ended when the file was received, or is later than `until`."""
        kind, file, when = str(frame["kind"].iloc[0]), self.file, frame["when"]
        if kind in ("temp", "rain", "weekly", "monthly"):
            latency = timedelta(days=file.config.latency_days)
            end = file.calendar.week_end if kind == "weekly" else month_end
            had = {w: end(int(w)) + latency <= file.received for w in when.unique()}
            return frame[when.map(had).to_numpy(dtype=bool)]
        if kind == "population" and file.until is not None:
            return frame[when <= file.calendar.epi_year(file.until)]
        if kind != "week":
            return frame
        if file.until is not None:
            frame = frame[when <= file.until]
        running = (frame["when"] > last_ended(self.file)) & frame["value"].notna()
        if running.any():
            weeks = frame.loc[running, "when"]
            label = file.calendar.week_label
            self.note(
                Level.ERROR,
                "week-not-ended",
                f"{weeks.nunique()} weeks end after the file was received on {file.received}; "
                "their counts were left out",
                "correct received_date in drop.yaml, or cut the drop with `--until`",
                int(frame.loc[running, "row"].iloc[0]),
                int(running.sum()),
                f"{label(weeks.min())}..{label(weeks.max())}",
            )
        return frame[frame["when"] <= last_ended(self.file)]

    def reading(
        self, delays: pd.DataFrame | None = None, span: tuple[int, int] | None = None
    ) -> Reading:
        """The Reading, rows in the order of the file."""
        cells = (
            pd.concat(self._cells, ignore_index=True)
            if self._cells
            else pd.DataFrame(columns=list(CELL_COLUMNS))
        )
        refused = pd.concat(
            [f for f in self._refused if len(f)] or [self._refused[0]], ignore_index=True
        )
        refused = refused.sort_values("row", kind="stable").reset_index(drop=True)
        if cells.empty and len(refused):
            self._nothing(refused)
        unsure = pd.concat(self._unsure or [empty(KEY_COLUMNS)], ignore_index=True)
        return Reading(
            self._units,
            cells[list(CELL_COLUMNS)],
            refused,
            tuple(self._issues),
            self.records.n_received,
            delays,
            span,
            unsure,
        )

    def _nothing(self, refused: pd.DataFrame) -> None:
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


def _first_with_value(frame: pd.DataFrame) -> pd.DataFrame:
    """The first of the cells that say the same thing, one that is not empty if there is any."""
    kept = frame.sort_values("value", key=lambda v: v.isna(), kind="stable")
    return kept.drop_duplicates(_KEY).sort_index()


def _differs(cells: pd.DataFrame, group: pd.Series) -> pd.Series:
    """Which cells belong to a group that says different things; "5" and "5.0" say the same."""
    said = cells["number"].where(cells["number"].notna(), cells["value"])
    codes = pd.Series(pd.factorize(said)[0], index=cells.index).where(cells["value"].notna())
    different: pd.Series = codes.groupby(group).transform("nunique") > 1
    return different


def last_ended(file: InputFile) -> int:
    """Ordinal of the newest week that had ended when the file was received."""
    return file.calendar.week_no_of_date(file.received + timedelta(days=1)) - 1


def joined(texts: list[Text]) -> Text:
    """(N,) texts of several columns joined with "/", None where one of them is missing."""
    if len(texts) == 1:
        return texts[0]
    frame = pd.DataFrame(dict(enumerate(texts)), dtype=object)
    whole = frame.notna().all(axis=1)
    out: Text = np.full(len(frame), None, dtype=object)
    text = frame.loc[whole, 0].astype(str)
    for column in range(1, len(texts)):
        text = text + "/" + frame.loc[whole, column].astype(str)
    out[whole.to_numpy()] = text.to_numpy(dtype=object)
    return out
