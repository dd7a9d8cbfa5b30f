"""Counts under old codes, brought under the codes of today (`place.codes.changes`).

A renamed unit's cells go on under the new code. A merged unit's weekly counts and populations are
the sum of its parts where all of them are known, in this drop or (of an increment) in one before;
climate and covariates of parts are those of no unit of today and left out. A record of the new code
is the whole. Old and new code in one drop with one time are a duplicate, as anywhere: refused,
unless the values are equal, or one is 0: tables give zeros to codes out of use. In a line list both
are persons, and are counted together.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.arrays import Bools
from pipelines.code_changes import CodeChanges, Step
from pipelines.contracts import Issue, Level
from pipelines.data.raw import CELL_COLUMNS, KEY_COLUMNS, REFUSED_COLUMNS, RawDrop, issue
from pipelines.weeks import Calendar

_KEY = [name for name in KEY_COLUMNS if name != "unit_id"]
_SUMMED = ("week", "population")
_PLAIN = r"[0-9]+(?:\.0)?"
_CLASH = (
    "conflicting-counts",
    "its old and its new code (or one part twice) are there for this time with other values; none "
    "is used",
    "deliver each unit and time once; of a unit that took others in and kept its code, declare it "
    "with `since`",
)
_AGAIN = (
    "repeated-count",
    "the new code is there with the same value; the old one's is left out",
    "deliver each unit and time once",
)
_ODD = (
    "text-in-number",
    "a part of a merged unit must be a plain whole number to be summed",
    "write a plain whole number",
)


def recoded(
    raws: Sequence[RawDrop], changes: CodeChanges | None, calendar: Calendar, full: bool
) -> tuple[list[RawDrop], list[Issue]]:
    """Drops, oldest first, under the codes of today; and what could not be summed.

    Args:
        full: each drop is the whole, so that parts of earlier drops do not complete a sum.
    """
    if not changes:
        return list(raws), []
    folds = [_Fold(step, calendar, full) for step in changes.steps()]
    out, issues = [], []
    for raw in raws:
        if raw.usable:
            raw = _as_text(raw)
            for fold in folds:
                raw, found = fold.apply(raw)
                issues += found
            raw = _with_notes(_without_totals(_with_delays(raw, changes), changes), changes)
        out.append(raw)
    return out, issues


def recoded_scenes(scenes: pd.DataFrame, changes: CodeChanges | None) -> pd.DataFrame:
    """Scenes under the codes of today; one of a part of a merged unit shows no unit of today."""
    if not changes or scenes.empty:
        return scenes
    return scenes.assign(
        unit_id=[u if pd.isna(u) else changes.same_unit(str(u)) for u in scenes["unit_id"]]
    )


def _as_text(raw: RawDrop) -> RawDrop:
    plain = {name: object for name in ("file", "column", "unit_id", "kind", "clean")}
    return replace(raw, cells=raw.cells.astype(plain))


def _with_delays(raw: RawDrop, changes: CodeChanges) -> RawDrop:
    def today(units: pd.Series) -> pd.Series:
        return units.map({u: changes.today(str(u)) for u in units.dropna().unique()})

    unsure = raw.unsure.assign(unit_id=today(raw.unsure["unit_id"]))
    if raw.delays is None:
        return replace(raw, unsure=unsure)
    moved = raw.delays.assign(unit_id=today(raw.delays["unit_id"]))
    summed = moved.groupby(["unit_id", "week_no", "delay_weeks"])["cases"].sum().reset_index()
    return replace(raw, unsure=unsure, delays=summed)


def _without_totals(raw: RawDrop, changes: CodeChanges) -> RawDrop:
    """Totals of years check nothing where a unit's counts are summed or moved."""
    touched = {unit for step in changes.steps() for unit in (step.unit, *step.parts)}
    return replace(raw, yearly=raw.yearly[~raw.yearly["unit_id"].isin(touched)])


def _with_notes(raw: RawDrop, changes: CodeChanges) -> RawDrop:
    """Notes under the codes of today: what was written of a part holds for a part of the unit."""
    if raw.notes.empty:
        return raw
    units = {u: changes.today(str(u)) for u in raw.notes["unit_id"].unique()}
    return replace(raw, notes=raw.notes.assign(unit_id=raw.notes["unit_id"].map(units)))


