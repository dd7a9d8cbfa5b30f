"""Cells that a file holds several times."""

from __future__ import annotations

import pandas as pd

from pipelines.arrays import Texts
from pipelines.contracts import Level
from pipelines.data.adapters.records import Records
from pipelines.data.adapters.remarks import Remarks
from pipelines.data.months import month_end
from pipelines.data.raw import KEY_COLUMNS

_KEY = list(KEY_COLUMNS)
_ONCE_A_YEAR = ("population", "demographic")  # a weekly table repeats them on every row


class Repeats(Remarks):
    """A file whose repeated cells are told apart."""

    def __init__(self, records: Records) -> None:
        super().__init__(records)
        self._unsure: list[pd.DataFrame] = []

    def once(self, frame: pd.DataFrame) -> pd.DataFrame:
        """Each cell once; of cells that contradict each other none."""
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
        details: Texts = (shown + ": " + detail).to_numpy(dtype=object)
        self.refuse_rows(
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


def _first_with_value(frame: pd.DataFrame) -> pd.DataFrame:
    """The first of the cells that say the same thing, one that is not empty if there is any."""
    kept = frame.sort_values("value", key=lambda v: v.isna(), kind="stable")
    return kept.drop_duplicates(_KEY).sort_index()


def _differs(cells: pd.DataFrame, group: pd.Series) -> pd.Series:
    """Which cells belong to a group that says different things; "5" and "5.0" say the same."""
    values = cells["number"].where(cells["number"].notna(), cells["value"])
    codes = pd.Series(pd.factorize(values)[0], index=cells.index).where(cells["value"].notna())
    different: pd.Series = codes.groupby(group).transform("nunique") > 1
    return different
