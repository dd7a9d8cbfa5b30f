"""What a drop tells of its scenes beside their pixels, on its way to the age that a row has."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.desk import INFO, Desk, bands

from pipelines.contracts import Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.scene_choice import choose_scenes
from pipelines.data.scene_drops import make_scenes_drop
from pipelines.data.tables import Tables
from pipelines.weeks import CDC

HEADER = "unit_id,period,first_day,last_day,scene,clear_share,cloud_share,age_days\n"
WEEK = DropInfo(received_date=date(2018, 12, 11), scene_period="week")
FILE = "scene_observations.csv"
SCENE = "5001/image_2018-12-02.tiff"


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A table, and beside it two scenes of which the newer one's table tells more."""
    desk = Desk(tmp_path)
    desk.drop()
    desk.scene("5001", "2018-11-25", bands(1))
    desk.scene("5001", "2018-12-02", bands(2))
    return desk


def told(desk: Desk, *lines: str) -> Path:
    """A drop of the scenes, with these lines in the table beside them."""
    table = desk.images.parent / "scenes.csv"
    table.write_text(HEADER + "".join(f"{line}\n" for line in lines), encoding="utf-8")
    drop = make_scenes_drop(desk.images, desk.drops, WEEK, [], desk.cache)
    assert drop is not None
    return drop


NEWER = f"5001,week,2018-12-02,2018-12-08,images/{SCENE},0.8125,0.4,6"


def test_a_drop_takes_the_lines_of_its_own_scenes(desk: Desk) -> None:
    drop = told(desk, NEWER, "5360,week,2018-12-02,2018-12-08,images/5360/x.tiff,1,0,0", ",,,,,,,")
    assert (drop / FILE).read_text(encoding="utf-8") == (
        f"scene,clear_share,cloud_share,observed_date\n{SCENE},0.8125,0.4,2018-12-02\n"
    )


def test_they_reach_the_table_of_scenes_and_are_read_again(desk: Desk, tmp_path: Path) -> None:
    told(desk, NEWER)
    found = desk.validate()
    assert [i.code for i in found.issues if i.level is not Level.INFO] == []
    tables = Tables.load(found.tables.save(tmp_path / "tables"))
    columns = ["scene_date", "clear_share", "cloud_share", "observed_date"]
    older, newer = tables.scenes[columns].itertuples(index=False)
    assert tuple(newer) == (date(2018, 12, 2), 0.8125, 0.4, date(2018, 12, 2))
    assert older.observed_date is None and np.isnan(older.clear_share)


def test_tables_whose_drops_tell_nothing_are_as_before(desk: Desk, tmp_path: Path) -> None:
    make_scenes_drop(desk.images, desk.drops, WEEK, [], desk.cache)
    found = desk.validate().tables
    assert list(found.scenes.columns) == list(Tables.empty().scenes.columns)


@pytest.mark.parametrize(
    "line",
    [
        f"{SCENE},1.5,0.4,2018-12-02",
        f"{SCENE},0.5,-1,2018-12-02",
        f"{SCENE},0.5,0.4,2018-12-09",
        f"{SCENE},0.5,0.4,2018-12-01",
        f"{SCENE},0.5,0.4,soon",
        f"{SCENE},much,0.4,2018-12-02",
        f"{SCENE},0.5,0.4",
        "5001/x.tiff,0.5,0.4,2018-12-02",
    ],
)
def test_a_line_that_cannot_be_is_named_and_not_used(desk: Desk, line: str) -> None:
    drop = told(desk, NEWER)
    (drop / FILE).chmod(0o644)
    (drop / FILE).write_text(f"scene,clear_share,cloud_share,observed_date\n{line}\n")
    found = desk.validate()
    (issue,) = [i for i in found.issues if i.code == "scene-observations"]
    assert issue.place == f"2018-12-11.scenes/{FILE}"
    assert "observed_date" not in found.tables.scenes.columns
    assert len(found.tables.scenes) == 2


@pytest.mark.parametrize("content", [b"\xff\xfe\x00", b"", b'"', b"a,b\n1,2\n"])
def test_a_file_that_is_no_table_stops_nothing(desk: Desk, content: bytes) -> None:
    drop = told(desk, NEWER)
    (drop / FILE).chmod(0o644)
    (drop / FILE).write_bytes(content)
    found = desk.validate()
    assert [i for i in found.issues if i.level in (Level.CRITICAL, Level.ERROR)] == []
    assert len(found.tables.scenes) == 2


def test_a_table_beside_the_folder_that_is_another_one_is_left_there(desk: Desk) -> None:
    (desk.images.parent / "scenes.csv").write_text("what,ever\n1,2\n")
    drop = make_scenes_drop(desk.images, desk.drops, WEEK, [], desk.cache)
    assert drop is not None and not (drop / FILE).exists()


def chosen(max_age_weeks: int, **more: object) -> pd.DataFrame:
    """Age and quality at the origins 2018-w44 to w52 of one monthly scene of November."""
    scene = {
        "unit_id": "05001",
        "scene_date": date(2018, 11, 1),
        "quality": "ok",
        "available_date": date(2018, 11, 30),
        "first_seen_available_date": date(2018, 11, 30),
        **more,
    }
    origins = np.arange(CDC.week_no("2018-w44"), CDC.week_no("2018-w52") + 1)
    found = choose_scenes(pd.DataFrame([scene]), ["05001"], origins, max_age_weeks, CDC)
    labels = [CDC.week_label(int(origin)) for origin in origins]
    return pd.DataFrame({"age": found.age_weeks[0], "quality": found.quality[0]}, index=labels)


def test_a_scene_is_as_old_as_the_newest_day_that_it_shows() -> None:
    # November's end lies in w48, the 5th in w45: the scene is had in w48 and three weeks old then
    plain, seen = chosen(13), chosen(13, observed_date=date(2018, 11, 5))
    assert plain["age"].loc["2018-w48":].tolist() == [0, 1, 2, 3, 4]
    assert seen["age"].loc["2018-w48":].tolist() == [3, 4, 5, 6, 7]
    assert seen["age"].loc[:"2018-w47"].isna().all(), "it is had no sooner"
    untold = chosen(13, observed_date=None)
    assert untold.equals(plain)


def test_a_scene_of_old_days_is_stale_sooner() -> None:
    seen = chosen(4, observed_date=date(2018, 11, 5))
    assert seen["quality"].loc["2018-w48":].tolist() == ["ok", "ok", "stale", "stale", "stale"]


def test_a_table_drop_takes_them_too(desk: Desk) -> None:
    (desk.images.parent / "scenes.csv").write_text(HEADER + NEWER + "\n")
    drop = desk.drop(info=INFO.model_copy(update={"received_date": date(2018, 12, 18)}))
    assert (drop / FILE).is_file()
    assert (drop / "metadata.csv").is_file()
