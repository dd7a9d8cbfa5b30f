"""SatelliteBench from the real municipal table, which a package carries, and scenes that tests
make.
"""

from __future__ import annotations

import csv
import shutil
from datetime import date, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image
from support.study_data import picture

from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench_columns import CODE, TEN_MUNICIPALITIES
from pipelines.errors import DropError
from pipelines.paper.datasets import read_study
from pipelines.paper.study import Study

MEDELLIN, CALI = "05001", "76001"
SUNDAYS = [date(2016, 1, 3) + timedelta(weeks=k) for k in range(156)]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """The table alone."""
    folder = tmp_path / "data"
    folder.mkdir()
    shutil.copyfile(package_table(), folder / "metadata.csv")
    return folder


@pytest.fixture(scope="module")
def cases() -> pd.DataFrame:
    """(unit_id, "2016/w01") weekly cases, straight from the table."""
    table = pd.read_csv(package_table())
    return table.set_index(table[CODE].astype(str).str.zfill(5))


def columns(first: int = 2016, last: int = 2018) -> list[str]:
    return [f"{year}/w{week:02d}" for year in range(first, last + 1) for week in range(1, 53)]


def of(study: Study, unit: str) -> pd.DataFrame:
    return study.rows[study.rows["group_id"] == unit].reset_index(drop=True)


def scene(folder: Path, unit: str, day: date, seed: int = 1, suffix: str = ".png") -> Path:
    return picture(folder / str(int(unit)) / f"image_{day}{suffix}", seed=seed)


def test_there_are_ten_municipalities_by_156_weeks_each_with_a_prompt(data: Path) -> None:
    study = read_study("satellitebench", data, "safe")
    assert len(study) == 1_560
    assert study.rows["group_id"].unique().tolist() == sorted(TEN_MUNICIPALITIES)
    medellin = of(study, MEDELLIN)
    assert medellin["sample_id"].iloc[[0, -1]].tolist() == ["05001-2016-w01", "05001-2018-w52"]
    assert [
        f"Date: {day}." in text for day, text in zip(SUNDAYS, medellin["text"], strict=True)
    ] == [True] * 156
    assert (
        medellin["text"][0].startswith("City: Medellín.")
        and "aged 0-4 5.16 %" in medellin["text"][0]
    )


def test_the_papers_label_is_above_the_median_of_all_156_weeks(
    data: Path, cases: pd.DataFrame
) -> None:
    study = read_study("satellitebench", data, "paper")
    for unit in TEN_MUNICIPALITIES:
        weekly = cases.loc[unit, columns()].astype(float)
        assert of(study, unit)["label"].tolist() == (weekly > weekly.median()).astype(int).tolist()


def test_the_safe_label_is_above_the_median_of_2016_and_2017(
    data: Path, cases: pd.DataFrame
) -> None:
    study = read_study("satellitebench", data, "safe")
    for unit in TEN_MUNICIPALITIES:
        weekly = cases.loc[unit, columns()].astype(float)
        median = weekly[columns(2016, 2017)].median()
        assert of(study, unit)["label"].tolist() == (weekly > median).astype(int).tolist()
    assert study.rows["label"][study.rows["sample_id"].str.contains("05001-2018")].sum() == 0


def test_persistence_is_the_class_of_the_week_before(data: Path, cases: pd.DataFrame) -> None:
    study = read_study("satellitebench", data, "safe")
    assert study.persistence is not None
    at = study.rows["group_id"] == CALI
    known = study.persistence[at]
    assert known[1:].tolist() == study.rows["label"][at].tolist()[:-1]
    median = cases.loc[CALI, columns(2016, 2017)].astype(float).median()
    assert known[0] == float(cases.loc[CALI, "2015/w52"] > median)


def test_covariates_and_persistence_know_nothing_of_their_own_week_or_later(data: Path) -> None:
    before = read_study("satellitebench", data, "safe")
    with (data / "metadata.csv").open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    later = [
        i
        for i, name in enumerate(header)
        if name[:4] in ("2018", "2019") and name >= "2018/w20" and "/w" in name
    ]
    for row in rows:
        for i in later:
            row[i] = str(int(float(row[i])) + 500)
    with (data / "metadata.csv").open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle).writerows([header, *rows])
    after = read_study("satellitebench", data, "safe")
    until = (before.rows["sample_id"].str[6:] <= "2018-w20").to_numpy()
    assert before.covariates is not None and after.covariates is not None
    pd.testing.assert_frame_equal(before.covariates[until], after.covariates[until])
    np.testing.assert_array_equal(before.persistence[until], after.persistence[until])
    assert not before.covariates[~until].equals(after.covariates[~until])
    assert before.rows["text"].equals(after.rows["text"])


def test_a_weeks_scene_is_the_one_of_its_sunday_in_both_protocols(data: Path) -> None:
    images = data / "10_municipalities" / "images"
    for k, day in enumerate(SUNDAYS[:3]):
        scene(images, MEDELLIN, day, seed=k)
    scene(data / "elsewhere" / "images", MEDELLIN, SUNDAYS[5], seed=9)  # not of the archive
    for protocol in ("paper", "safe"):
        seen = of(read_study("satellitebench", data, protocol), MEDELLIN)["image"]
        assert seen[:3].tolist() == [
            f"10_municipalities/images/5001/image_{day}.png" for day in SUNDAYS[:3]
        ]
        assert seen[3] is None or (protocol == "safe" and seen[3] == seen[2])


