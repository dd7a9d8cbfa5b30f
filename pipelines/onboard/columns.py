"""Which column is which: as said, else by common names, else asked."""

from __future__ import annotations

import difflib
from collections.abc import Sequence

import pandas as pd

from pipelines.data.adapters.names import guesses, letters
from pipelines.errors import ConfigError
from pipelines.onboard.answers import NONE, Answers, meant_for, pairs
from pipelines.onboard.asking import Ask, Question, answered
from pipelines.onboard.previews import InputPreview

_BY_TABLE = {
    "cases": ("unit", "name", "year", "week", "date", "start", "end", "cases", "population", "temp_mean_c", "rainfall_mm"),
    "climate": ("unit", "year", "week", "month", "date", "start", "end", "temp_mean_c", "rainfall_mm"),
    "units": ("unit", "name", "year", "population"),
}  # fmt: skip
_DAYS = ("date", "start", "end", "onset")
_CLIMATE = ("rain", "precip", "lluvia", "chuva", "temp", "tmean")
_OF_PERSONS = ("unit", "year", "week", "onset", "reported")
_FREE = ("long", "line_list", "series", "wide")  # adapters whose columns a profile names
# What a ministry may not want to count: a part of the column's name, its values, what they are.
_NOT_CASES = (
    ("classi_fin", ("5",), "discarded"),
    ("imported", ("Y", "Yes", "1", "TRUE"), "imported"),
    ("importado", ("S", "SI", "1"), "imported"),
    ("clasif", ("descartado", "DESCARTADO", "Descartado"), "discarded"),
    ("classif", ("discarded", "Discarded", "not a case", "descartado"), "discarded"),
    ("final", ("discarded", "Discarded", "DESCARTADO", "descartado", "negative"), "discarded"),
)
_NULLS = frozenset({"None", "NONE", "none", "NULL", "nan", "NaN", "N/A", "n/a", "#N/A", "."})


def choose_columns(preview: InputPreview, answers: Answers, names: Sequence[str], ask: Ask) -> None:
    """Write `columns`, `missing`, `keep` and `leave_out` of a file's entry.

    Raises:
        ConfigError: a column that is not there, or a question that nobody answers.
    """
    adapter, given = preview.settings.get("adapter", "long"), _given(preview, answers, names)
    if preview.table is None or adapter not in _FREE:
        if given:
            preview.settings["columns"] = {our: _one(found) for our, found in given.items()}
    else:
        _choose(preview, adapter, given, ask)
    _rules(preview, answers, names, ask)


def _choose(preview: InputPreview, adapter: str, given: dict[str, list[str]], ask: Ask) -> None:
    wanted = _wanted(preview, adapter)
    found = {our: columns for our, columns in guesses(preview.header, wanted).items() if columns}
    found |= given
    if (
        adapter == "line_list"
        and "onset" not in found
        and (days := given.get("date") or guesses(preview.header)["date"])
    ):
        found["onset"] = days
    if adapter == "line_list":
        unused = {"date", "year", "week"} if "onset" in found else {"date"}
        found = {our: columns for our, columns in found.items() if our not in unused}
    station = "unit" in preview.settings.get("options", {})
    for our in _needed(adapter, preview.config.table, found, station):
        if our not in found or (len(found[our]) > 1 and our not in given):
            found[our] = _ask_for(preview, our, found.get(our, []), given, ask)
    if set(found) & set(_DAYS) == set() and "year" not in found and _bare_weeks(preview, found):
        found["year"] = _ask_for(preview, "year", [], given, ask)
    for our, columns in found.items():
        if len(columns) > 1 and our not in ("unit", *given):
            found[our] = _ask_for(preview, our, columns, given, ask)
    plain = guesses(preview.header, wanted)
    if (
        adapter != "long"
        or given
        or any(plain.get(our) != columns for our, columns in found.items())
    ):
        preview.settings["columns"] = {our: _one(columns) for our, columns in found.items()}
    named = {our: " + ".join(columns) for our, columns in found.items()}
    preview.seen.append("columns: " + ", ".join(f"{our} = {name!r}" for our, name in named.items()))
    _missing_words(preview, found)
    used = {c for columns in found.values() for c in columns}
    unread = [c for c in preview.header if c not in used and letters(c).startswith(_CLIMATE)]
    others = [c for c in preview.header if c and c not in {*used, *unread}]
    if others and adapter in ("long", "series"):
        shown = ", ".join(map(repr, others[:8])) + (", ..." if len(others) > 8 else "")
        preview.seen.append(f"not read: {shown}")
    if unread and adapter != "line_list":
        preview.seen.append(
            f"{', '.join(map(repr, unread))} may be climate and is not read; to read it, say "
            "which and in what unit: --column rainfall_mm=..., --column temp_mean_c=..., and "
            "--transform if it is not in mm or degree Celsius"
        )


