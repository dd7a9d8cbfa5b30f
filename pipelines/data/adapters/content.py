"""What a file really is, by its bytes and never by its name; and its text."""

from __future__ import annotations

import zipfile
from datetime import date, datetime, time
from pathlib import Path
from typing import Any, Literal

from pipelines.contracts import Issue, Level
from pipelines.data.adapters import InputFile
from pipelines.data.csv_table import other_kind
from pipelines.data.raw import issue

FileKind = Literal["text", "json", "workbook", "parquet"]
AGAIN = "remove the rejected drop and make it again"
_MAX_BYTES = 2_000_000_000
_BOM = b"\xef\xbb\xbf"


class Unreadable(Exception):
    """A file cannot be used at all; carries the critical issue that says why."""

    def __init__(self, found: Issue) -> None:
        self.issue = found
        super().__init__(found.message)


def stop(code: str, message: str, place: str, fix: str, rows: int = 1) -> Unreadable:
    """The error of a file that cannot be used, from its words."""
    return Unreadable(issue(Level.CRITICAL, code, message, place, f"{fix}; {AGAIN}", rows=rows))


def kind_of(path: Path, named: str) -> FileKind:
    """What a file is. Raises Unreadable for an absent or empty file, and for kinds nobody reads."""
    if not path.is_file():
        raise stop(
            "missing-file", "the file is not in the drop", named, "deliver it under this name"
        )
    if path.stat().st_size > _MAX_BYTES:
        raise stop(
            "unreadable-table",
            f"the file is larger than {_MAX_BYTES:,} bytes",
            named,
            "deliver only the columns that are read",
        )
    with path.open("rb") as handle:
        head = handle.read(4096)
    if not head.strip():
        raise stop("empty-file", "the file is empty", named, "export the table again")
    if head.startswith(b"PAR1"):
        return "parquet"
    if head.startswith(b"PK\x03\x04"):
        return _zipped(path, named)
    start = head.removeprefix(_BOM).lstrip()
    if start.startswith(b"<"):
        raise stop(
            "unreadable-table",
            "the file is a web page or XML, perhaps an error page of the system it came from",
            named,
            "export the table as CSV",
        )
    if what := other_kind(head):
        raise stop(
            "unreadable-table",
            f"the file is no table that can be read: {what}",
            named,
            "save it as CSV, XLSX or Parquet",
        )
    return "json" if start.startswith((b"{", b"[")) else "text"


def _zipped(path: Path, named: str) -> FileKind:
    try:
        with zipfile.ZipFile(path) as archive:
            inside = archive.namelist()
    except zipfile.BadZipFile as err:
        raise stop(
            "unreadable-table",
            f"the file begins like a workbook or zip archive and is damaged: {err}",
            named,
            "copy it again",
        ) from err
    if "xl/workbook.xml" in inside:
        return "workbook"
    what = "an OpenDocument spreadsheet" if "content.xml" in inside else "a zip archive"
    raise stop(
        "unreadable-table",
        f"the file is {what}",
        named,
        "unpack it, or save the table as XLSX or CSV",
    )


def text_of(file: InputFile) -> tuple[str, list[Issue]]:
    """A text file's text, and what was found about its encoding.

    What is valid UTF-8 with letters beyond ASCII is UTF-8, whatever is declared: by chance it is
    not.
    """
    raw, declared, found = file.path.read_bytes(), file.config.encoding, []
    if b"\0" in raw:
        message = f"the file is no table that can be read: {other_kind(raw)}"
        raise stop("unreadable-table", message, file.named, "copy or export it again")
    if raw.startswith(_BOM):
        raw = raw[len(_BOM) :]
        message = "the file starts with a byte order mark (Excel), which was skipped"
        found.append(issue(Level.INFO, "byte-order-mark", message, file.named, "nothing to do"))
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError as err:
        return _decoded(file, raw, raw[: err.start].count(b"\n") + 1, found)
    if declared != "utf-8" and not raw.isascii():
        message = f"the file is UTF-8, not {declared} as declared; it was read as UTF-8"
        fix = "remove the input's `encoding`"
        found.append(issue(Level.INFO, "is-utf-8", message, file.named, fix))
    return text, found


def _decoded(file: InputFile, raw: bytes, row: int, found: list[Issue]) -> tuple[str, list[Issue]]:
    """By the declared encoding, else as Windows-1252, of a file that is not UTF-8 from `row` on."""
    declared = file.config.encoding
    encoding = "cp1252" if declared == "utf-8" else declared
    if declared == "utf-8":
        message = (
            f"row {row} is not UTF-8; the file was read as Windows-1252, so letters with accents "
            "may be wrong"
        )
        fix = "declare the input's `encoding`, or save the file as UTF-8"
        found.append(issue(Level.WARNING, "not-utf-8", message, f"{file.named} row {row}", fix))
    text = raw.decode(encoding, errors="replace")
    if "\ufffd" in text:
        message = f"some letters cannot be read as {encoding}"
        fix = "correct the input's `encoding`, or save the file as UTF-8"
        found.append(issue(Level.WARNING, "unreadable-letters", message, file.named, fix))
    return text, found


def as_text(cell: Any) -> str:
    """A cell as text: whole numbers without ".0", days as 2018-12-31."""
    if cell is None:
        return ""
    if isinstance(cell, bool):
        return str(cell).upper()
    if isinstance(cell, float):
        return str(int(cell)) if cell.is_integer() and abs(cell) < 1e15 else repr(cell)
    if isinstance(cell, datetime):
        return cell.date().isoformat() if cell.time() == time.min else cell.isoformat(sep=" ")
    return cell.isoformat() if isinstance(cell, date) else str(cell)


def clean_json_error(answer: Any) -> str:
    """What a service said instead of data, as a part of a sentence."""
    message = answer.get("message") if isinstance(answer, dict) else None
    return f", but says: {str(message)[:120]!r}" if message else ""
