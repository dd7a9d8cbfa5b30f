"""Findings in words: issues for a person, and the quarantine list."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence
from typing import Any

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.months import month_label
from pipelines.data.suite import Finding, Rule
from pipelines.weeks import Calendar

QUARANTINE_COLUMNS = ("file", "row", "column", "value", "reason")
_ONE_BY_ONE = 10  # errors of one kind in one file; beyond it one issue sums them up
_NAMED = 3  # places that a summary names
# Which two refused records are equal, whatever row they stand in.
_SAME = ("column", "value", "unit_id", "kind", "clean", "when", "code", "detail")


def to_issues(findings: Iterable[Finding], calendar: Calendar) -> list[Issue]:
    """One issue a place for few errors, one a file for many and for warnings."""
    return [issue for finding in findings for issue in _issues(finding, calendar)]


def _issues(finding: Finding, calendar: Calendar) -> list[Issue]:
    rule, out = finding.rule, []
    each = rule.each or rule.level in (Level.ERROR, Level.CRITICAL)
    for rows in _groups(finding.rows):
        records = rows.to_dict("records")
        if len(records) == 1 or (each and len(records) <= _ONE_BY_ONE):
            out += [_one(rule, record, calendar) for record in records]
        else:
            out.append(_summary(rule, records, calendar))
    return out


def _groups(rows: pd.DataFrame) -> list[pd.DataFrame]:
    """Rows of one file, or of one problem in one folder of scenes."""
    file = "file_group" if "file_group" in rows.columns else "file"
    keys = [name for name in (file, "problem") if name in rows.columns]
    return [part for _, part in rows.groupby(keys, sort=False)] if keys else [rows]


def _one(rule: Rule, record: Mapping[Hashable, Any], calendar: Calendar) -> Issue:
    value = record.get("value")
    shown = f": {value!r}"[:80] if isinstance(value, str) and value else ""
    return Issue(
        level=rule.level,
        code=_own(record, "problem") or rule.code,
        message=(_own(record, "detail") or rule.message) + shown,
        place=place(record),
        period=period(record, calendar),
        fix=_own(record, "fix") or rule.fix,
        rows=int(record.get("n_rows", 1)),
    )


def _summary(rule: Rule, records: Sequence[Mapping[Hashable, Any]], calendar: Calendar) -> Issue:
    first, n = records[0], len(records)
    periods = sorted({p for r in records if (p := period(r, calendar))})
    named = "; ".join(place(r) or period(r, calendar) for r in records[:_NAMED])
    return Issue(
        level=rule.level,
        code=_own(first, "problem") or rule.code,
        message=f"{_own(first, 'detail') or rule.message}: {n} times, such as {named}",
        place=str(first.get("file_group") or first.get("file") or ""),
        period="..".join(dict.fromkeys((periods[0], periods[-1]))) if periods else "",
        fix=_own(first, "fix") or rule.fix,
        rows=n,
    )


def _own(record: Mapping[Hashable, Any], key: str) -> str:
    """The row's own word where its frame has one."""
    text = record.get(key)
    return text if isinstance(text, str) else ""


def place(record: Mapping[Hashable, Any]) -> str:
    """ "2018-12-04/metadata.csv row 14, column '2018/w48' (05001)", as far as known."""
    file, row, column = record.get("file") or "", record.get("row") or 0, record.get("column") or ""
    unit_id = record.get("unit_id")
    unit = unit_id if isinstance(unit_id, str) else ""
    text = str(file) + (f" row {row}" if row else "") + (f", column {column!r}" if column else "")
    return f"{text} ({unit})" if text and unit else text or unit


def period(record: Mapping[Hashable, Any], calendar: Calendar) -> str:
    """Week, month, year or day that a row is about, "" if it is about none."""
    if own := _own(record, "period"):
        return own
    kind, when = record.get("kind"), record.get("when")
    if kind in ("week", "weekly"):
        return calendar.week_label(int(str(when)))
    if kind in ("temp", "rain", "monthly"):
        return month_label(int(str(when)))
    return str(when) if kind == "population" else ""


