"""Drops: made once, never changed, read with a clear word for what is wrong."""

from __future__ import annotations

import csv
from datetime import date
from pathlib import Path

import pytest
from support.drops import table_drop

from pipelines.data.drop_info import DropInfo, require_received
from pipelines.data.drops import check_unchanged, drop_hash, drop_manifest, list_drops, read_drop
from pipelines.errors import ConfigError, DropError

INFO = DropInfo(received_date=date(2018, 12, 4), scene_period="month", source_note="test")


def test_the_same_content_again_is_a_no_op(desk):
    desk.scene("5001", "2018-10-01")
    first = desk.drop()
    stamps = {p: p.stat().st_mtime_ns for p in first.rglob("*")}
    assert desk.drop() == first
    assert {p: p.stat().st_mtime_ns for p in first.rglob("*")} == stamps
    assert [p.name for p in desk.drops.iterdir()] == ["2018-12-04"]


def test_other_content_for_an_existing_date_is_refused_and_changes_nothing(desk):
    path = desk.drop()
    before = (path / "metadata.csv").read_bytes()
    with pytest.raises(DropError, match="its own received_date"):
        desk.drop(lambda rows: rows[1].__setitem__(-1, "99"))
    assert (path / "metadata.csv").read_bytes() == before
    assert [p.name for p in desk.drops.iterdir()] == ["2018-12-04"]


def test_until_cuts_everything_that_was_not_known(desk, real_table, tmp_path):
    desk.scene("5001", "2018-11-01")
    desk.scene("5001", "2018-12-01")
    path = table_drop(real_table, desk.images, tmp_path / "drops", INFO, until="2018-w48")
    with (path / "metadata.csv").open(encoding="utf-8", newline="") as handle:
        header, first, *rest = csv.reader(handle)
    assert {"2018/w48", "TEMPERATURE_nov_18", "Population2018", "Cases2017"} <= set(header)
    assert not {"2018/w49", "2019/w01", "TEMPERATURE_dec_18", "Population2019", "Cases2018"} & set(
        header
    )
    assert (len(rest), first[:2], len(first)) == (1120, ["5001", "Medellín"], len(header))
    assert [p.name for p in (path / "images").rglob("*.tiff")] == ["image_2018-11-01.tiff"]


def test_until_keeps_the_total_of_a_finished_year(real_table, tmp_path):
    info = DropInfo(received_date=date(2019, 1, 2), scene_period="month")
    header = (
        (table_drop(real_table, None, tmp_path, info, until="2018-w52") / "metadata.csv")
        .read_text()
        .split("\n")[0]
    )
    assert "Cases2018" in header and "Cases2019" not in header and "TEMPERATURE_dec_18" in header


def test_a_climate_latency_holds_back_the_newest_month(real_table, tmp_path):
    info = INFO.model_copy(update={"climate_latency_days": 30})
    header = (
        (table_drop(real_table, None, tmp_path, info, until="2018-w48") / "metadata.csv")
        .read_text()
        .split("\n")[0]
    )
    assert "TEMPERATURE_oct_18" in header and "TEMPERATURE_nov_18" not in header


def test_without_until_the_table_is_kept_byte_for_byte(real_table, tmp_path):
    assert (
        table_drop(real_table, None, tmp_path, INFO) / "metadata.csv"
    ).read_bytes() == real_table.read_bytes()


def test_until_must_be_a_week_and_nothing_is_left_behind(real_table, tmp_path):
    with pytest.raises(ConfigError, match="2018-w48"):
        table_drop(real_table, None, tmp_path / "drops", INFO, until="2018w48")
    assert list((tmp_path / "drops").iterdir()) == []


def test_drops_are_listed_by_received_date(desk):
    desk.drop(info=INFO.model_copy(update={"received_date": date(2019, 1, 2)}))
    desk.drop()
    (desk.drops / ".half-made").mkdir()
    assert [d.name for d in list_drops(desk.drops)] == ["2018-12-04", "2019-01-02"]