def test_the_paper_takes_a_months_composite_at_once_and_the_safe_one_when_it_was_there(
    data: Path,
) -> None:
    for month in (9, 10, 11):
        scene(data / "landsat" / "images", CALI, date(2017, month, 1), seed=month)
    assert date(2017, 10, 15) in SUNDAYS and date(2017, 12, 24) in SUNDAYS
    paper, safe = (
        read_study("satellitebench", data, p).rows.set_index("sample_id")["image"]
        for p in ("paper", "safe")
    )
    october, december = "76001-2017-w42", "76001-2017-w52"
    assert paper[october] == "landsat/images/76001/image_2017-10-01.png"
    assert paper[december] is None  # 1 November is 53 days before
    assert safe[october] == "landsat/images/76001/image_2017-09-01.png"
    assert safe[december] == "landsat/images/76001/image_2017-11-01.png"


def test_a_blank_scene_is_a_picture_to_the_paper_and_a_missing_one_to_the_safe_protocol(
    data: Path,
) -> None:
    folder = data / "10_municipalities" / "images" / "5001"
    folder.mkdir(parents=True)
    Image.new("RGB", (24, 16)).save(folder / f"image_{SUNDAYS[0]}.png")
    paper, safe = (read_study("satellitebench", data, p) for p in ("paper", "safe"))
    assert of(paper, MEDELLIN)["image"].notna().sum() == 1
    assert of(safe, MEDELLIN)["image"].notna().sum() == 0
    assert "1 of 1,560 weeks see a scene, 1 of them a blank one." in paper.notes
    assert paper.usable.sum() == 1 and safe.usable.all()
    assert (paper.crop_px, safe.crop_px) == (224, None)


def test_without_scenes_the_safe_study_has_texts_and_says_what_is_missing(data: Path) -> None:
    study = read_study("satellitebench", data, "safe")
    assert study.usable.all() and study.rows["image"].isna().all()
    issue = next(i for i in study.issues if i.code == "scenes-not-here")
    assert issue.rows == 10 and "denguard fetch satellitebench" in issue.fix


def test_a_damaged_scene_and_two_that_differ_are_told(data: Path) -> None:
    good = scene(data / "a" / "images", MEDELLIN, SUNDAYS[0])
    good.write_bytes(good.read_bytes()[:150])
    study = read_study("satellitebench", data, "paper")
    assert [i.rows for i in study.issues if i.code == "damaged-scene"] == [1]
    scene(data / "b" / "images", MEDELLIN, SUNDAYS[0], seed=5)
    with pytest.raises(DropError, match="differ"):
        read_study("satellitebench", data, "paper")


def test_the_table_with_the_municipality_code_is_taken_among_several(data: Path) -> None:
    (data / "bench").mkdir()
    (data / "metadata.csv").rename(data / "bench" / "metadata.csv")
    (data / "metadata.csv").write_text("id,name\n1,other\n")
    assert len(read_study("satellitebench", data, "safe")) == 1_560


def test_without_the_table_the_command_that_brings_it_is_told(tmp_path: Path) -> None:
    scene(tmp_path / "images", MEDELLIN, SUNDAYS[0])
    with pytest.raises(DropError, match=r"no metadata\.csv") as caught:
        read_study("satellitebench", tmp_path, "safe")
    assert f"denguard fetch satellitebench --to {tmp_path}" in caught.value.fix


def test_the_81s_folders_name_its_municipalities_and_the_newest_version_counts(data: Path) -> None:
    for unit in (MEDELLIN, "05002", CALI):
        scene(data / "81_municipalities_v2.0" / "images", unit, SUNDAYS[0])
    scene(data / "81_municipalities_v1.0" / "images", "05360", SUNDAYS[0], seed=3)
    paper = read_study("satellitebench81", data, "paper")
    assert paper.rows["group_id"].unique().tolist() == ["05001", "05002", "76001"]
    assert len(paper) == 3 * 156 and paper.usable.sum() == 3
    assert [i.rows for i in paper.issues if i.code == "fewer-municipalities"] == [3]
    safe = read_study("satellitebench81", data, "safe")  # 05002 has no usual case
    assert safe.rows["group_id"].unique().tolist() == ["05001", "76001"]
    assert [i.rows for i in safe.issues if i.code == "refused-municipality"] == [1]


def test_without_the_81s_folder_the_command_names_it(data: Path) -> None:
    with pytest.raises(DropError, match="81_municipalities") as caught:
        read_study("satellitebench81", data, "safe")
    assert "--only '81_municipalities*'" in caught.value.fix


@pytest.mark.real_data
def test_the_real_composites_of_medellin_give_every_week_a_scene(real_data: Path) -> None:
    paper, safe = (read_study("satellitebench", real_data, p) for p in ("paper", "safe"))
    for study in (paper, safe):
        assert len(study) == 1_560 and of(study, MEDELLIN)["image"].notna().all()
    first = of(paper, MEDELLIN)["image"][0], of(safe, MEDELLIN)["image"][0]
    assert first == tuple(
        f"medellin-landsat/images/5001/image_{d}.png" for d in ("2016-01-01", "2015-12-01")
    )
    assert of(paper, MEDELLIN)["image"].str.contains("2018-11").any()  # four fifths of it are cloud
    assert not of(safe, MEDELLIN)["image"].str.contains("2018-11|2017-06").any()
