"""What each file is: its adapter and its columns, as far as its header tells; the rest is asked."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd
from pydantic import ValidationError

from pipelines.arrays import Texts
from pipelines.codes import TextCodes
from pipelines.config import sentence
from pipelines.contracts import ADAPTERS
from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import AGAIN, Unreadable, kind_of
from pipelines.data.adapters.layouts import fitting_layout, refuse_forecast
from pipelines.data.adapters.names import guesses
from pipelines.data.adapters.records import HeaderLine, Table, open_table
from pipelines.errors import ConfigError, DropError
from pipelines.input_config import InputConfig
from pipelines.onboard.answers import Answers, meant_for, pairs
from pipelines.onboard.asking import Ask, Question, answered
from pipelines.weeks import CDC, Calendar

_ONE_FILE = ("separator", "decimal", "sheet", "dates")
_TITLED = HeaderLine(lambda cells: sum(map(bool, guesses([c.strip() for c in cells]).values())) > 2)
SHEETS = "several-sheets"
_TABNET_WEEK = re.compile(r"[Ss]em(?:ana)?\.? ?[0-9]{1,2}")
_TABNET = HeaderLine(lambda cells: sum(bool(_TABNET_WEEK.fullmatch(c.strip())) for c in cells) > 1)


@dataclass
class InputPreview:
    """A file, and how it is to be read as far as is known.

    Attributes:
        settings: of the entry of `data.inputs`, without what is at its default.
        seen: what was found about the file, in sentences.
    """

    path: Path
    received: date
    settings: dict[str, Any] = field(default_factory=dict)
    table: Table | None = None
    seen: list[str] = field(default_factory=list)
    _texts: dict[str, Texts] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return self.path.name

    @property
    def config(self) -> InputConfig:
        try:
            return InputConfig(**{"file": self.name, **self.settings})
        except ValidationError as err:
            raise ConfigError(
                f"the file cannot be read so: {sentence(err)}",
                where=self.name,
                fix="correct the flags of these keys",
            ) from err

    @property
    def header(self) -> tuple[str, ...]:
        return self.table.header if self.table else ()

    def input(self, calendar: Calendar = CDC) -> InputFile:
        """The file as an adapter is given it."""
        return InputFile(self.path, self.name, self.config, calendar, TextCodes(), self.received)

    def texts(self, columns: Sequence[str]) -> pd.DataFrame:
        """Columns of the table as text; each is read once. Raises DropError for a table without
        rows.
        """
        new = [c for c in columns if c not in self._texts]
        if self.table is not None and new:
            self._texts |= usable(partial(self.table.records, new)).columns
        return pd.DataFrame({c: self._texts[c] for c in columns if c in self._texts})

    def values(self, column: str, most: int = 20) -> list[tuple[str, int]]:
        """A column's commonest texts and how often each stands there."""
        if self.table is None:
            return []
        counts = self.texts([column])[column].dropna().value_counts()
        return [(str(text), int(n)) for text, n in counts.head(most).items()]


def look_at(
    paths: Sequence[Path], answers: Answers, received: date, ask: Ask
) -> list[InputPreview]:
    """Each file with the adapter and columns that its header and the answers tell.

    Raises:
        DropError: a file is absent, not readable, or two have one name.
        ConfigError: a question that nobody answers, or an answer that does not fit.
    """
    names = [path.name for path in paths]
    if len(set(names)) < len(names):
        raise DropError(
            "two files have the same name, and a drop holds each name once",
            where=", ".join(map(str, paths)),
            fix="rename one of them",
        )
    previews = [InputPreview(path, received) for path in paths]
    for preview in previews:
        _apply(preview, answers, names)
        _open(preview, ask)
        _choose_adapter(preview, answers, names, ask)
    return previews


def _apply(preview: InputPreview, answers: Answers, names: Sequence[str]) -> None:
    """What a person answered about this file goes before what is found."""
    for key in _ONE_FILE:
        given = meant_for(getattr(answers, key), preview.name, names)
        if given:
            preview.settings[key] = "\t" if given[-1] in ("tab", "\\t") else given[-1]
    if rows := meant_for(answers.header_row, preview.name, names):
        preview.settings["header_row"] = int(rows[-1]) if rows[-1].isdigit() else rows[-1]
    for key in ("transform", "option"):
        named = pairs(meant_for(getattr(answers, key), preview.name, names), f"--{key}")
        if named:
            preview.settings["options" if key == "option" else key] = {
                k: v[-1] for k, v in named.items()
            }
    if given := meant_for(answers.missing, preview.name, names):
        default = InputConfig.model_fields["missing"].default
        preview.settings["missing"] = [*default, *given]


def usable(read: Callable[[], Any]) -> Any:
    """What a look gives. Raises DropError for a file that cannot be used."""
    try:
        return read()
    except Unreadable as err:
        raise as_drop_error(err) from err


def as_drop_error(err: Unreadable) -> DropError:
    """An unusable file for a person who has not made a drop yet."""
    return DropError(
        f"[{err.issue.code}] {err.issue.message}",
        where=err.issue.place,
        fix=err.issue.fix.removesuffix(f"; {AGAIN}"),
    )


