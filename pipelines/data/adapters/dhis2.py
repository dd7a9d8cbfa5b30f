"""The adapter `dhis2`: an answer of DHIS2 analytics (JSON or CSV), or the CSV that tools pull from
it.

Of analytics, `columns: {cases: <dx uid>, population: <dx uid>}` says which data element is which;
with one data element nothing need be said. Of the pulled CSV (time_period, location, disease_cases)
`columns` are columns. Weeks are of DHIS2's types: 2024W5, and 2024WedW5, ThuW, SatW, SunW; the
declared calendar must begin on the same day.
"""

from __future__ import annotations

import json
import re
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Int64s, Texts
from pipelines.data.adapters import InputFile, Reading
from pipelines.data.adapters.built_in import guarded
from pipelines.data.adapters.content import clean_json_error, kind_of, stop, text_of
from pipelines.data.adapters.counts import add_population, years_of_weeks
from pipelines.data.adapters.draft import Draft
from pipelines.data.adapters.figures import figures
from pipelines.data.adapters.names import choose, require
from pipelines.data.adapters.records import Records, clean_texts, distinct_of, equals, open_table
from pipelines.data.adapters.rules import refuse_rules
from pipelines.data.adapters.times import numbered
from pipelines.data.raw import REFUSED_COLUMNS, empty

_PULLED = {
    "unit": "location",
    "week": "time_period",
    "cases": "disease_cases",
    "population": "population",
}
_TITLES = {"Data": "dx", "Period": "pe", "Organisation unit": "ou", "Value": "value"}
_PERIOD = re.compile(r"([0-9]{4})(Wed|Thu|Sat|Sun)?W([0-9]{1,2})")
_STARTS = {"": "monday", "Wed": "wednesday", "Thu": "thursday", "Sat": "saturday", "Sun": "sunday"}


@guarded
def read(file: InputFile) -> Reading:
    """Tidy cells of a DHIS2 file."""
    refuse_rules(file)
    if kind_of(file.path, file.named) == "json":
        return _analytics(*_of_json(file))
    table = open_table(file)
    named = {_TITLES.get(name, name): name for name in table.header}
    if {"dx", "pe", "ou", "value"} <= named.keys():
        records = table.records([named[n] for n in ("dx", "pe", "ou", "value")])
        columns = {n: records.columns[named[n]] for n in ("dx", "pe", "ou", "value")}
        return _analytics(
            Records(
                file, columns, records.rows, records.refused, records.n_received, records.issues
            ),
            {},
        )
    names = choose(table, (), _PULLED)
    require(table, names, "unit", "week", "cases")
    draft = Draft(table.records([c for several in names.values() for c in several]))
    draft.units(names["unit"])
    week = _weeks(draft, names["week"][0], np.ones(len(draft.records), dtype=bool))
    value, number, _ = figures(draft.records.columns[names["cases"][0]], ".")
    draft.add("week", names["cases"][0], week, value, number)
    add_population(draft, dict(names), years_of_weeks(draft, week), ".")
    return draft.reading()


def _of_json(file: InputFile) -> tuple[Records, dict[str, str]]:
    """Records of an analytics answer, the first being row 2 as below a header, and names by uid."""
    text, issues = text_of(file)
    try:
        answer: Any = json.loads(text)
    except json.JSONDecodeError as err:
        raise stop(
            "unreadable-table",
            f"the file is cut or damaged JSON: {err}",
            file.named,
            "fetch it again",
        ) from err
    if not (
        isinstance(answer, dict)
        and isinstance(answer.get("headers"), list)
        and isinstance(answer.get("rows"), list)
    ):
        raise stop(
            "unreadable-table",
            f"the JSON is no answer of DHIS2 analytics{clean_json_error(answer)}",
            file.named,
            "fetch /api/analytics.json with dimensions dx, pe and ou",
        )
    header, rows = [str(h.get("name")) for h in answer["headers"]], answer["rows"]
    absent = [n for n in ("dx", "pe", "ou", "value") if n not in header]
    if absent or not rows:
        what = f"has no column {', '.join(absent)}" if absent else "has no row"
        raise stop(
            "missing-column",
            f"the answer {what}",
            file.named,
            "ask analytics for the dimensions dx, pe and ou, with data in these periods",
        )
    missing = frozenset(file.config.missing) | {""}
    columns = {
        n: clean_texts(
            [None if r[header.index(n)] is None else str(r[header.index(n)]) for r in rows], missing
        )
        for n in ("dx", "pe", "ou", "value")
    }
    items = answer.get("metaData", {}).get("items", {})
    names = {
        uid: str(item.get("name", "")) for uid, item in items.items() if isinstance(item, dict)
    }
    return Records(
        file, columns, np.arange(2, len(rows) + 2), empty(REFUSED_COLUMNS), len(rows), tuple(issues)
    ), names


