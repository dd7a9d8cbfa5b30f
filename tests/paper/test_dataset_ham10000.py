"""HAM10000 from rows that tests make, tried wrong, and the real metadata where it is given."""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from support.study_data import ham_rows, make_ham, picture

from pipelines.contracts import Level
from pipelines.errors import DropError
from pipelines.paper.datasets import ham10000, read_study
from pipelines.paper.leakage import guard_text
from pipelines.paper.study import Study

ROWS = ham_rows(60, lesions=30)


def codes(study: Study) -> dict[str, int]:
    return {issue.code: issue.rows for issue in study.issues if issue.code != "other-row-count"}


def images(study: Study) -> list[str]:
    return study.rows["image"].dropna().tolist()


def test_every_metadata_row_is_there_with_the_images_of_this_disk_joined_by_id(
    tmp_path: Path,
) -> None:
    study = read_study("ham10000", make_ham(tmp_path, ROWS, with_images=4), "safe")
    assert study.rows["sample_id"].tolist() == [row["image_id"] for row in ROWS]
    assert study.rows["group_id"].tolist() == [row["lesion_id"] for row in ROWS]
    assert [study.classes[i] for i in study.rows["label"]] == [row["dx"] for row in ROWS]
    assert images(study) == [
        f"HAM10000_images_part_{1 + i % 2}/{ROWS[i]['image_id']}.jpg" for i in range(4)
    ]
    assert study.usable.sum() == 4
    assert codes(study) == {"images-not-here": 56}


def test_the_papers_prompt_says_how_it_was_confirmed_and_the_safe_one_does_not(
    tmp_path: Path,
) -> None:
    make_ham(tmp_path, ROWS)
    paper, safe = (read_study("ham10000", tmp_path, p) for p in ("paper", "safe"))
    first = ROWS[0]
    for text in (paper.rows["text"][0], safe.rows["text"][0]):
        assert f"{float(first['age']):g} years" in text
        assert first["sex"] in text and first["localization"] in text
    assert first["dx_type"] in paper.rows["text"][0]
    assert not any(
        row["dx_type"] in text for row, text in zip(ROWS, safe.rows["text"], strict=True)
    )
    assert not [c for c in safe.covariates if "dx" in c or "histo" in c]


def test_an_empty_age_is_not_reported_in_the_prompt_and_missing_among_covariates(
    tmp_path: Path,
) -> None:
    study = read_study("ham10000", make_ham(tmp_path, ROWS), "safe")
    empty = np.array([row["age"] == "" for row in ROWS])
    assert empty.any() and study.covariates is not None
    np.testing.assert_array_equal(np.isnan(study.covariates["age_years"]), empty)
    assert all("Age: not reported." in t for t in study.rows["text"][empty])
    assert study.covariates.drop(columns="age_years").notna().all().all()


@pytest.mark.parametrize("name", ["ham10000_METADATA.CSV", "HAM10000_metadata.tab"])
def test_the_table_is_found_under_its_other_names(tmp_path: Path, name: str) -> None:
    make_ham(tmp_path / "deeper", ROWS, name=name)
    assert len(read_study("ham10000", tmp_path, "safe")) == len(ROWS)


def test_extensions_in_any_case_are_images(tmp_path: Path) -> None:
    make_ham(tmp_path, ROWS)
    for i, suffix in enumerate((".JPG", ".Jpeg", ".PNG")):
        picture(tmp_path / "a" / f"{ROWS[i]['image_id']}{suffix}", seed=i)
    assert len(images(read_study("ham10000", tmp_path, "safe"))) == 3


def test_a_half_downloaded_folder_is_said_with_names_and_its_rows_are_without_image(
    tmp_path: Path,
) -> None:
    make_ham(tmp_path, ROWS, with_images=5)
    one, two, three = (
        tmp_path / f"HAM10000_images_part_{1 + i % 2}" / f"{ROWS[i]['image_id']}.jpg"
        for i in range(3)
    )
    one.write_bytes(one.read_bytes()[:200])
    two.write_bytes(b"")
    three.write_text("<html>503 Service Unavailable</html>")
    (tmp_path / f"{ROWS[9]['image_id']}.gif").write_bytes(b"GIF89a")
    study = read_study("ham10000", tmp_path, "safe")
    assert len(images(study)) == 2
    issues = [i for i in study.issues if i.code in ("damaged-image", "wrong-type-image")]
    assert sorted((i.code, i.rows) for i in issues) == [
        ("damaged-image", 2),
        ("wrong-type-image", 1),
        ("wrong-type-image", 1),
    ]
    assert {
        name for name in (one.name, two.name, three.name) if any(name in i.message for i in issues)
    } == {one.name, two.name, three.name}
    assert all("denguard fetch ham10000" in i.fix for i in issues)


