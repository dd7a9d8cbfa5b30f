"""Tried wrong, at the drop: scenes. Each says level and file, and what to do; good scenes stay."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from pipelines.contracts import Issue, Level
from pipelines.data.validation_result import ValidationResult


def the(found: ValidationResult | list[Issue], code: str) -> Issue:
    """The one issue of this code."""
    issues = found if isinstance(found, list) else list(found.issues)
    of_code = [i for i in issues if i.code == code]
    assert len(of_code) == 1, [i.code for i in issues]
    return of_code[0]


def png(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.random.default_rng(0).integers(0, 255, (32, 32, 3), dtype=np.uint8)).save(
        path
    )
    return path


def test_a_truncated_png_is_quarantined_and_the_other_scenes_stay(desk):
    desk.scene("5001", "2018-09-01")
    file = png(desk.images / "5001" / "image_2018-10-01.png")
    file.write_bytes(file.read_bytes()[:900])
    desk.drop()
    result = desk.validate()
    issue = the(result, "damaged-scene")
    assert issue.level is Level.ERROR and issue.period == "2018-10-01"
    assert issue.place == "2018-12-04/images/5001/image_2018-10-01.png (05001)"
    assert "again" in issue.fix and [str(d) for d in result.tables.scenes["scene_date"]] == [
        "2018-09-01"
    ]
    assert result.quarantine["file"].tolist() == ["2018-12-04/images/5001/image_2018-10-01.png"]


def test_an_8_band_tiff_is_quarantined(desk):
    desk.scene("5001", "2018-10-01", np.ones((8, 16, 16), np.uint8))
    desk.drop()
    result = desk.validate()
    issue = the(result, "wrong-bands")
    assert issue.level is Level.ERROR and "8 bands" in issue.message and "12" in issue.fix
    assert "image_2018-10-01.tiff" in issue.place and result.tables.scenes.empty


def test_a_pixel_bomb_is_quarantined(desk):
    file = desk.images / "5001" / "image_2018-10-01.png"
    file.parent.mkdir(parents=True)
    Image.new("1", (8000, 8000)).save(file)
    desk.drop()
    result = desk.validate()
    issue = the(result, "pixel-bomb")
    assert issue.level is Level.ERROR and "8000 x 8000" in issue.message and "smaller" in issue.fix
    assert result.tables.scenes.empty and not result.critical


def test_scenes_of_an_unknown_municipality_are_quarantined(desk):
    desk.scene("5001", "2018-10-01")
    desk.scene("5002", "2018-10-01")
    desk.scene("abc", "2018-10-01")
    desk.drop()
    result = desk.validate()
    issues = [i for i in result.issues if i.code == "unknown-municipality"]
    assert [i.level for i in issues] == [Level.ERROR] * 2 and "5002" in issues[0].place
    assert result.tables.scenes["unit_id"].tolist() == ["05001"]


def test_a_scene_dated_after_it_was_received_is_quarantined(desk):
    desk.scene("5001", "2019-02-01")
    desk.drop()
    result = desk.validate()
    assert the(result, "scene-from-the-future").level is Level.ERROR and result.tables.scenes.empty


def test_two_files_of_one_date_give_one_scene_and_an_error(desk):
    desk.scene("5001", "2018-10-01")
    png(desk.images / "05001" / "image_2018-10-01.png")
    desk.drop()
    result = desk.validate()
    assert the(result, "duplicate-scene").place.startswith("2018-12-04/images/5001/")
    assert len(result.tables.scenes) == 1


def test_mostly_blank_scenes_are_a_warning_and_kept_as_blank(desk):
    desk.scene("5001", "2018-09-01")
    for day in ("2018-10-01", "2018-11-01"):
        desk.scene("5001", day, np.zeros((12, 8, 8), np.uint8))
    desk.drop()
    result = desk.validate()
    issue = the(result, "blank-share")
    assert (
        issue.level is Level.WARNING
        and issue.message.startswith("2 of 3 scenes")
        and issue.rows == 2
    )
    assert sorted(result.tables.scenes["quality"]) == ["blank", "blank", "ok"]


def test_a_file_that_is_no_scene_is_a_warning(desk):
    desk.images.mkdir(parents=True)
    (desk.images / "Thumbs.db").write_bytes(b"x")
    desk.drop()
    issue = the(desk.validate(), "unknown-file")
    assert issue.level is Level.WARNING and issue.place.startswith("2018-12-04/images/Thumbs.db")


def test_a_bigtiff_whose_header_lies_is_quarantined(desk):
    file = desk.scene("5001", "2018-10-01")
    tifffile.imwrite(
        file,
        np.ones((12, 16, 16), np.uint8),
        bigtiff=True,
        metadata=None,
        photometric="minisblack",
        planarconfig="separate",
    )
    file.write_bytes(file.read_bytes()[:-700])
    desk.drop()
    assert desk.validate().tables.scenes.empty
