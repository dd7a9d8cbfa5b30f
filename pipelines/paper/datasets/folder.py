"""A folder of one's own: any images and texts with a label, from one CSV.

Files: `rows.csv` with the columns image (path relative to that file, or empty), text (or empty) and
label (the class's name), and if wanted
- group: rows of one group (a patient, a recipe) are never torn by the safe protocol's split;
without
  it, rows that name the same image are one group;
- split: train, validation, test or unused, as the data set itself gives it;
- time: a day (2018-12-02) or a week (2018-w48): the safe protocol then goes forward in time.

Public sets such as COCO-QA, Fakeddit and Recipes5K enter in this form. The text is taken as given,
by both protocols; what stands in it is its maker's affair, and the leakage guard looks for the
label.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path, PurePosixPath

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s
from pipelines.contracts import Issue, Level
from pipelines.data.drops import shown
from pipelines.data.raw import issue
from pipelines.errors import ConfigError, DropError
from pipelines.paper.datasets.files import files_below, find_tables, only_one, read_rows, some
from pipelines.paper.datasets.images import checked, lacking
from pipelines.paper.study import Part, Protocol, Study
from pipelines.weeks import CDC

NAME = "folder"
REQUIRED = ("image", "text", "label")
MAX_CLASSES = 1000  # beyond it the column is a number or a name, not a class
_PARTS: dict[str, Part] = {
    "train": "train",
    "training": "train",
    "validation": "validation",
    "val": "validation",
    "valid": "validation",
    "dev": "validation",
    "test": "test",
    "testing": "test",
    "unused": "unused",
}


def read(data: Path, protocol: Protocol, cache: Path | None = None) -> Study:
    """All rows that have a label; see the package for arguments and errors."""
    files = files_below(data, NAME)
    path, table, issues = _table(data, files)
    classes = _classes(table, path)
    images, image_issues = _images(data, files, path, table["image"].tolist(), cache)
    rows = pd.DataFrame(
        {
            "sample_id": table["sample_id"],
            "group_id": _groups(table),
            "week_no": _weeks(table, path),
            "label": table["label"].map(classes.index),
            "image": pd.Series(images, dtype=object),
            "text": pd.Series(_texts(table), dtype=object),
        }
    )
    return Study(
        name=NAME,
        protocol=protocol,
        data=data,
        rows=rows,
        classes=classes,
        needs_image=bool((table["image"] != "").all()),
        given_split=_given_split(table, path),
        issues=(*issues, *image_issues),
        notes=(f"{len(table):,} rows of {shown(path.name)}, texts as given.",),
    )


def texts_without_labels(data: Path, _protocol: Protocol) -> dict[str, str | None]:
    """sample_id -> text: given, not computed, so that it cannot follow a changed label."""
    _, table, _ = _table(data, files_below(data, NAME))
    return dict(zip(table["sample_id"], _texts(table), strict=True))


def _texts(table: pd.DataFrame) -> list[str | None]:
    return [text or None for text in table["text"]]


def _table(data: Path, files: tuple[Path, ...]) -> tuple[Path, pd.DataFrame, list[Issue]]:
    found = find_tables(files, ("rows.csv",), data, NAME)
    path, table = only_one([(path, read_rows(path, REQUIRED)) for path in found])
    table = table.assign(sample_id=[f"row-{at:06d}" for at in table.index])
    empty = table["label"] == ""
    nothing = (table["image"] == "") & (table["text"] == "") & ~empty
    issues = [
        issue(
            Level.WARNING,
            code,
            f"{int(rows.sum())} rows have {what} and are left out: "
            f"{some(table.loc[rows, 'sample_id'].tolist())}",
            shown(str(path)),
            "fill them in",
            rows=int(rows.sum()),
        )
        for code, what, rows in (
            ("no-label", "no label", empty),
            ("empty-row", "neither image nor text", nothing),
        )
        if rows.any()
    ]
    return path, table[~(empty | nothing)].reset_index(drop=True), issues


def _classes(table: pd.DataFrame, path: Path) -> tuple[str, ...]:
    """Class names, whole numbers in their order, else by letters."""
    names = set(table["label"])
    if not 2 <= len(names) <= MAX_CLASSES:
        raise DropError(
            f"the label column has {len(names)} different values",
            where=shown(str(path)),
            fix=f"give 2 to {MAX_CLASSES} classes",
        )
    return tuple(sorted(names, key=lambda n: (0, int(n), n) if n.isdecimal() else (1, 0, n)))


def _groups(table: pd.DataFrame) -> pd.Series:
    """The group column; where it is empty or absent, the image; without one, the row itself."""
    own = table["sample_id"].where(table["image"] == "", "image " + table["image"].astype(str))
    return own if "group" not in table else table["group"].where(table["group"] != "", own)


def _images(
    data: Path, files: tuple[Path, ...], table: Path, names: list[str], cache: Path | None
) -> tuple[list[str | None], list[Issue]]:
    """Paths relative to `data`, each file decoded once. Raises DropError for a path that
    leads out."""
    out = [
        n for n in names if n and (PurePosixPath(n).is_absolute() or ".." in PurePosixPath(n).parts)
    ]
    if out:
        raise DropError(
            f"{len(out)} images are named by a path that leads out of the folder: {some(out)}",
            where=shown(str(table)),
            fix="name images relative to rows.csv, below its folder",
        )
    known = {
        path.relative_to(table.parent).as_posix().lower(): path
        for path in files
        if path.is_relative_to(table.parent)
    }
    found = [known.get(PurePosixPath(name).as_posix().lower()) if name else None for name in names]
    distinct = sorted({path for path in found if path is not None})
    whole, broken = checked(data, distinct, NAME, cache)
    images = [
        p.relative_to(data).as_posix() if p in whole and p is not None else None for p in found
    ]
    named = [image for image, name in zip(images, names, strict=True) if name]
    return images, [*broken, *lacking(data, named, NAME)]


def _weeks(table: pd.DataFrame, path: Path) -> Int64s:
    """(N,) week ordinals of the time column, -1 without one."""
    if "time" not in table:
        return np.full(len(table), -1, dtype=np.int64)
    weeks = []
    for sample, text in zip(table["sample_id"], table["time"], strict=True):
        try:
            weeks.append(
                CDC.week_no(text) if "w" in text else CDC.week_no_of_date(date.fromisoformat(text))
            )
        except (ConfigError, ValueError) as err:
            raise DropError(
                f"time {shown(text)!r} is neither a day nor a week",
                where=f"{shown(str(path))} {sample}",
                fix="write it as 2018-12-02 or 2018-w48, in every row",
            ) from err
    return np.array(weeks, dtype=np.int64)


def _given_split(table: pd.DataFrame, path: Path) -> tuple[Part, ...] | None:
    if "split" not in table:
        return None
    odd = sorted(set(table["split"].str.lower()) - set(_PARTS))
    if odd:
        raise DropError(
            f"split {some(odd)!r} is not known",
            where=shown(str(path)),
            fix="use train, validation, test or unused in every row",
        )
    return tuple(_PARTS[part] for part in table["split"].str.lower())