def test_without_any_image_the_study_says_so_as_critical(tmp_path: Path) -> None:
    study = read_study("ham10000", make_ham(tmp_path, ROWS), "safe")
    assert [i.level for i in study.issues if i.code == "images-not-here"] == [Level.CRITICAL]
    assert not study.usable.any()


def test_an_image_in_two_folders_with_equal_bytes_is_one(tmp_path: Path) -> None:
    make_ham(tmp_path, ROWS, with_images=1)
    copy = tmp_path / "copy" / f"{ROWS[0]['image_id']}.jpg"
    copy.parent.mkdir()
    shutil.copyfile(tmp_path / "HAM10000_images_part_1" / copy.name, copy)
    study = read_study("ham10000", tmp_path, "safe")
    assert len(images(study)) == 1
    assert codes(study)["repeated-image"] == 1


def test_two_different_files_of_one_image_are_an_error_that_names_both(tmp_path: Path) -> None:
    make_ham(tmp_path, ROWS, with_images=1)
    other = picture(tmp_path / "copy" / f"{ROWS[0]['image_id']}.JPG", seed=99)
    with pytest.raises(DropError) as caught:
        read_study("ham10000", tmp_path, "safe")
    assert str(other) in caught.value.where
    assert f"part_1/{ROWS[0]['image_id']}.jpg" in caught.value.where


def test_rows_that_repeat_another_one_whole_are_left_out_and_counted(tmp_path: Path) -> None:
    study = read_study("ham10000", make_ham(tmp_path, [*ROWS, *ROWS[:7]]), "safe")
    assert len(study) == len(ROWS)
    assert codes(study)["repeated-row"] == 7


def test_rows_of_one_image_that_contradict_each_other_are_an_error(tmp_path: Path) -> None:
    make_ham(tmp_path, [*ROWS, ROWS[4] | {"dx": "df", "dx_type": "confocal"}])
    with pytest.raises(DropError, match=f"contradict.*{ROWS[4]['image_id']}"):
        read_study("ham10000", tmp_path, "safe")


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (lambda d: shutil.rmtree(d), "no such data folder"),
        (lambda d: (d / "HAM10000_metadata.csv").unlink(), "data folder is empty"),
        (lambda d: (d / "HAM10000_metadata.csv").rename(d / "meta.csv"), "HAM10000_metadata.tab"),
    ],
)
def test_a_wrong_folder_is_told_with_the_command_that_fills_it(tmp_path: Path, spoil, says) -> None:
    data = make_ham(tmp_path / "data", ROWS)
    spoil(data)
    with pytest.raises(DropError, match=says) as caught:
        read_study("ham10000", data, "safe")
    assert f"denguard fetch ham10000 --to {data}" in caught.value.fix


def test_a_table_that_was_cut_off_is_refused_with_its_row(tmp_path: Path) -> None:
    table = make_ham(tmp_path, ROWS) / "HAM10000_metadata.csv"
    table.write_text(table.read_text().rstrip()[:-20])
    with pytest.raises(DropError, match=r"row 61 has \d cells"):
        read_study("ham10000", tmp_path, "safe")


def test_a_class_that_is_none_of_the_seven_is_refused(tmp_path: Path) -> None:
    make_ham(tmp_path, [*ROWS, ham_rows(61)[-1] | {"dx": "wart"}])
    with pytest.raises(DropError, match="wart"):
        read_study("ham10000", tmp_path, "safe")


def test_images_are_not_decoded_again_while_they_stay_the_same(tmp_path: Path) -> None:
    data, cache = make_ham(tmp_path / "data", ROWS, with_images=3), tmp_path / "files.json"
    read_study("ham10000", data, "safe", cache)
    known = cache.read_text()
    cache.write_text(known.replace('"problem": ""', '"problem": "damaged-image"', 1))
    assert cache.read_text() != known
    assert len(images(read_study("ham10000", data, "safe", cache))) == 2


@pytest.mark.real_data
def test_the_real_metadata_is_read_whole_and_its_texts_do_not_tell_the_label(
    real_data: Path,
) -> None:
    study = ham10000.read(real_data / "ham10000-mini", "safe")
    guard_text(study)
    assert len(study) == 10_015 and study.usable.sum() == 210
    assert np.bincount(study.rows["label"]).tolist() == [327, 514, 1099, 115, 1113, 6705, 142]
    assert study.rows["group_id"].nunique() == 7_470
    assert study.covariates is not None and study.covariates["age_years"].isna().sum() == 57
    assert codes(study) == {"images-not-here": 9_805}