class _Fold:
    """One step of changes over all drops; of a merge it remembers what each part said last."""

    def __init__(self, step: Step, calendar: Calendar, full: bool) -> None:
        self._step, self._calendar, self._full = step, calendar, full
        self._known = pd.DataFrame(columns=["part", *_KEY, "number"])

    def apply(self, raw: RawDrop) -> tuple[RawDrop, list[Issue]]:
        """The drop with the parts' cells under the unit's code."""
        step = self._step
        if not raw.units["unit_id"].isin(step.parts).any():
            return raw, []
        mine = raw.cells["unit_id"].isin({step.unit, *step.parts})
        cells = raw.cells[mine]
        cells = cells.assign(part=np.where(self._whole(cells), "", cells["unit_id"].to_numpy()))
        lists = cells["file"].isin(list(raw.spans))
        counted, tables = _people(cells[lists]), _in_use(cells[~lists])
        kept, refused, issues = self._merged(tables) if step.merges else _renamed(tables)
        units, row_of = self._units(raw.units)
        new = _joined([counted, kept])
        rows = [
            row_of.get(f, r) if p != "" else r
            for f, r, p in zip(new["file"], new["unit_row"], new["part"], strict=True)
        ]
        new = new.assign(unit_id=step.unit, unit_row=np.array(rows, dtype=np.int64))
        moved = replace(
            raw, units=units, cells=_joined([raw.cells[~mine], new[list(CELL_COLUMNS)]])
        )
        return self._with_refused(moved, refused), issues

    def _with_refused(self, raw: RawDrop, cells: pd.DataFrame) -> RawDrop:
        """The drop with cells that are refused, which say nothing about the unit."""
        if cells.empty:
            return raw
        unsure = cells.assign(unit_id=self._step.unit)[list(KEY_COLUMNS)]
        refused = _joined([raw.refused, cells[list(REFUSED_COLUMNS)]])
        return replace(raw, refused=refused, unsure=_joined([raw.unsure, unsure]))

    def _whole(self, cells: pd.DataFrame) -> Bools:
        """(N,) which cells say the unit's own, whole value."""
        own = (cells["unit_id"] == self._step.unit).to_numpy(dtype=bool)
        if self._step.since is None:
            return own
        first = self._calendar.week_no(self._step.since)
        kind, when = cells["kind"], cells["when"].astype("int64")
        year, of_persons = self._calendar.epi_year(first), kind == "population"
        others = set(
            when[of_persons & ~own & cells["value"].notna()]
        )  # years told of parts as well
        part_of_year = of_persons & ((when < year) | (when == year) & when.isin(others))
        early = (kind == "week") & (when < first) | part_of_year
        return np.asarray(own & ~early.to_numpy(dtype=bool))

    def _units(self, units: pd.DataFrame) -> tuple[pd.DataFrame, dict[str, int]]:
        """One of the codes a file, the unit's own if it is there; and its row by file."""
        mine = units["unit_id"].isin({self._step.unit, *self._step.parts})
        rank = units["unit_id"].map(
            {u: n for n, u in enumerate([self._step.unit, *self._step.parts])}
        )
        best = rank[mine].groupby(units.loc[mine, "file"]).transform("min")
        kept = units[~mine | (rank == best.reindex(units.index))].copy()
        changed = kept["unit_id"].isin(self._step.parts) & (kept["unit_id"] != self._step.unit)
        if self._step.merges:
            kept.loc[changed, "name"] = ""  # a part's name is not the whole's
        kept.loc[changed, "unit_id"] = self._step.unit
        mine = kept["unit_id"] == self._step.unit
        names = [name for name in kept.loc[mine, "name"] if name]
        kept.loc[mine & (kept["name"] == ""), "name"] = names[0] if names else ""
        own = kept[mine].drop_duplicates("file")
        return kept.reset_index(drop=True), dict(zip(own["file"], own["row"], strict=True))

    def _merged(self, cells: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[Issue]]:
        """Whole values and sums of parts; what is refused; and what lacks a part."""
        summable = cells["kind"].isin(_SUMMED)
        whole, parts = cells[cells["part"] == ""], cells[(cells["part"] != "") & summable]
        parts = parts[parts["value"].notna()]
        odd = ~parts["value"].astype(str).str.fullmatch(_PLAIN).to_numpy(dtype=bool)
        repeated = parts.drop_duplicates(["part", *_KEY, "number"]).duplicated(
            ["part", *_KEY], keep=False
        )
        clash = _in(parts, parts.loc[repeated[repeated].index]) | _in(
            parts, whole[whole["value"].notna()]
        )
        refused = [_refused(parts[odd & ~clash], _ODD), _refused(parts[clash], _CLASH)]
        refused.append(_refused(whole[_in(whole, parts[clash]) & whole["value"].notna()], _CLASH))
        fine = parts[~odd & ~clash].drop_duplicates(["part", *_KEY])
        sums, lacking = self._sums(fine)
        kept = _joined([whole[~_in(whole, parts)], sums])
        return kept, _joined(refused), self._lacking(lacking)

    def _sums(self, fine: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Cells that sum all parts, and one part's cell for each sum that lacks another's."""
        before = self._known.iloc[:0] if self._full else self._known
        known = pd.concat([fine, before]) if len(before) else fine
        known = known.drop_duplicates(["part", *_KEY])
        self._known = known[["part", *_KEY, "number"]]
        first = fine.drop_duplicates(_KEY)
        total = known.groupby(_KEY, as_index=False)["number"].agg(["size", "sum"])
        both = first.merge(total, on=_KEY, how="left")
        both = both.assign(number=both["sum"], value=[str(int(n)) for n in both["sum"]])
        complete = both["size"] == len(self._step.parts)
        return both[complete], both[~complete]

    def _lacking(self, cells: pd.DataFrame) -> list[Issue]:
        if cells.empty:
            return []
        step, weeks = self._step, cells.loc[cells["kind"] == "week", "when"]
        label = self._calendar.week_label
        period = f"{label(int(weeks.min()))}..{label(int(weeks.max()))}" if len(weeks) else ""
        return [
            issue(
                Level.INFO,
                "merged-in-part",
                f"{len(cells)} values of {step.unit} are not known: {', '.join(step.parts)} "
                "became one, and not all of them are there",
                str(cells["file"].iloc[0]),
                "deliver the other parts' values; write 0 where a part had no case",
                period,
                len(cells),
            )
        ]


def _renamed(cells: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, list[Issue]]:
    """Cells of the old and of the new code as those of one unit; and what is there twice."""
    old = (cells["part"] != "").to_numpy(dtype=bool)
    has_value = cells["value"].notna().to_numpy(dtype=bool)
    twice = _in(cells, cells[old & has_value]) & _in(cells, cells[~old & has_value]) & has_value
    same = twice & ~(cells.groupby(_KEY, sort=False)["number"].transform("nunique") > 1)
    empty = ~has_value & _in(cells, cells[has_value])
    refused = [_refused(cells[twice & ~same], _CLASH), _refused(cells[same & old], _AGAIN)]
    dropped = (twice & ~same) | (same & old) | empty
    kept = cells[~dropped]
    lone = kept[kept["value"].notna() | ~kept.duplicated(_KEY)]
    return lone, _joined(refused), []


def _in_use(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells without the zeros that a table gives a code before or after its time."""
    whole, summed = cells["part"] == "", cells["kind"].isin(_SUMMED)
    zero, has_value = summed & (cells["number"] == 0), cells["value"].notna()
    early = zero & whole & _in(cells, cells[~whole & has_value & ~zero])
    late = zero & ~whole & _in(cells, cells[whole & has_value & ~early])
    return cells[~early & ~late]


def _people(cells: pd.DataFrame) -> pd.DataFrame:
    """Cells of line lists, counted together: an absent unit-week is 0 there, so no part is
    lacking."""
    total = cells.groupby(["file", *_KEY], sort=False)["number"].transform("sum")
    summed = cells.assign(number=total, value=[str(int(n)) for n in total])
    by_code = summed.sort_values("part", kind="stable")  # the unit's own row first
    return by_code.drop_duplicates(["file", *_KEY]).sort_index()


def _in(cells: pd.DataFrame, others: pd.DataFrame) -> Bools:
    """(N,) which cells are about the fact and time of one of the others."""
    if cells.empty or others.empty:
        return np.zeros(len(cells), dtype=bool)
    there = pd.MultiIndex.from_frame(others[_KEY].astype(object))
    found: Bools = pd.MultiIndex.from_frame(cells[_KEY].astype(object)).isin(there)
    return found


def _refused(cells: pd.DataFrame, why: tuple[str, str, str]) -> pd.DataFrame:
    """The cells with a reason: REFUSED_COLUMNS among their columns."""
    code, detail, fix = why
    return cells.assign(code=code, detail=cells["unit_id"].astype(str) + ": " + detail, fix=fix)


def _joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    filled = [frame for frame in frames if len(frame)]
    return pd.concat(filled, ignore_index=True) if filled else frames[0].reset_index(drop=True)
