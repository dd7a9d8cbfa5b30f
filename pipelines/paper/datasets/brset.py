"""BRSET: retinal photographs from Brazil; is there diabetic retinopathy (DR_ICDR above 0)?

PhysioNet brazilian-ophthalmological 1.0.0, credentialed: given to named people, so that no record
of it is stored here. Files: labels_brset.csv (16,266 rows, 34 columns) and `<image_id>.jpg` in any
folder. Codes: sex 1 male, 2 female; eye 1 right, 2 left; anatomy 1 normal, 2 abnormal; findings 0
or 1.

Every column of ANATOMY, FINDINGS, GRADES and QUALITY was read off the very picture that is to be
judged, most by the grader who gave the label. The paper's prompt has ANATOMY and most FINDINGS; the
safe prompt has none, only what was known of the patient before the photograph.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
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
from pipelines.paper.datasets.values import (
    NOT_REPORTED,
    given,
    numbers,
    one_hot,
    others,
    spelled,
    worded,
)
from pipelines.paper.study import Protocol, Study

NAME = "brset"
CLASSES = ("no_diabetic_retinopathy", "diabetic_retinopathy")
REQUIRED = ("image_id", "patient_id", "dr_icdr")
PATIENT = ("exam_eye", "patient_sex", "patient_age", "comorbidities", "diabetes_time_y", "insuline")
ANATOMY = ("optic_disc", "vessels", "macula")
# In the paper's prompt; all of them out of the safe one.
FINDINGS = (
    "macular_edema",
    "scar",
    "nevus",
    "amd",
    "vascular_occlusion",
    "drusens",
    "hemorrhage",
    "retinal_detachment",
    "myopic_fundus",
    "increased_cup_disc",
    "other",
)
# The label in other words, and a finding that the paper's prompt leaves out as well.
GRADES = ("dr_icdr", "dr_sdrg", "diabetic_retinopathy")
QUALITY = ("focus", "illuminaton", "image_field", "artifacts", "quality")
LEAKING = (*ANATOMY, *FINDINGS, "hypertensive_retinopathy", *QUALITY)
# Other documents and releases -> columns as first released, lower-case.
ALIASES = {
    "illumination": "illuminaton",
    "insulin": "insuline",
    "insulin_use": "insuline",
    "diabetes_time": "diabetes_time_y",
    "drusen": "drusens",
}
PUBLISHED_ROWS = 16_266
_TABLES = ("labels_brset.csv",)
_SEX, _EYE = {"1": "male", "2": "female"}, {"1": "right", "2": "left"}
_INSULIN = {"yes": "yes", "sim": "yes", "1": "yes", "no": "no", "não": "no", "nao": "no", "0": "no"}
_EYE_DISEASE = re.compile(r"retinop|macul", re.IGNORECASE)  # in English and Portuguese


def read(data: Path, protocol: Protocol, cache: Path | None = None) -> Study:
    """All metadata rows by a protocol; see the package for arguments and errors."""
    files = files_below(data, NAME)
    table, issues = _table(data, files)
    names = [re.sub(r"\.(jpe?g|png)$", "", i, flags=re.IGNORECASE) for i in table["image_id"]]
    images, image_issues = join_images(data, files, names, NAME, cache)
    rows = pd.DataFrame(
        {
            "sample_id": table["image_id"],
            "group_id": table["patient_id"],
            "week_no": -1,
            "label": (numbers(table["dr_icdr"]) > 0).astype(np.int64),
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
    """image_id -> prompt from a table with other grades (safe: other readings of the
    picture too)."""
    table, _ = _table(data, files_below(data, NAME))
    names = [name for name in (*GRADES, *(LEAKING if protocol == "safe" else ())) if name in table]
    blind = table.assign(**{name: others(table[name]) for name in names})
    return dict(zip(table["image_id"], _texts(blind, protocol), strict=True))


def _table(data: Path, files: tuple[Path, ...]) -> tuple[pd.DataFrame, list[Issue]]:
    found = find_tables(files, _TABLES, data, NAME)
    path, table = only_one([(path, read_rows(path, REQUIRED, ALIASES)) for path in found])
    table, issues = without_repeats(table, "image_id", path)
    where = shown(str(path))
    grade = numbers(table["dr_icdr"])
    if bad := table.loc[~np.isin(grade, np.arange(5)), "image_id"].tolist():
        raise DropError(
            f"DR_ICDR of {len(bad)} rows is not 0 to 4: {some(bad)}",
            where=where,
            fix="correct it, or take the rows out",
        )
    if alone := table.loc[table["patient_id"] == "", "image_id"].tolist():
        raise DropError(
            f"{len(alone)} rows have no patient_id: {some(alone)}",
            where=where,
            fix="fill it in: without it two eyes of one patient cannot be kept together",
        )
    absent = [name for name in (*PATIENT, *ANATOMY, *FINDINGS) if name not in table]
    if absent:
        issues.append(
            issue(
                Level.WARNING,
                "missing-column",
                f"columns {some(absent)} are missing; prompts say that they are not reported",
                where,
                "give the table as released",
                rows=len(absent),
            )
        )
        table = table.assign(**dict.fromkeys(absent, ""))
    return table, [*issues, *row_count(len(table), PUBLISHED_ROWS, path, NAME, data)]


def _texts(table: pd.DataFrame, protocol: Protocol) -> list[str]:
    patient = _patient_texts(table, protocol)
    if protocol == "safe":
        return patient
    normal = {name: worded(table[name], {"1": "normal", "2": "abnormal"}) for name in ANATOMY}
    present = {name: worded(table[name], {"0": "absent", "1": "present"}) for name in FINDINGS}
    return [
        f"{text} Anatomy: {_listed(normal, i)}. Findings: {_listed(present, i)}."
        for i, text in enumerate(patient)
    ]


def _listed(columns: dict[str, list[str]], row: int) -> str:
    return ", ".join(f"{name.replace('_', ' ')} {words[row]}" for name, words in columns.items())


def _patient_texts(table: pd.DataFrame, protocol: Protocol) -> list[str]:
    ills = given(table["comorbidities"])
    facts = zip(
        worded(table["exam_eye"], _EYE),
        worded(table["patient_sex"], _SEX),
        numbers(table["patient_age"]),
        _without_eye_disease(ills) if protocol == "safe" else ills,
        numbers(table["diabetes_time_y"]),
        worded(table["insuline"], _INSULIN),
        strict=True,
    )
    return [
        f"Retinal photograph. Eye: {eye}. Sex: {sex}. Age: {spelled(age, ' years')}. "
        f"Comorbidities: {ill}. "
        f"Diabetes for: {spelled(years, ' years')}. Insulin: {insulin}."
        for eye, sex, age, ill, years, insulin in facts
    ]


def _without_eye_disease(comorbidities: Sequence[str]) -> list[str]:
    """Free text without the parts between commas that name a disease of the retina."""
    parts = [re.split(r"\s*[,;/]\s*", text) for text in comorbidities]
    kept = [", ".join(part for part in row if not _EYE_DISEASE.search(part)) for row in parts]
    return [text or NOT_REPORTED for text in kept]


def _covariates(table: pd.DataFrame) -> pd.DataFrame:
    """(N, K) age and diabetes in years; sex, eye and insulin one-hot; nothing read off the
    picture."""
    years = {
        "age_years": numbers(table["patient_age"]),
        "diabetes_years": numbers(table["diabetes_time_y"]),
    }
    return pd.concat(
        [
            pd.DataFrame(years),
            one_hot(worded(table["patient_sex"], _SEX), "sex"),
            one_hot(worded(table["exam_eye"], _EYE), "eye"),
            one_hot(worded(table["insuline"], _INSULIN), "insulin"),
        ],
        axis=1,
    )


def _notes(table: pd.DataFrame, protocol: Protocol) -> tuple[str, ...]:
    count = f"{len(table):,} images of {table['patient_id'].nunique():,} patients."
    if protocol == "paper":
        return (
            count,
            "The prompt tells what a grader saw in the same picture (anatomy and findings).",
            "A patient's two eyes lie on both sides of the random split.",
        )
    hidden = int(table["comorbidities"].astype(str).str.contains(_EYE_DISEASE).sum())
    return (
        count,
        "Nothing read off the picture is in the prompt; a disease of the retina was taken out of "
        f"the comorbidities of {hidden} rows; a patient is never on two sides.",
    )
