"""BRSET from rows that tests make: the real ones are given to named people only."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.study_data import BRSET_COLUMNS, brset_rows, make_brset, write_csv

from pipelines.errors import DropError
from pipelines.paper.datasets import read_study
from pipelines.paper.datasets.brset import FINDINGS, LEAKING

ROWS = brset_rows(80, patients=40)
OTHER_NAMES = {
    "insuline": "insulin_use",
    "diabetes_time_y": "diabetes_time",
    "drusens": "drusen",
    "Illuminaton": "illumination",
}


def test_the_label_is_a_grade_above_zero_and_the_group_is_the_patient(tmp_path: Path) -> None:
    study = read_study("brset", make_brset(tmp_path, ROWS, with_images=6), "safe")
    assert study.rows["label"].tolist() == [int(int(row["DR_ICDR"]) > 0) for row in ROWS]
    assert study.rows["group_id"].tolist() == [row["patient_id"] for row in ROWS]
    assert study.rows["image"].dropna().tolist() == [
        f"fundus_photos/img{i:05d}.jpg" for i in range(6)
    ]
    assert study.usable.sum() == 6


def test_the_papers_prompt_has_the_findings_and_the_safe_one_only_the_patient(
    tmp_path: Path,
) -> None:
    make_brset(tmp_path, ROWS)
    paper, safe = (read_study("brset", tmp_path, p).rows["text"] for p in ("paper", "safe"))
    sick = next(i for i, row in enumerate(ROWS) if row["DR_ICDR"] != "0")
    assert "macular edema present" in paper[sick] and "macula abnormal" in paper[sick]
    assert all(name.replace("_", " ") in paper[sick] for name in FINDINGS)
    assert safe[sick].startswith("Retinal photograph. Eye: ")
    named = [name.replace("_", " ") for name in LEAKING if name != "other"]
    assert not [text for text in safe for name in named if name in text.lower()]


def test_a_disease_of_the_retina_is_taken_out_of_the_safe_comorbidities(tmp_path: Path) -> None:
    make_brset(tmp_path, ROWS)
    paper, safe = (read_study("brset", tmp_path, p).rows["text"] for p in ("paper", "safe"))
    assert "hypertension, diabetic retinopathy" in paper[2]
    assert "Comorbidities: hypertension." in safe[2]
    assert "Comorbidities: not reported." in safe[3]


def test_ages_with_a_typed_zero_or_a_comma_are_read_and_a_word_is_missing(tmp_path: Path) -> None:
    study = read_study("brset", make_brset(tmp_path, ROWS), "safe")
    assert study.covariates is not None
    ages = study.covariates["age_years"]
    assert ages[:4].isna().tolist() == [True, False, False, False]
    assert ages[1:4].tolist() == [57.0, 60.0, 61.5]
    assert study.covariates["diabetes_years"][:4].isna().tolist() == [True, True, False, False]


def test_the_other_spellings_of_columns_give_the_same_study(tmp_path: Path) -> None:
    columns = [OTHER_NAMES.get(name, name) for name in BRSET_COLUMNS]
    renamed = [{OTHER_NAMES.get(name, name): cell for name, cell in row.items()} for row in ROWS]
    make_brset(tmp_path / "released", ROWS)
    make_brset(tmp_path / "other", renamed, columns=columns)
    first, second = (read_study("brset", tmp_path / n, "paper") for n in ("released", "other"))
    assert first.rows.equals(second.rows)


def test_missing_columns_are_said_and_not_reported_in_prompts(tmp_path: Path) -> None:
    columns = [name for name in BRSET_COLUMNS if name != "patient_age"]
    rows = [{name: row[name] for name in columns} for row in ROWS]
    study = read_study("brset", make_brset(tmp_path, rows, columns=columns), "safe")
    assert ["patient_age" in i.message for i in study.issues if i.code == "missing-column"] == [
        True
    ]
    assert all("Age: not reported." in text for text in study.rows["text"])


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"DR_ICDR": ""}, "DR_ICDR of 1 rows is not 0 to 4: img00003"),
        ({"DR_ICDR": "7"}, "DR_ICDR of 1 rows is not 0 to 4: img00003"),
        ({"patient_id": ""}, "1 rows have no patient_id: img00003"),
    ],
)
def test_a_row_that_cannot_be_judged_or_grouped_is_refused(
    tmp_path: Path, change: dict[str, str], says: str
) -> None:
    make_brset(tmp_path, [*ROWS[:3], ROWS[3] | change, *ROWS[4:]])
    with pytest.raises(DropError, match=says):
        read_study("brset", tmp_path, "safe")


def test_another_table_is_refused_with_what_is_missing(tmp_path: Path) -> None:
    write_csv(tmp_path / "labels_brset.csv", ["image_id", "age"], [{"image_id": "a", "age": "1"}])
    with pytest.raises(DropError, match="'patient_id', 'dr_icdr' is missing"):
        read_study("brset", tmp_path, "safe")


@pytest.mark.real_data
def test_rows_are_made_with_the_real_columns(real_data: Path) -> None:
    assert (real_data / "brset" / "columns.txt").read_text().split() == list(BRSET_COLUMNS)
