"""Rows of an Excel workbook (.xlsx) as text, as a person sees them in a CSV of the same sheet."""

from __future__ import annotations

import io
from collections.abc import Iterator

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from pipelines.data.adapters import InputFile
from pipelines.data.adapters.content import as_text, stop


def workbook_rows(file: InputFile) -> Iterator[tuple[int, list[str]]]:
    """Rows of the declared or only sheet, cells that are empty on the right of every row left out.

    Raises:
        Unreadable: a damaged or locked workbook, an unknown sheet, or several and none declared.
    """
    try:
        # as bytes: openpyxl refuses a path by its name, and a workbook may be called .csv
        content = io.BytesIO(file.path.read_bytes())
        book = openpyxl.load_workbook(content, read_only=True, data_only=True, keep_links=False)
    except (ValueError, KeyError, OSError, TypeError, InvalidFileException) as err:
        raise stop(
            "unreadable-table",
            f"the workbook cannot be opened: {err}",
            file.named,
            "remove its password, or save it again as XLSX or CSV",
        ) from err
    try:
        sheet = book[_sheet_name(file, book.sheetnames)]
        sheet.reset_dimensions()  # some tools write a wrong range, and rows beyond it would be lost
        grid = [[as_text(cell) for cell in row] for row in sheet.iter_rows(values_only=True)]
    finally:
        book.close()
    width = max((at + 1 for row in grid for at, cell in enumerate(row) if cell), default=0)
    for number, row in enumerate(grid, start=1):
        yield number, [*row[:width], *[""] * (width - len(row))]


def _sheet_name(file: InputFile, names: list[str]) -> str:
    listed, wanted = ", ".join(map(repr, names)), file.config.sheet
    if wanted is None and len(names) == 1:
        return names[0]
    if wanted is None:
        raise stop(
            "several-sheets",
            f"the workbook has {len(names)} sheets: {listed}",
            file.named,
            "say which one holds the table with the input's `sheet`",
        )
    if wanted not in names:
        raise stop(
            "several-sheets",
            f"the workbook has no sheet {wanted!r}; it has {listed}",
            file.named,
            "correct the input's `sheet`",
        )
    return wanted
