"""Adapters that break one promise each, for the tests of the conformance kit.

The honest one reads lines of unit, year, week, cases with pandas alone; each other one changes a
step.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from itertools import count

import numpy as np
import pandas as pd

from pipelines.contracts import Level
from pipelines.data.adapters import Reading
from pipelines.data.raw import CELL_COLUMNS, UNIT_COLUMNS, issue

_COLUMNS = ["unit", "year", "week", "cases"]
_READ = count()


class Honest:
    """Breaks none."""

    def read(self, file):
        text = file.path.read_bytes().decode("utf-8-sig", "replace") if file.path.is_file() else ""
        lines = text.split("\n")
        header = [name.strip() for name in lines[0].split(",")]
        records = [(n, line.split(",")) for n, line in enumerate(lines[1:], 2) if line.strip()]
        whole = [
            (n, dict(zip(header, map(str.strip, r), strict=True)))
            for n, r in records
            if len(r) == len(header)
        ]
        cells = pd.DataFrame(
            self.cells(file, [r for r in whole if set(_COLUMNS) <= set(header)]),
            columns=list(CELL_COLUMNS),
        )
        cells = self.once(cells[cells["when"] <= self.last(file)])
        units = cells.drop_duplicates("unit_id").assign(column="unit", name="", parent="")
        units = units.assign(row=units["row"], value=units["unit_id"], fingerprint=units["unit_id"])
        return Reading(
            units[list(UNIT_COLUMNS)],
            cells,
            issues=self.issues_of(file, cells, len(records)),
            n_received=len(records),
        )

    def cells(self, file, records):
        rows = {}
        for n, record in records:
            unit = self.unit(file, record["unit"])
            number = self.number(record["cases"])
            if (
                unit is None
                or not (record["year"].isdigit() and record["week"].isdigit())
                or len(record["year"]) != 4
            ):
                continue
            if not file.calendar.has(int(record["year"]), int(record["week"])):
                continue
            week = file.calendar.number(int(record["year"]), int(record["week"]))
            rows.setdefault(unit, n)
            yield (
                file.named,
                n,
                "cases",
                unit,
                "week",
                "",
                week,
                record["cases"] or None,
                number,
                rows[unit],
            )

    def unit(self, file, text):
        return file.codes.normalise(text)

    def number(self, text):
        return float(text) if text.isascii() and text.isdigit() and len(text) < 9 else np.nan

    def last(self, file):
        ended = file.calendar.week_no_of_date(file.received + timedelta(days=1)) - 1
        return ended if file.until is None else min(ended, file.until)

    def once(self, cells):
        return cells.drop_duplicates(["unit_id", "when"]).reset_index(drop=True)

    def issues_of(self, file, cells, n):
        level = Level.WARNING if len(cells) else Level.CRITICAL
        return (
            ()
            if 0 < len(cells) == n
            else (
                issue(
                    level,
                    "not-all-read",
                    f"{n - len(cells)} lines were not read",
                    file.named,
                    "look at them",
                ),
            )
        )


class Raising(Honest):
    def read(self, file):
        if file.path.is_file() and not file.path.read_bytes():
            raise ValueError("no content")
        return super().read(file)


class Silent(Honest):
    def issues_of(self, file, cells, n):
        return ()


class Deaf(Honest):
    """Does not listen to `until`."""

    def last(self, file):
        return super().last(replace(file, until=None))


class Cutting(Honest):
    """Cuts a week too many."""

    def last(self, file):
        return super().last(file) - (file.until is not None)


class Eager(Honest):
    """Reads weeks that had not ended when the file was received."""

    def last(self, file):
        return 10**6 if file.until is None else file.until


class Misplacing(Honest):
    """Counts rows from the first record."""

    def cells(self, file, records):
        return super().cells(file, [(n - 1, record) for n, record in records])


class Leaking(Honest):
    """Shows a whole record."""

    def issues_of(self, file, cells, n):
        shown = file.path.read_bytes().decode(errors="replace") if file.path.is_file() else ""
        return (
            issue(
                Level.CRITICAL if cells.empty else Level.INFO,
                "seen",
                f"the file: {shown}",
                file.named,
                "look at it",
            ),
        )


class Zeroing(Honest):
    """What is missing is zero."""

    def number(self, text):
        return 0.0 if not text else super().number(text)


class Doubling(Honest):
    """Keeps every repetition."""

    def once(self, cells):
        return pd.concat([cells, cells], ignore_index=True)


class Wilful(Honest):
    """Takes every text for a code, where it is asked with another code system."""

    def unit(self, file, text):
        return text


class Homemade(Honest):
    """Writes codes its own way."""

    def unit(self, file, text):
        made = super().unit(file, text)
        return None if made is None else f" {made}"


class Changing(Honest):
    def number(self, text):
        found = super().number(text)
        return found + next(_READ) if found == 4 else found


class Widening(Honest):
    def once(self, cells):
        return super().once(cells).assign(age=77)


class Orphaning(Honest):
    def once(self, cells):
        made = super().once(cells)
        return made.assign(unit_row=made["unit_row"] + 100)


class Writing(Honest):
    def read(self, file):
        made = super().read(file)
        file.path.write_bytes(b"read")
        return made


HONEST, RAISING, SILENT, DEAF = Honest(), Raising(), Silent(), Deaf()
CUTTING, EAGER, MISPLACING, LEAKING = Cutting(), Eager(), Misplacing(), Leaking()
ZEROING, DOUBLING, WILFUL, HOMEMADE = Zeroing(), Doubling(), Wilful(), Homemade()
CHANGING, WIDENING, ORPHANING, WRITING = Changing(), Widening(), Orphaning(), Writing()