@pytest.mark.parametrize(
    ("yaml_text", "message"),
    [
        ("received_date: 2018-12-05\nscene_period: month\n", "name the folder 2018-12-05"),
        ("received_date: 2018-12-04\nscene_period: daily\n", "scene_period"),
        ("received_date: 2018-12-04\nscene_period: week\nlatency: 3\n", "latency"),
        (
            "received_date: 2018-12-04\nscene_period: week\nscene_latency_days: -1\n",
            "scene_latency_days",
        ),
        ("- no mapping\n", "drop.yaml holds no keys"),
        ("", "drop.yaml holds nothing"),
        ("a: [", "cannot be read"),
    ],
)
def test_an_invalid_drop_yaml_is_named(desk, yaml_text, message):
    path = desk.drop()
    (path / "drop.yaml").write_text(yaml_text)
    with pytest.raises(DropError, match=message) as caught:
        read_drop(path)
    assert caught.value.where == "2018-12-04/drop.yaml" and caught.value.fix


def test_a_drop_without_drop_yaml_says_how_to_make_one(desk):
    path = desk.drop()
    (path / "drop.yaml").unlink()
    with pytest.raises(DropError, match=r"no drop.yaml.*denguard drop"):
        list_drops(desk.drops)


def test_no_drop_at_all_is_an_error(tmp_path):
    with pytest.raises(DropError, match="there is no drop"):
        list_drops(tmp_path / "nowhere")


def test_a_link_in_a_drop_is_refused(desk, tmp_path):
    path = desk.drop()
    (path / "images" / "5001").mkdir(parents=True)
    (tmp_path / "secret.png").write_bytes(b"x")
    (path / "images" / "5001" / "image_2018-10-01.png").symlink_to(tmp_path / "secret.png")
    with pytest.raises(DropError, match="links") as caught:
        read_drop(path)
    assert caught.value.where.endswith("image_2018-10-01.png")


def test_a_linked_folder_among_the_scenes_is_refused_at_making(desk, tmp_path):
    desk.scene("5001", "2018-10-01")
    (desk.images / "5360").mkdir()
    (desk.images / "5360" / "image_2018-10-01.tiff").symlink_to(
        desk.images / "5001" / "image_2018-10-01.tiff"
    )
    with pytest.raises(DropError, match="link"):
        desk.drop()


def test_the_manifest_is_taken_from_the_cache_while_files_are_unchanged(desk):
    drop = read_drop(desk.drop())
    first = drop_manifest(drop, desk.cache)
    poisoned = desk.cache.read_text().replace(first["drop.yaml"], "0" * 64)
    desk.cache.write_text(poisoned)
    assert drop_manifest(drop, desk.cache)["drop.yaml"] == "0" * 64
    (drop.path / "drop.yaml").write_text((drop.path / "drop.yaml").read_text() + "\n")
    assert drop_manifest(drop, desk.cache)["drop.yaml"] not in ("0" * 64, first["drop.yaml"])


def test_a_damaged_cache_counts_as_empty(desk):
    drop = read_drop(desk.drop())
    first = drop_hash(drop, desk.cache)
    desk.cache.write_text("{")
    assert drop_hash(drop, desk.cache) == first


def test_a_changed_or_vanished_accepted_drop_is_found(desk):
    drop = read_drop(desk.drop())
    accepted = {drop.name: drop_hash(drop, desk.cache)}
    assert check_unchanged(accepted, accepted) == []
    with (drop.path / "metadata.csv").open("a") as handle:
        handle.write("\n")
    (changed,) = check_unchanged({drop.name: drop_hash(drop, desk.cache)}, accepted)
    (missing,) = check_unchanged({}, accepted)
    assert "has changed" in changed.what and "is gone" in missing.what


@pytest.mark.parametrize(
    ("period", "latency", "day", "expected"),
    [
        ("week", 0, date(2016, 1, 3), date(2016, 1, 9)),
        ("month", 0, date(2016, 2, 1), date(2016, 2, 29)),
        ("month", 5, date(2018, 12, 1), date(2019, 1, 5)),
    ],
)
def test_a_scene_is_available_when_its_period_has_ended(period, latency, day, expected):
    info = DropInfo(received_date=date(2019, 1, 2), scene_period=period, scene_latency_days=latency)
    assert info.scene_available(day) == expected


def test_a_table_that_is_not_there_is_named(tmp_path: Path):
    with pytest.raises(DropError, match="there is no table"):
        table_drop(tmp_path / "no.csv", None, tmp_path / "drops", INFO)


def test_a_receipt_date_in_the_future_is_refused_and_tomorrow_elsewhere_is_not():
    today = date(2026, 11, 16)
    require_received(date(2026, 11, 17), today)
    with pytest.raises(DropError, match=r"2081-12-04 is in the future") as caught:
        require_received(date(2081, 12, 4), today)
    assert "2026-11-16" in caught.value.fix
