"""HAM10000: dermatoscopic images of seven kinds of lesion.

Tschandl, Rosendahl, Kittler 2018, DOI 10.7910/DVN/DBW86T (CC BY-NC 4.0: research, with
attribution). Files: HAM10000_metadata.csv (or .tab, or without ending, as Dataverse names it):
10,015 rows of lesion_id, image_id, dx, dx_type, age (years), sex, localization; images
`<image_id>.jpg`, 600 x 450 RGB, in any folder.

`dx_type` says how the diagnosis was confirmed, and goes with the diagnosis: lesions confirmed by
histology are mostly the malignant ones. The paper's prompt has it; the safe one has not.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from pipelines.contracts import Issue, Level
from pipelines.data.drops import shown
from pipelines.data.raw import issue
from pipelines.errors import DropError
from pipelines.paper.datasets.files import (
    files_below,
    find_tables,
    only_one,
    read_rows,
    row_count,
    some,
    without_repeats,
)
from pipelines.paper.datasets.images import join_images
from pipelines.paper.datasets.values import given, numbers, one_hot, others, spelled
from pipelines.paper.study import Protocol, Study

NAME = "ham10000"
CLASSES = ("akiec", "bcc", "bkl", "df", "mel", "nv", "vasc")
COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
LEAKING = ("dx_type",)  # out of the safe protocol's prompt and covariates
PUBLISHED_ROWS = 10_015
_TABLES = ("HAM10000_metadata.csv", "HAM10000_metadata.tab", "HAM10000_metadata")


def read(data: Path, protocol: Protocol, cache: Path | None = None) -> Study:
    """All metadata rows by a protocol; see the package for arguments and errors."""
    files = files_below(data, NAME)
    table, issues = _table(data, files)
    images, image_issues = join_images(data, files, table["image_id"].tolist(), NAME, cache)
    rows = pd.DataFrame(
        {
            "sample_id": table["image_id"],
            "group_id": table["lesion_id"],
            "week_no": -1,
            "label": table["dx"].map(CLASSES.index),
            "image": pd.Series(images, dtype=object),
            "text": _texts(table, protocol),
        }
    )
    return Study(
        name=NAME,
        protocol=protocol,
        data=data,
        rows=rows,
        classes=CLASSES,
        needs_image=True,
        covariates=_covariates(table),
        issues=(*issues, *image_issues),
        notes=_notes(table, protocol),
    )


def texts_without_labels(data: Path, protocol: Protocol) -> dict[str, str | None]:
    """image_id -> prompt from a table with another dx in every row (safe: another dx_type too)."""
    table, _ = _table(data, files_below(data, NAME))
    names = ("dx", *(LEAKING if protocol == "safe" else ()))
    blind = table.assign(**{name: others(table[name]) for name in names})
    return dict(zip(table["image_id"], _texts(blind, protocol), strict=True))


def _table(data: Path, files: tuple[Path, ...]) -> tuple[pd.DataFrame, list[Issue]]:
    found = find_tables(files, _TABLES, data, NAME)
    path, table = only_one([(path, read_rows(path, COLUMNS)[list(COLUMNS)]) for path in found])
    table = table.assign(dx=table["dx"].str.lower())
    table, issues = without_repeats(table, "image_id", path)
    if unknown := sorted(set(table["dx"]) - set(CLASSES)):
        raise DropError(
            f"dx {some(unknown)} is none of the seven classes",
            where=shown(str(path)),
            fix=f"use {', '.join(CLASSES)}",
        )
    if alone := int((table["lesion_id"] == "").sum()):
        issues.append(
            issue(
                Level.WARNING,
                "no-group",
                f"{alone} images have no lesion_id; each counts as a lesion of its own",
                shown(str(path)),
                "fill it in",
                rows=alone,
            )
        )
        table["lesion_id"] = table["lesion_id"].where(table["lesion_id"] != "", table["image_id"])
    issues += row_count(len(table), PUBLISHED_ROWS, path, NAME, data)
    return table, issues


def _texts(table: pd.DataFrame, protocol: Protocol) -> list[str]:
    confirmed = given(table["dx_type"])
    facts = zip(
        numbers(table["age"]), given(table["sex"]), given(table["localization"]), strict=True
    )
    texts = [
        f"Skin lesion. Age: {spelled(age, ' years')}. Sex: {sex}. Localization: {place}."
        for age, sex, place in facts
    ]
    if protocol == "safe":
        return texts
    return [
        f"{text} Diagnosis confirmed by: {how}." for text, how in zip(texts, confirmed, strict=True)
    ]


def _covariates(table: pd.DataFrame) -> pd.DataFrame:
    """(N, K) age in years, sex and localization one-hot; nothing that leaks."""
    age = pd.DataFrame({"age_years": numbers(table["age"])})
    sex, place = one_hot(given(table["sex"]), "sex"), one_hot(given(table["localization"]), "site")
    return pd.concat([age, sex, place], axis=1)


def _notes(table: pd.DataFrame, protocol: Protocol) -> tuple[str, ...]:
    lesions, ages = table["lesion_id"].nunique(), int(np.isnan(numbers(table["age"])).sum())
    count = f"{len(table):,} images of {lesions:,} lesions; {ages} without age."
    if protocol == "paper":
        return (
            count,
            "The prompt says how the diagnosis was confirmed (dx_type), which goes with the "
            "diagnosis.",
            "Images of one lesion lie on both sides of the random split.",
        )
    return (
        count,
        "dx_type is left out; a lesion is never on two sides, but one patient's lesions may be: "
        "the table names no patient.",
    )