def _open(preview: InputPreview, ask: Ask) -> None:
    if not preview.path.is_file():
        raise DropError("there is no such file", where=str(preview.path), fix="correct the path")
    kind = usable(lambda: kind_of(preview.path, preview.name))
    if kind == "json":
        preview.settings["adapter"] = "dhis2"
        preview.seen.append("JSON, as DHIS2 analytics answers")
        return
    try:
        preview.table = open_table(preview.input())
    except Unreadable as err:
        if err.issue.code != SHEETS:
            raise as_drop_error(err) from err
        _ask_for_sheet(preview, err.issue.message, ask)
        preview.table = usable(lambda: open_table(preview.input()))
    _look_below_titles(preview)
    usable(lambda: refuse_forecast(preview.table))  # type: ignore[arg-type]
    how = {",": "commas", ";": "semicolons", "\t": "tabs", "|": "bars"}.get(preview.table.separator)
    kinds = {"workbook": "an Excel workbook", "parquet": "Parquet"}
    described = [
        kinds.get(kind) or f"CSV separated by {how}",
        *(i.message for i in preview.table.issues if i.code != "is-a-workbook"),
    ]
    preview.seen.append("; ".join(described))


def _look_below_titles(preview: InputPreview) -> None:
    """Lines of text above the header, and letters that are not UTF-8."""
    if preview.table is None:
        return
    if any(i.code == "not-utf-8" for i in preview.table.issues):
        preview.settings["encoding"] = "cp1252"
        preview.seen.append("its letters are not UTF-8 and are read as Windows-1252")
    if "header_row" in preview.settings:
        return
    if sum(map(bool, guesses(preview.header).values())) > 1 or fitting_layout(preview.header):
        return
    try:
        below = open_table(preview.input(), _TITLED)
    except Unreadable:
        return
    preview.table = below
    preview.settings["header_row"] = below.header_row
    preview.seen.append(f"{below.header_row - 1} lines stand above the header")


def _ask_for_sheet(preview: InputPreview, message: str, ask: Ask) -> None:
    names = tuple(part.strip(" '") for part in re.split(": |; it has ", message)[1].split("', '"))
    question = Question(
        "--sheet",
        "Which sheet of the workbook holds the table?",
        names,
        None,
        message,
        preview.name,
    )
    given = preview.settings.get("sheet")
    preview.settings["sheet"] = answered(question, ask(question) if given is None else given)


def _choose_adapter(
    preview: InputPreview, answers: Answers, names: Sequence[str], ask: Ask
) -> None:
    given = meant_for(answers.adapter, preview.name, names)
    if given and given[-1] not in ADAPTERS:
        raise ConfigError(
            f"there is no adapter {given[-1]!r}",
            where="--adapter",
            fix=f"use one of {', '.join(sorted(ADAPTERS))}",
        )
    if given:
        preview.settings["adapter"] = given[-1]
    elif preview.table is not None:
        found = _known_layout(preview) or _by_columns(preview, answers, names)
        preview.settings.update(found or {"adapter": _asked(preview, ask)})
    if preview.settings.get("adapter") == "series":
        preview.settings["table"] = "climate"
    preview.seen.append(f"read with the adapter {preview.settings['adapter']}")


def _known_layout(preview: InputPreview) -> dict[str, Any]:
    layout = fitting_layout(preview.header)
    if layout is not None:
        preview.seen.append(f"its columns are those of {layout.what}")
        return {"adapter": layout.adapter}
    if "header_row" in preview.settings:
        return {}
    try:
        open_table(preview.input(), _TABNET)
    except Unreadable:
        return {}
    preview.seen.append("one column a week, as DATASUS TabNet writes it")
    return {"adapter": "tabnet"}


def _by_columns(preview: InputPreview, answers: Answers, names: Sequence[str]) -> dict[str, Any]:
    """Wide, long or line list, climate or units, by what the columns are called."""
    known = {our for our, found in guesses(preview.header).items() if found}
    known |= {
        our
        for our, given in answers.columns.items()
        if set(meant_for(given, preview.name, names)) & set(preview.header)
    }
    in_time = bool(known & {"year", "week", "date", "start", "end", "onset", "month"})
    if "cases" in known and in_time:
        return {"adapter": "line_list" if "onset" in known else "long"}
    if known & {"temp_mean_c", "rainfall_mm"} and in_time:
        return {"adapter": "series", "table": "climate"}
    if "population" in known and not known & {"week", "date", "onset", "start", "month"}:
        return {"adapter": "long", "table": "units"}
    return {"adapter": "line_list"} if in_time and _has_repeats(preview, known) else {}


def _has_repeats(preview: InputPreview, known: set[str]) -> bool:
    """Whether records repeat a time so often that each must be a person."""
    if "onset" in known:
        return True
    found = guesses(preview.header)
    columns = [c for our in ("year", "week", "date", "start") for c in found[our][:1]]
    columns += found["unit"]
    if preview.table is None or not columns:
        return False
    return bool(preview.texts(columns).duplicated().mean() > 0.2)


def _asked(preview: InputPreview, ask: Ask) -> str:
    shown = ", ".join(map(repr, preview.header[:12]))
    question = Question(
        "--adapter",
        "How is this file to be read?",
        tuple(sorted(ADAPTERS)),
        None,
        f"its columns are {shown}; docs/formats.md describes each adapter; if they stand in a "
        "lower line, say --header-row",
        preview.name,
    )
    return answered(question, ask(question))