def _bare_weeks(preview: InputPreview, found: dict[str, list[str]]) -> bool:
    """Whether the column of weeks holds numbers of weeks without their year."""
    texts = [t for t, _ in preview.values(found["week"][0], 200)] if "week" in found else []
    return bool(texts) and all(
        t.removesuffix(".0").isdigit() and len(t.removesuffix(".0")) < 3 for t in texts
    )


def _wanted(preview: InputPreview, adapter: str) -> tuple[str, ...]:
    if adapter == "wide":
        return ("unit", "name")
    return _OF_PERSONS if adapter == "line_list" else _BY_TABLE[preview.config.table]


def _needed(adapter: str, table: str, found: dict[str, list[str]], station: bool) -> list[str]:
    """What must be known: the unit, a time, and what is counted."""
    needed = [] if station else ["unit"]
    if adapter == "wide" or set(found) & {"start", "end", "date", "onset", "month"}:
        times = []
    else:
        times = ["week"] if "week" in found or "year" in found else ["date"]
    if adapter == "line_list" and times == ["date"]:
        times = ["onset"]
    if adapter != "long" or table != "cases":
        return [*needed, *([] if table == "units" else times)]
    return [*needed, *times, "cases"]


def _ask_for(
    preview: InputPreview, our: str, several: list[str], given: dict[str, list[str]], ask: Ask
) -> list[str]:
    taken = {c for columns in given.values() for c in columns}
    choices = tuple(several or [c for c in preview.header if c and c not in taken])
    flag = f"--{our}" if our in ("unit", "year", "week", "date", "cases") else f"--column {our}="
    flag = "--date" if our == "onset" else flag
    what = f"Which column is the {our}?" + (
        " Name several to join them with a slash." if our == "unit" else ""
    )
    why = (
        f"{len(several)} may be meant: {_described(preview, several)}"
        if several
        else "none is called so"
    )
    reply = ask(
        Question(
            flag,
            what,
            () if our == "unit" else choices,
            None,
            f"{why}; there are {_described(preview, choices)}" if not several else why,
            preview.name,
        )
    )
    columns = [part.strip() for part in reply.split("+")] if our == "unit" else [reply]
    for column in columns:
        _require(preview, column, flag)
    return columns


def _described(preview: InputPreview, columns: Sequence[str]) -> str:
    shown = []
    if len(columns) <= 4:
        preview.texts(columns)
    for column in columns[:12]:
        values = preview.values(column, most=1_000_000) if len(columns) <= 4 else []
        shown.append(f"{column!r} ({len(values)} different)" if values else repr(column))
    return ", ".join(shown)


def _given(preview: InputPreview, answers: Answers, names: Sequence[str]) -> dict[str, list[str]]:
    """Our name -> columns that were said and are meant for this file.

    A column that stands in no file is an error of the first one; one that stands in another is not.
    """
    out: dict[str, list[str]] = {}
    for our, values in answers.columns.items():
        scoped = [v for v in values if v.partition("=")[0] == preview.name and "=" in v]
        for column in meant_for(values, preview.name, names):
            if column in preview.header or preview.table is None:
                out.setdefault(our, []).append(column)
            elif scoped or len(names) == 1:
                _require(preview, column, f"--{our}")
    return out


