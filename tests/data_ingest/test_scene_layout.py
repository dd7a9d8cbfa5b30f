"""Scenes under the names that a partner gave them, brought into a drop."""

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest
import yaml
from support.desk import Desk
from support.homes import Home

from pipelines.config import load_profile
from pipelines.data.scene_layout import Layout, Named, standard_layout
from pipelines.errors import ConfigError, DropError
from pipelines.weeks import CDC


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return tmp_path / "theirs"


def put(images: Path, *names: str) -> None:
    for name in names:
        (images / name).parent.mkdir(parents=True, exist_ok=True)
        (images / name).write_bytes(name.encode())


def laid_out(images: Path, layout: str) -> dict[str, bytes]:
    with standard_layout(images, Layout(layout, CDC), images.parent / "drops") as folder:
        found = (p for p in folder.rglob("*") if p.is_file())
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in found}


@pytest.mark.parametrize(
    ("layout", "name", "unit", "day"),
    [
        ("S2_{unit}_{yyyymmdd}.tif", "S2_05001_20180304.tif", "05001", date(2018, 3, 4)),
        ("{unit}/{date}", "05001/2018-03-04.PNG", "05001", date(2018, 3, 4)),
        ("{year}/{month}/{unit}.jpg", "2018/3/north east.jpg", "north east", date(2018, 3, 1)),
        ("{unit}_{year}-{month}-{day}.tif", "a_b_2018-03-04.tif", "a_b", date(2018, 3, 4)),
        (
            "{unit}/{year}w{week}_*.tif",
            "7/2018w10_v3.tif",
            "7",
            date(2018, 3, 4),
        ),
    ],
)
def test_unit_and_day_are_read_from_a_name(layout: str, name: str, unit: str, day: date) -> None:
    assert Layout(layout, CDC).read(name) == Named(unit, day)


@pytest.mark.parametrize(
    ("layout", "name"),
    [
        ("S2_{unit}_{yyyymmdd}.tif", "S2_05001_20180231.tif"),
        ("S2_{unit}_{yyyymmdd}.tif", "S2_05001_2018.tif"),
        ("{unit}_{date}.tif", "a/b_2018-03-04.tif"),
        ("{unit}_{date}.tif", "b_2018-03-04.png"),
        ("{unit}_{year}w{week}.tif", "b_2018w54.tif"),
        ("{unit}.{date}.tif", "bx2018-03-04.tif"),
    ],
)
def test_another_name_and_a_day_that_does_not_exist_say_nothing(layout: str, name: str) -> None:
    assert Layout(layout, CDC).read(name) is None


def test_scenes_get_the_names_that_drops_have_and_other_files_stay_behind(images: Path) -> None:
    put(images, "S2_05001_20180304.tif", "S2_76001_20180304.TIF", "read.me", "S2_05001.aux.xml")
    assert laid_out(images, "S2_{unit}_{yyyymmdd}.tif") == {
        "05001/image_2018-03-04.tif": b"S2_05001_20180304.tif",
        "76001/image_2018-03-04.tif": b"S2_76001_20180304.TIF",
    }
    assert list((images.parent / "drops").iterdir()) == [], "nothing is left behind"


def test_an_image_of_another_name_is_refused_by_name(images: Path) -> None:
    put(images, "S2_05001_20180304.tif", "overview.tif")
    with pytest.raises(DropError, match="1 images are not named as") as refused:
        laid_out(images, "S2_{unit}_{yyyymmdd}.tif")
    assert refused.value.where == "overview.tif"


def test_two_scenes_of_one_unit_and_day_are_refused(images: Path) -> None:
    put(images, "05001/2018-03-04_a.tif", "05001/2018-03-04_b.tif")
    with pytest.raises(DropError, match="two scenes are of unit 05001 and day 2018-03-04"):
        laid_out(images, "{unit}/{date}_*.tif")


@pytest.mark.parametrize(
    ("layout", "why"),
    [
        ("{date}.tif", "names {unit} once"),
        ("{unit}/{unit}_{date}.tif", "names {unit} once"),
        ("{unit}.tif", "the day once"),
        ("{unit}_{year}_{month}_{week}.tif", "the day once"),
        ("{unit}_{date}_{name}.tif", "alone"),
        ("{unit}_{date:%Y}.tif", "alone"),
        ("../{unit}_{date}.tif", "inside the folder"),
    ],
)
def test_a_layout_that_says_no_unit_and_day_is_refused(layout: str, why: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(why)):
        load_profile("ci", **{"data.scene_layout": layout})


def test_a_drop_is_made_of_scenes_as_the_profile_says_that_they_are_named(tmp_path: Path) -> None:
    home, desk = Home(tmp_path / "home"), Desk(tmp_path / "desk")
    made = desk.scene("05001", "2018-11-01")
    theirs = tmp_path / "theirs" / "S2_05001_20181101.tiff"
    theirs.parent.mkdir()
    theirs.write_bytes(made.read_bytes())
    profile = home.path / "profiles" / "own.yaml"
    raw = load_profile("ci").model_dump(mode="json", exclude_unset=True)
    raw["data"]["scene_layout"] = "S2_{unit}_{yyyymmdd}.tiff"
    profile.parent.mkdir(parents=True)
    profile.write_text(yaml.safe_dump({**raw, "profile": "own"}), encoding="utf-8")
    asked = ("--profile", "own", "--received", "2018-12-04", "--images", str(theirs.parent))
    code, output = home.tried_here("drop", *asked)
    assert code == 0, output
    (drop,) = (home.path / "data" / "drops").iterdir()
    scenes = [p.relative_to(drop).as_posix() for p in drop.rglob("*.tiff")]
    assert scenes == ["images/05001/image_2018-11-01.tiff"]
