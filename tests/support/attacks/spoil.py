"""Ways to spoil a good drop."""

from __future__ import annotations

import csv
import os
from collections.abc import Callable
from pathlib import Path

from support.desk import write_csv

Change = Callable[[Path], object]
Grid = list[list[str]]


def raw(change: Callable[[bytes], bytes]) -> Change:
    """Change the table's bytes."""
    return lambda drop: (drop / "metadata.csv").write_bytes(
        change((drop / "metadata.csv").read_bytes())
    )


def grid(change: Callable[[Grid], object]) -> Change:
    """Change the table's rows, header first, in place."""

    def spoil(drop: Path) -> None:
        with (drop / "metadata.csv").open(encoding="utf-8", newline="") as handle:
            rows = list(csv.reader(handle))
        change(rows)
        write_csv(drop / "metadata.csv", rows)

    return spoil


def cell(column: str, text: str, row: int = 4) -> Change:
    """Write one cell; `row` as a spreadsheet numbers it, the header being row 1."""
    return grid(lambda rows: rows[row - 1].__setitem__(rows[0].index(column), text))


def columns(prefix: str, value: Callable[[float], object]) -> Change:
    """Convert every value of the columns that begin so."""

    def convert(rows: Grid) -> None:
        at = [i for i, name in enumerate(rows[0]) if name.startswith(prefix)]
        for row in rows[1:]:
            for i in at:
                row[i] = str(value(float(row[i])))

    return grid(convert)


def rename(column: str, to: str) -> Change:
    return cell_of_header(column, to)


def cell_of_header(column: str, to: str) -> Change:
    return grid(lambda rows: rows[0].__setitem__(rows[0].index(column), to))


def column_added(name: str, value: str = "1") -> Change:
    return grid(lambda rows: [row.append(value if i else name) for i, row in enumerate(rows)])


def scene(data: bytes, name: str = "image_2018-11-01.png", folder: str = "05001") -> Change:
    """Put a file among the drop's images."""

    def put(drop: Path) -> None:
        (drop / "images" / folder).mkdir(parents=True)
        target = os.fsencode(drop / "images" / folder) + b"/" + os.fsencode(name)
        with open(target, "wb") as out:  # noqa: PTH123 a name that is not UTF-8
            out.write(data)

    return put


def info(text: str | bytes) -> Change:
    """Replace drop.yaml; {date} is the drop's own."""

    def put(drop: Path) -> None:
        body = text.encode() if isinstance(text, str) else text
        (drop / "drop.yaml").write_bytes(body.replace(b"{date}", drop.name.encode()))

    return put
