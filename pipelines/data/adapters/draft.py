"""What an adapter has made of a file so far: units, cells, and records left out with their reason.

Of a unit-week that is there twice with one count the first is kept, with different counts none:
nobody can tell which is right. What is left out is named with file, row, reason and what to do.
"""

from __future__ import annotations

import re
from datetime import timedelta

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Int64s, Texts
from pipelines.contracts import Level
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.records import Records, absent
from pipelines.data.adapters.repeats import Repeats
from pipelines.data.months import month_end
from pipelines.data.raw import CELL_COLUMNS, EVERY_UNIT, KEY_COLUMNS, UNIT_COLUMNS, Kind, empty

_KEY = list(KEY_COLUMNS)
_AS_NUMBER = re.compile(r"[0-9](?:[.,][0-9]+)?[Ee]\+[0-9]{2,3}")  # 1,001E+10


class Draft(Repeats):
    """A file on its way from records to cells. `fine` are the records that may still be used."""

    def __init__(self, records: Records) -> None:
        super().__init__(records)
        self.unit_row: Int64s = np.zeros(len(records), dtype=np.int64)
        self._units = pd.DataFrame(columns=list(UNIT_COLUMNS))
        self._cells: list[pd.DataFrame] = []

    def units(
        self, columns: tuple[str, ...], names: Texts | None = None, parents: Texts | None = None
    ) -> None:
        """Give every record its unit: one column's text, or several joined with "/"."""
        label, text = " / ".join(columns), joined([self.records.columns[c] for c in columns])
        codes = self.file.codes
        at, distinct = pd.factorize(text)
        known: Texts = np.array([*(codes.normalise(str(t)) for t in distinct), None], dtype=object)
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
        text: Texts = np.full(len(self.records), code, dtype=object)
        self.records.columns[where] = text
        self.units((where,))

    def every_unit(self) -> None:
        """Give every record to each unit of the place; which these are, only all files tell."""
        self.unit_id = np.full(len(self.records), EVERY_UNIT, dtype=object)

    def _take_units(
        self, label: str, text: Texts, names: Texts | None, parents: Texts | None
    ) -> None:
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

    def _first_texts(self, texts: Texts | None, ids: pd.Series) -> list[str]:
        if texts is None:
            return [""] * len(ids)
        known = pd.DataFrame({"unit_id": self.unit_id, "text": texts})[self.fine].dropna()
        first = known.drop_duplicates("unit_id").set_index("unit_id")["text"]
        return [str(first.get(u, "")) for u in ids]

    def add(
        self,
        kind: Kind,
        column: str,
        when: Int64s,
        value: Texts,
        number: Float64s,
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

    def _add_unsure(self, kind: Kind, when: Int64s, clean: str) -> None:
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
        once = self.once(frame)
        if len(once):  # nothing, where every cell contradicts another
            self._cells.append(self._known_by_then(once))

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
            self.nothing(refused)
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


def last_ended(file: InputFile) -> int:
    """Ordinal of the newest week that had ended when the file was received."""
    return file.calendar.week_no_of_date(file.received + timedelta(days=1)) - 1


def joined(texts: list[Texts]) -> Texts:
    """(N,) texts of several columns joined with "/", None where one of them is missing."""
    if len(texts) == 1:
        return texts[0]
    frame = pd.DataFrame(dict(enumerate(texts)), dtype=object)
    whole = frame.notna().all(axis=1)
    out: Texts = np.full(len(frame), None, dtype=object)
    text = frame.loc[whole, 0].astype(str)
    for column in range(1, len(texts)):
        text = text + "/" + frame.loc[whole, column].astype(str)
    out[whole.to_numpy()] = text.to_numpy(dtype=object)
    return out
