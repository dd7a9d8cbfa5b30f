"""A folder of one's own with a CSV."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.study_data import Row, picture, write_csv

from pipelines.errors import DropError
from pipelines.paper.datasets import read_study
from pipelines.weeks import CDC


def make(data: Path, rows: list[Row]) -> Path:
    columns = dict.fromkeys(name for row in rows for name in row)
    write_csv(data / "rows.csv", columns, rows)
    for i, name in enumerate(sorted({row["image"] for row in rows} - {""})):
        picture(data / name, seed=i)
    return data


def rows(n: int = 12) -> list[Row]:
    return [
        {
            "image": f"pictures/{i // 2}.jpg",
            "text": f"question {i}",
            "label": ("red", "blue", "two")[i % 3],
        }
        for i in range(n)
    ]


def test_images_texts_and_labels_are_read_and_rows_of_one_image_are_one_group(
    tmp_path: Path,
) -> None:
    study = read_study("folder", make(tmp_path, rows()), "safe")
    assert study.classes == ("blue", "red", "two")
    assert [study.classes[i] for i in study.rows["label"]] == [row["label"] for row in rows()]
    assert study.rows["image"].tolist() == [row["image"] for row in rows()]
    assert study.rows["group_id"].nunique() == 6
    assert study.needs_image and study.usable.all() and not study.issues


def test_group_split_and_time_are_taken_from_their_columns(tmp_path: Path) -> None:
    given = [
        row
        | {
            "group": f"g{i // 4}",
            "split": ("Train", "val", "TEST")[i // 4],
            "time": ("2018-12-02", "2018-w49")[i % 2],
        }
        for i, row in enumerate(rows())
    ]
    study = read_study("folder", make(tmp_path, given), "safe")
    assert study.rows["group_id"].tolist() == [row["group"] for row in given]
    assert study.given_split == ("train",) * 4 + ("validation",) * 4 + ("test",) * 4
    assert set(study.rows["week_no"]) == {CDC.week_no("2018-w49")}


def test_labels_that_are_numbers_come_in_their_order(tmp_path: Path) -> None:
    numbered = [row | {"label": str(i % 11)} for i, row in enumerate(rows(22))]
    assert read_study("folder", make(tmp_path, numbered), "safe").classes == tuple(
        map(str, range(11))
    )


def test_a_row_without_image_is_a_missing_modality_and_without_both_it_is_left_out(
    tmp_path: Path,
) -> None:
    some = rows()
    some[0]["image"], some[1]["text"] = "", ""
    some[2] |= {"image": "", "text": ""}
    some[3]["label"] = ""
    study = read_study("folder", make(tmp_path, some), "safe")
    assert len(study) == 10 and not study.needs_image and study.usable.all()
    assert study.rows["image"].isna().tolist()[:2] == [True, False]
    assert study.rows["text"].isna().tolist()[:2] == [False, True]
    assert {i.code: i.message for i in study.issues}.keys() == {"empty-row", "no-label"}
    assert any("row-000005" in i.message for i in study.issues)  # as the file counts it


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"image": "../secret.jpg"}, "leads out of the folder"),
        ({"image": "/etc/secret.jpg"}, "leads out of the folder"),
        ({"time": "yesterday"}, "neither a day nor a week"),
        ({"split": "later"}, "later"),
    ],
)
def test_a_cell_that_cannot_be_used_is_told(tmp_path: Path, change: Row, says: str) -> None:
    some = [row | {"time": "2018-w01", "split": "train"} for row in rows()]
    data = make(tmp_path, some)
    write_csv(data / "rows.csv", some[0], [*some[:-1], some[-1] | change])
    with pytest.raises(DropError, match=says):
        read_study("folder", data, "safe")


def test_a_label_that_is_no_class_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DropError, match="1 different values"):
        read_study("folder", make(tmp_path, [row | {"label": "x"} for row in rows()]), "safe")


def test_without_rows_csv_the_form_is_told(tmp_path: Path) -> None:
    picture(tmp_path / "a.jpg")
    with pytest.raises(DropError, match=r"no rows\.csv") as caught:
        read_study("folder", tmp_path, "safe")
    assert "image, text and label" in caught.value.fix