def to_quarantine(
    findings: Iterable[Finding], refused: Iterable[pd.DataFrame] = ()
) -> pd.DataFrame:
    """What is left out of the clean tables, columns QUARANTINE_COLUMNS; a cell once, first reason.

    Args:
        refused: records that sources could not read, columns raw.REFUSED_COLUMNS.
    """
    frames = [_quarantined(f) for f in findings if f.rule.quarantine and len(f.rows)]
    frames += [_unreadable(rows) for rows in refused if len(rows)]
    if not frames:
        return pd.DataFrame(columns=list(QUARANTINE_COLUMNS)).astype({"row": "int64"})
    every = pd.concat(frames, ignore_index=True)
    once = every.drop_duplicates(["file", "row", "column"], keep="first")
    return once.sort_values(["file", "row", "column"], kind="stable").reset_index(drop=True)


def once(rows: pd.DataFrame, drops: Sequence[str]) -> pd.DataFrame:
    """What several drops repeat, once: the row of the newest drop stands for those before it.

    A cumulative file brings the same bad record again each week. Two equal records of one drop are
    two: as many are kept as the drop has that has most.

    Args:
        rows: of findings or raw.REFUSED_COLUMNS. Frames that name no record stay as they are, and
            so do
            scenes: of a file that cannot be read nobody knows whether it is the same again.
        drops: names of the drops, oldest first.
    """
    of_records = {"file", "row"} <= set(rows.columns) and "scene_date" not in rows.columns
    if not of_records or len(drops) < 2 or rows.empty:
        return rows
    parts = rows["file"].astype(str).str.split("/", n=1, expand=True).reindex(columns=[0, 1])
    keys = rows[[name for name in _SAME if name in rows.columns]].astype(object)
    keys = keys.where(keys.notna(), "")
    keys = keys.assign(input=parts[1].fillna(""))
    nth = keys.assign(drop=parts[0]).groupby([*keys.columns, "drop"]).cumcount()
    age = parts[0].map({name: n for n, name in enumerate(drops)}).fillna(-1)
    oldest_first = keys.assign(nth=nth).loc[age.sort_values(kind="stable").index]
    return rows.loc[oldest_first.drop_duplicates(keep="last").sort_index().index]


def refused_issues(refused: pd.DataFrame) -> list[Issue]:
    """One issue a record that a source could not read where there are few, one a kind where many.

    Args:
        refused: raw.REFUSED_COLUMNS.
    """
    out = []
    for (file, code), rows in refused.groupby(["file", "code"], sort=False):
        records = rows.to_dict("records")
        for r in records if len(records) <= _ONE_BY_ONE else ():
            out.append(
                Issue(
                    Level.ERROR,
                    str(code),
                    f"{r['detail']}: {str(r['value'])[:60]!r}",
                    _where(r),
                    "",
                    str(r["fix"]),
                    1,
                )
            )
        if len(records) > _ONE_BY_ONE:
            named = "; ".join(_where(r) for r in records[:_NAMED])
            out.append(
                Issue(
                    Level.ERROR,
                    str(code),
                    f"{records[0]['detail']}: {len(records)} times, such as {named}",
                    str(file),
                    "",
                    str(records[0]["fix"]),
                    len(records),
                )
            )
    return out


def _where(record: Mapping[Hashable, Any]) -> str:
    """The place of a record that could not be read: file, row and column."""
    return place({**record, "unit_id": ""})


def _unreadable(rows: pd.DataFrame) -> pd.DataFrame:
    frame = rows[["file", "row", "column", "value"]].astype({"row": "int64", "value": str})
    return frame.assign(reason=rows["code"].astype(str) + ": " + rows["detail"].astype(str))


def _quarantined(finding: Finding) -> pd.DataFrame:
    rows, rule = finding.rows, finding.rule
    records = rows.to_dict("records")
    reasons = [
        f"{_own(r, 'problem') or rule.code}: {_own(r, 'detail') or rule.message}" for r in records
    ]
    frame = rows.reindex(columns=["file", "row", "column", "value"])
    frame["row"] = frame["row"].fillna(0).astype("int64")
    return frame.fillna({"column": "", "value": ""}).astype({"value": str}).assign(reason=reasons)