def _analytics(records: Records, names: dict[str, str]) -> Reading:
    draft, wanted = Draft(records), _elements(records, names)
    dx, ou = records.columns["dx"], records.columns["ou"]
    draft.units(("ou",), np.array([names.get(str(u)) for u in ou], dtype=object))
    every = draft.fine.copy()
    draft.fine = every & equals(dx, wanted["cases"])
    week = _weeks(draft, "pe", equals(dx, wanted["cases"]))
    value, number, _ = figures(records.columns["value"], ".")
    draft.add("week", "value", week, value, number)
    if "population" in wanted:
        draft.fine = every & equals(dx, wanted["population"])
        year = np.array(
            [int(p) if p and re.fullmatch(r"[0-9]{4}", p) else 0 for p in records.columns["pe"]]
        )
        add_population(draft, {"population": ("value",)}, year, ".")
    return draft.reading()


def _elements(records: Records, names: dict[str, str]) -> dict[str, str]:
    """Our name -> uid of its data element. Raises Unreadable where it is not clear."""
    found = [str(u) for u in pd.unique(records.columns["dx"]) if u is not None]
    declared = {k: str(v) for k, v in records.file.config.columns.items()}
    absent = [uid for uid in declared.values() if uid not in found]
    if absent or ("cases" not in declared and len(found) != 1):
        listed = ", ".join(f"{u} ({names[u]})" if names.get(u) else u for u in found)
        what = (
            f"no row has the data element {absent[0]}"
            if absent
            else f"{len(found)} data elements are there"
        )
        raise stop(
            "unclear-columns",
            f"{what}: {listed}",
            records.file.named,
            "say which counts cases: `columns: {cases: <uid>}` of the input",
        )
    return declared if "cases" in declared else {"cases": found[0], **declared}


def _weeks(draft: Draft, column: str, asked: Bools) -> Int64s:
    """(N,) ordinals of DHIS2's weekly periods. Raises Unreadable for another weekly type than
    declared.
    """
    text: Texts = draft.records.columns[column]
    codes, distinct = distinct_of(text)
    parts = [_PERIOD.fullmatch(t) if t is not None else None for t in distinct]
    _require_type(draft, {p[2] or "" for p in parts if p}, text)
    pairs = np.array([(int(p[1]), int(p[3])) if p else (-1, -1) for p in parts], dtype=np.int64)[
        codes
    ]
    draft.refuse(
        asked & (pairs[:, 0] < 0),
        column,
        text,
        "not-a-week",
        "not a weekly period of DHIS2, such as 2024W5",
        "ask DHIS2 for weekly periods",
    )
    return numbered(draft, pairs[:, 0], pairs[:, 1], column, text)


def _require_type(draft: Draft, found: set[str], text: Texts) -> None:
    starts = draft.file.calendar.starts
    other = sorted(kind for kind in found if _STARTS[kind] != starts)
    if not other:
        return
    day = _STARTS[other[0]]
    week = {"sunday": "{numbering: cdc}", "monday": "{numbering: iso}"}.get(
        day, f"{{numbering: iso, starts: {day}}}"
    )
    kinds = " and ".join(f"weeks from {_STARTS[k].capitalize()}" for k in sorted(found))
    example = next(
        str(t)
        for t in text
        if t is not None and (m := _PERIOD.fullmatch(t)) and (m[2] or "") == other[0]
    )
    raise stop(
        "other-weeks",
        f"periods such as {example} are {kinds}; weeks of the declared calendar begin on "
        f"{starts.capitalize()}",
        draft.file.named,
        f"set place.week to {week}" if len(found) == 1 else "ask DHIS2 for one kind of weeks",
    )