def _require(preview: InputPreview, column: str, flag: str) -> None:
    n = preview.header.count(column)
    if n == 1:
        return
    close = difflib.get_close_matches(column, preview.header, n=1)
    meant = f"; {close[0]!r} is close to it" if close else ""
    what = f"column {column!r} is there {n} times" if n else f"there is no column {column!r}{meant}"
    raise ConfigError(
        what,
        where=f"{preview.name}, {flag}",
        fix=f"name one of {', '.join(map(repr, preview.header[:20]))}",
    )


def _missing_words(preview: InputPreview, found: dict[str, list[str]]) -> None:
    """Texts such as "None" in the unit's columns say that the place is not known."""
    known = set(preview.config.missing)
    words = {
        v for c in found.get("unit", ()) for v, _ in preview.values(c, 5000) if v in _NULLS
    } - known
    if words:
        preview.settings["missing"] = [*preview.config.missing, *sorted(words)]
        preview.seen.append(
            f"the text {', '.join(map(repr, sorted(words)))} in place of a unit is taken as not "
            "known"
        )


def _rules(preview: InputPreview, answers: Answers, names: Sequence[str], ask: Ask) -> None:
    """Which records count: as said, else asked for columns that tell discarded or imported
    cases."""
    for flag, key in (("--keep", "keep"), ("--leave-out", "leave_out")):
        given = pairs(meant_for(getattr(answers, key), preview.name, names), flag)
        here = {c: v for c, v in given.items() if c in preview.header}
        if len(names) == 1:
            for column in given:
                _require(preview, column, flag)
        if here:
            preview.settings[key] = here
    if preview.settings.get("adapter") != "line_list" or NONE in answers.leave_out:
        return
    for column in preview.header:
        if column not in {
            **preview.settings.get("keep", {}),
            **preview.settings.get("leave_out", {}),
        }:
            _ask_about(preview, column, ask)


def _ask_about(preview: InputPreview, column: str, ask: Ask) -> None:
    rule = next((t for t in _NOT_CASES if t[0] in letters(column)), None)
    if rule is None:
        return
    counts = dict(preview.values(column))
    for value in [v for v in rule[1] if v in counts]:
        proposal = f"{column}={value}"
        listed = ", ".join(f"{v} {n}" for v, n in list(counts.items())[:6])
        question = Question(
            "--leave-out",
            f"{counts[value]} records have {column} = {value} ({rule[2]} cases). Are they left "
            "out?",
            (proposal, NONE),
            proposal,
            f"all values: {listed}",
            preview.name,
        )
        if answered(question, ask(question)) == proposal:
            preview.settings.setdefault("leave_out", {}).setdefault(column, []).append(value)


def _one(columns: Sequence[str]) -> str | list[str]:
    return columns[0] if len(columns) == 1 else list(columns)


def thousands(preview: InputPreview) -> None:
    """`1.234` in a column of cases is a thousand: cases are whole. Then the decimal sign is a
    comma.
    """
    if preview.table is None or "decimal" in preview.settings or preview.table.separator == ",":
        return
    columns = preview.config.columns.get("cases") or next(
        iter(guesses(preview.header)["cases"]), None
    )
    texts = (
        [t for t, _ in preview.values(columns, 5000)]
        if isinstance(columns, str) and columns in preview.header
        else []
    )
    pointed = pd.Series([t for t in texts if "." in t], dtype=object)
    if len(pointed) and pointed.str.fullmatch(r"[0-9]{1,3}(?:\.[0-9]{3})+").all():
        preview.settings["decimal"] = ","
        preview.seen.append(
            f"cases such as {pointed.iloc[0]} are thousands, because cases are whole: the decimal "
            "sign is a comma"
        )
