"""Finding a data set's files below a folder, and reading its tables as text."""

from __future__ import annotations

import csv
import io
import os
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.drops import shown
from pipelines.data.raw import issue
from pipelines.errors import DropError

_NAMED = 5  # files or rows that one message names
_SAVE_AS = "save it as CSV in UTF-8, or bring it again"


def how_to_get(dataset: str, data: Path) -> str:
    """The command that brings a data set to a folder."""
    if dataset == "folder":
        return "name a folder that holds rows.csv with the columns image, text and label"
    archive = {
        "satellitebench": "10_municipalities/*",
        "satellitebench81": "81_municipalities*",
    }.get(dataset)
    only = f" --only '{archive}' --only metadata.csv" if archive else ""
    return (
        f"bring it with `denguard fetch {dataset.removesuffix('81')} --to {shown(str(data))}{only}`"
    )


def files_below(data: Path, dataset: str) -> tuple[Path, ...]:
    """All files below a folder, sorted; hidden ones and archives' litter left out.

    Raises:
        DropError: there is no such folder, or nothing in it.
    """
    if not data.is_dir():
        what = "the data folder is a file" if data.exists() else "there is no such data folder"
        raise DropError(what, where=shown(str(data)), fix=how_to_get(dataset, data))
    found = tuple(sorted(_walk(data)))
    if not found:
        raise DropError(
            "the data folder is empty", where=shown(str(data)), fix=how_to_get(dataset, data)
        )
    return found


def _walk(data: Path) -> Iterator[Path]:
    seen = set()  # links are followed, since images often lie on another disk, but no folder twice
    for here, folders, names in os.walk(data, followlinks=True):
        real = os.path.realpath(here)
        if real in seen:
            folders.clear()
            continue
        seen.add(real)
        folders[:] = sorted(f for f in folders if not f.startswith((".", "__MACOSX")))
        for name in names:
            path = Path(here, name)
            if not name.startswith(".") and path.is_file():  # no pipe is waited for
                yield path


def find_tables(
    files: Sequence[Path], names: Sequence[str], data: Path, dataset: str
) -> list[Path]:
    """Files of these names, in any case, those nearest to the data folder first.

    Raises:
        DropError: there is none; the names looked for are part of the message.
    """
    wanted = {name.lower() for name in names}
    found = [path for path in files if path.name.lower() in wanted]
    if not found:
        raise DropError(
            f"no {' or '.join(names)} is in the data folder or below",
            where=shown(str(data)),
            fix=how_to_get(dataset, data),
        )
    return sorted(found, key=lambda path: (len(path.parts), path))


def only_one(tables: Sequence[tuple[Path, pd.DataFrame]]) -> tuple[Path, pd.DataFrame]:
    """The first of several tables that say the same. Raises DropError naming two that do not."""
    (first, rows), *others = tables
    for path, more in others:
        if not more.equals(rows):
            raise DropError(
                "two tables of this data set differ",
                where=f"{shown(str(first))} and {shown(str(path))}",
                fix="keep the right one in the data folder and move the other away",
            )
    return first, rows


def read_rows(
    path: Path, required: Sequence[str], aliases: Mapping[str, str] | None = None
) -> pd.DataFrame:
    """A table of text, cells and lower-case column names stripped; commas or tabs between cells.

    The index is the row's number in the file, the header being row 1.

    Args:
        required: lower-case names without which the table is not this data set's.
        aliases: other spelling -> our name, both lower-case.

    Raises:
        DropError: not CSV in UTF-8, a column missing or twice, a row with another number of cells
            (as at the end of half a file), or no row.
    """
    where = shown(str(path))
    records = _records(path, where)
    header = [_column(name, aliases or {}) for name in (records[0] if records else [])]
    if missing := [name for name in required if name not in header]:
        raise DropError(
            f"column {', '.join(map(repr, missing))} is missing",
            where=where,
            fix=f"give a table with the columns {', '.join(required)}",
        )
    if twice := sorted({name for name in header if header.count(name) > 1}):
        raise DropError(f"column {twice[0]!r} is there twice", where=where, fix="keep one of them")
    rows = [(at, row) for at, row in enumerate(records[1:], start=2) if any(row)]
    for at, row in rows:
        if len(row) != len(header):
            raise DropError(
                f"row {at} has {len(row)} cells, the header has {len(header)}; the file may have "
                "been cut off",
                where=where,
                fix=_SAVE_AS,
            )
    if not rows:
        raise DropError("the table has no row", where=where, fix=_SAVE_AS)
    cells = [[cell.strip() for cell in row] for _, row in rows]
    return pd.DataFrame(cells, [at for at, _ in rows], pd.Index(header), dtype=object)


def _records(path: Path, where: str) -> list[list[str]]:
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as err:
        raise DropError("the table is not text in UTF-8", where=where, fix=_SAVE_AS) from err
    except OSError as err:
        raise DropError(
            f"the table cannot be read: {err.strerror}",
            where=where,
            fix="check the disk and the file's rights",
        ) from err
    first = text.split("\n", 1)[0]
    delimiter = "\t" if first.count("\t") > first.count(",") else ","
    try:
        return list(csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True))
    except csv.Error as err:
        raise DropError(f"the table is not valid CSV: {err}", where=where, fix=_SAVE_AS) from err


def _column(name: str, aliases: Mapping[str, str]) -> str:
    plain = name.strip().lower()
    return aliases.get(plain, plain)


def without_repeats(table: pd.DataFrame, key: str, path: Path) -> tuple[pd.DataFrame, list[Issue]]:
    """The table with rows that repeat another one whole left out, and an issue that says so.

    Raises:
        DropError: a key is empty, or two rows have the same key and say different things.
    """
    where = shown(str(path))
    if (table[key] == "").any():
        raise DropError(
            f"{int((table[key] == '').sum())} rows have no {key}",
            where=where,
            fix="fill it in, or take the rows out",
        )
    once = table.drop_duplicates(keep="first")
    twice = once.loc[once[key].duplicated(), key]
    if len(twice):
        raise DropError(
            f"{len(twice)} rows contradict another row of the same {key}: {some(twice.tolist())}",
            where=where,
            fix="keep the right row of each",
        )
    repeats = len(table) - len(once)
    found = (
        [
            issue(
                Level.INFO,
                "repeated-row",
                f"{repeats} rows repeat another one whole and were left out",
                where,
                "nothing to do",
                rows=repeats,
            )
        ]
        if repeats
        else []
    )
    return once.reset_index(drop=True), found


def row_count(found: int, published: int, path: Path, dataset: str, data: Path) -> list[Issue]:
    """An issue if a table has not the number of rows it was published with."""
    if found == published:
        return []
    return [
        issue(
            Level.WARNING,
            "other-row-count",
            f"the table has {found:,} rows, the published one {published:,}: splits and figures "
            "are not comparable with the published ones",
            shown(str(path)),
            how_to_get(dataset, data),
            rows=found,
        )
    ]


def some(names: Sequence[str]) -> str:
    """The first few of many names."""
    return ", ".join(shown(name) for name in names[:_NAMED]) + (
        ", ..." if len(names) > _NAMED else ""
    )
