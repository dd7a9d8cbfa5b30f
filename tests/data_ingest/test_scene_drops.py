"""Drops of scenes alone: what is new of a folder, beside tables that they say nothing about."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.desk import INFO, Desk, bands
from support.drops import CONTEXT
from support.ministry import CASES, TABLE, Ministry
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths
from pipelines.contracts import Level
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import read_drop, survey_drops
from pipelines.data.intake import accept, bring_likely, known_drops
from pipelines.data.scene_drops import make_scenes_drop
from pipelines.data.tables import Tables
from pipelines.data.validate import validate_all
from pipelines.errors import DropError
from pipelines.storage import write_json
from pipelines.weeks import CDC

LATER = DropInfo(received_date=date(2018, 12, 11), scene_period="week")


def scenes_drop(desk: Desk, info: DropInfo = LATER) -> Path | None:
    before, errors = survey_drops(desk.drops)
    assert errors == []
    return make_scenes_drop(desk.images, desk.drops, info, before, desk.cache)


def images_of(drop: Path | None) -> list[str]:
    assert drop is not None
    return sorted(p.relative_to(drop / "images").as_posix() for p in drop.rglob("*.tiff"))


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    """A table with one scene that was dropped, and one that came since."""
    desk = Desk(tmp_path)
    desk.scene("5001", "2018-11-01")
    desk.drop()
    desk.scene("5001", "2018-12-02", bands(2))
    return desk


def test_it_holds_the_new_scenes_alone_under_a_name_of_its_own(desk: Desk) -> None:
    drop = scenes_drop(desk)
    assert images_of(drop) == ["5001/image_2018-12-02.tiff"]
    assert drop is not None and drop.name == "2018-12-11.scenes"
    assert sorted(p.name for p in drop.iterdir()) == ["drop.yaml", "images"]
    assert read_drop(drop).info.scenes_alone
    assert scenes_drop(desk) == drop, "the same call again is a no-op"
    second = LATER.model_copy(update={"edition": 2, "scenes_alone": True})
    assert second.folder_name == "2018-12-11.scenes.2"


def test_nothing_new_makes_no_drop(desk: Desk) -> None:
    assert scenes_drop(desk) is not None
    assert scenes_drop(desk, LATER.model_copy(update={"received_date": date(2018, 12, 18)})) is None
    assert [p.name for p in sorted(desk.drops.iterdir())] == ["2018-12-04", "2018-12-11.scenes"]


def test_a_scene_that_was_made_anew_comes_again_and_counts(desk: Desk) -> None:
    scenes_drop(desk)
    desk.scene("5001", "2018-12-02", bands(3))
    again = scenes_drop(desk, LATER.model_copy(update={"edition": 2}))
    assert images_of(again) == ["5001/image_2018-12-02.tiff"]
    scenes = desk.validate().tables.scenes
    assert list(scenes["uri"].str.split("/").str[1]) == ["2018-12-04", "2018-12-11.scenes.2"]
    # what is held now is the newer one: the older one's pixels would be news
    desk.scene("5001", "2018-12-02", bands(2))
    assert scenes_drop(desk, LATER.model_copy(update={"edition": 3})) is not None


def test_its_scenes_reach_the_tables_and_the_counts_stay(desk: Desk) -> None:
    before = desk.validate()
    scenes_drop(desk)
    after = desk.validate()
    assert len(before.tables.scenes) == 1 and len(after.tables.scenes) == 2
    assert after.tables.cases.equals(before.tables.cases)
    assert after.tables.units.equals(before.tables.units)
    assert [i for i in after.issues if i not in before.issues and i.level != Level.INFO] == []


def test_a_place_whose_drops_are_the_whole_truth_loses_nothing_to_it(tmp_path: Path) -> None:
    ministry = Ministry(tmp_path, CASES, updates="full")
    ministry.bring("2018-10-20", cases_csv=TABLE)
    before = ministry.validate()
    desk = Desk(tmp_path / "desk")
    desk.scene("A", "2018-10-07")
    info = LATER.model_copy(update={"received_date": date(2018, 10, 21)})
    assert make_scenes_drop(desk.images, ministry.drops, info, [], desk.cache) is not None
    after = ministry.validate(previous=before.tables)
    assert len(before.tables.cases) > 0 and after.tables.cases.equals(before.tables.cases)
    assert len(after.tables.scenes) == 1
    assert {i.code for i in after.issues} <= {i.code for i in before.issues}


def test_scenes_without_any_table_stop_a_run(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.scene("5001", "2018-12-02")
    scenes_drop(desk)
    (found,) = [i for i in desk.validate().issues if i.level is Level.CRITICAL]
    assert found.message == "there are drops of scenes alone, and none with a table"


def test_one_from_the_future_stops_a_run(desk: Desk) -> None:
    scenes_drop(desk)
    found = validate_all(
        desk.drops, CONTEXT, None, None, desk.cache, today=date(2018, 12, 4)
    ).issues
    assert [i.place for i in found if i.code == "receipt-in-future"] == [
        "2018-12-11.scenes/drop.yaml"
    ]


def test_a_table_of_an_older_day_than_accepted_scenes_is_not_doubted(desk: Desk) -> None:
    """Scenes and tables do not outrank each other."""
    scenes_drop(desk)
    paths = DeploymentPaths(home=desk.home)
    folder = paths.artifacts / "datasets" / "v"
    write_json(folder / "dataset.json", {"drops": []})
    Tables.empty().save(folder / "tables")
    names = ("2018-12-04", "2018-12-11.scenes")
    accept(paths, "v", "2018-w48", [{"received_date": n, "sha256": ""} for n in names])
    table = desk.home / "incoming" / "metadata.csv"
    info = INFO.model_copy(update={"received_date": date(2018, 12, 10)})
    bring_likely(paths, [table], desk.home, info, None, CONTEXT)


def test_scenes_between_do_not_hide_a_receipt_date_that_is_far_ahead(desk: Desk) -> None:
    scenes_drop(desk, LATER.model_copy(update={"received_date": date(2019, 11, 20)}))
    paths, table = DeploymentPaths(home=desk.home), desk.home / "incoming" / "metadata.csv"
    info = INFO.model_copy(update={"received_date": date(2019, 12, 10)})
    with pytest.raises(DropError, match="53 weeks after 2018-12-04"):
        bring_likely(paths, [table], desk.home, info, None, CONTEXT)


def test_a_look_back_knows_the_oldest_table_and_no_scene_of_later(desk: Desk) -> None:
    scenes_drop(desk, LATER.model_copy(update={"received_date": date(2018, 11, 1)}))
    paths = DeploymentPaths(home=desk.home)
    names = [d.name for d in known_drops(paths, "2018-w30", CDC)]
    assert names == ["2018-12-04"]
    assert len(known_drops(paths, "2018-w48", CDC)) == 2


def test_a_folder_without_a_scene_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path)
    desk.images.mkdir()
    with pytest.raises(DropError, match="the folder holds no scene"):
        scenes_drop(desk)
    assert not desk.drops.exists() or not any(desk.drops.iterdir())


def test_scenes_known_on_receipt_are_no_sooner_known_than_a_bulletin_could_use_them() -> None:
    info = LATER.model_copy(update={"scenes_on_receipt": True})
    assert info.scene_available(date(2018, 10, 28)) == date(2018, 12, 4)
    assert LATER.scene_available(date(2018, 10, 28)) == date(2018, 11, 3)
    # the week before the receipt: its bulletin is the one that the scene came in time for
    assert info.scene_available(date(2018, 12, 2)) == date(2018, 12, 8)


def test_the_command_makes_one_where_no_file_is_named(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_HOME", str(desk.home))
    command = ["drop", "--images", str(desk.images), "--scene-period", "week", "--received"]
    made = CliRunner().invoke(app, [*command, "2018-12-11"])
    assert made.exit_code == 0, made.output
    assert images_of(desk.drops / "2018-12-11.scenes") == ["5001/image_2018-12-02.tiff"]
    again = CliRunner().invoke(app, [*command, "2018-12-12"])
    assert again.exit_code == 0
    assert "no drop was made" in again.output
    assert not (desk.drops / "2018-12-12.scenes").exists()
