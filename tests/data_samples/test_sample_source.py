"""The sample drop: real table, scenes drawn from place, season and past climate."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import pytest
import tifffile

from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import list_drops, read_drop
from pipelines.data.sources.sample import SAMPLE_INFO, make_sample_drop, package_table
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES, read_column
from pipelines.data.sources.synthetic_scenes import Climate, render_scene, render_scenes
from pipelines.errors import DropError
from pipelines.storage import manifest_of

UNITS = ("05001", "41001")
FIRST, LAST = 2016 * 12, 2016 * 12 + 11


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample_drop(tmp_path_factory.mktemp("data") / "drops")


@pytest.fixture(scope="module")
def header_and_rows() -> tuple[list[str], list[list[str]]]:
    with package_table().open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    return header, rows


def table_with(
    changed: Callable[[str], bool], table: tuple[list[str], list[list[str]]], out: Path
) -> Path:
    """The real table with another number in every column that `changed` picks."""
    header, rows = table
    other = [str(i % 97) if changed(name) else None for i, name in enumerate(header)]
    with out.open("w", encoding="utf-8", newline="") as handle:
        writer = csv.writer(handle)
        writer.writerow(header)
        writer.writerows([new or old for new, old in zip(other, row, strict=True)] for row in rows)
    return out


def kind_is(*kinds: str) -> Callable[[str], bool]:
    return lambda name: (column := read_column(name)) is not None and column.kind in kinds


def scenes_of(table: Path, out: Path) -> dict[str, str]:
    render_scenes(table, UNITS, FIRST, LAST, out)
    return manifest_of(out)


def test_changing_all_cases_leaves_every_scene_as_it_is(
    header_and_rows: tuple[list[str], list[list[str]]], tmp_path: Path
) -> None:
    other = table_with(kind_is("week", "yearly_cases"), header_and_rows, tmp_path / "cases.csv")
    assert scenes_of(package_table(), tmp_path / "a") == scenes_of(other, tmp_path / "b")


def test_changing_the_climate_changes_scenes(
    header_and_rows: tuple[list[str], list[list[str]]], tmp_path: Path
) -> None:
    other = table_with(kind_is("rain", "temp"), header_and_rows, tmp_path / "climate.csv")
    assert scenes_of(package_table(), tmp_path / "a") != scenes_of(other, tmp_path / "b")


def test_a_scene_does_not_show_its_own_month(
    header_and_rows: tuple[list[str], list[list[str]]], tmp_path: Path
) -> None:
    now = ("TEMPERATURE_dec_16", "PRECIPITATION_dec_16")
    other = table_with(lambda name: name in now, header_and_rows, tmp_path / "december.csv")
    assert scenes_of(package_table(), tmp_path / "a") == scenes_of(other, tmp_path / "b")


def test_more_rain_is_greener() -> None:
    dry, wet = (
        render_scene("05001", 2016 * 12, {k: Climate(220, mm) for k in (1, 2, 3)}).astype(int)
        for mm in (0, 240)
    )
    clear = (dry.max(axis=0) < 200) & (wet.max(axis=0) < 200)  # outside clouds
    green_over_red = [(s[2] - s[3])[clear].mean() for s in (dry, wet)]
    assert green_over_red[1] > green_over_red[0] + 10


def test_places_look_different() -> None:
    past = {k: Climate(240, 100) for k in (1, 2, 3)}
    one, two = (render_scene(unit, 2016 * 12, past).astype(int) for unit in UNITS)
    assert np.abs(one - two).mean() > 10


def test_it_holds_a_scene_for_every_place_and_month_with_few_blank_or_repeated(drop: Path) -> None:
    files = sorted((drop / "images").rglob("*.tiff"))
    assert len(files) == 71 * len(TEN_MUNICIPALITIES)
    assert {p.parent.name for p in files} == set(TEN_MUNICIPALITIES)
    assert {files[0].name, files[-1].name} == {"image_2013-01-01.tiff", "image_2018-11-01.tiff"}
    blank = [p for p in files if not tifffile.imread(p).any()]
    hashes = list(manifest_of(drop / "images").values())
    assert 7 <= len(blank) <= 50
    assert 15 <= len(hashes) - len(set(hashes)) - len(blank) <= 90


def test_a_scene_is_an_uncompressed_12_band_tiff_without_a_trace_of_its_maker(drop: Path) -> None:
    with tifffile.TiffFile(drop / "images" / "05001" / "image_2016-02-01.tiff") as tiff:
        page = tiff.pages[0]
        assert (len(tiff.pages), page.shape, page.dtype, int(page.compression)) == (
            1,
            (12, 64, 64),
            np.uint8,
            1,
        )
        assert not {"Software", "DateTime", "ImageDescription", "Artist"} & {
            t.name for t in page.tags
        }


def test_the_table_ends_with_what_was_known_on_the_day(drop: Path) -> None:
    with (drop / "metadata.csv").open(encoding="utf-8") as handle:
        header = next(csv.reader(handle))
    assert "2018/w48" in header
    assert not {"2018/w49", "2019/w01", "TEMPERATURE_dec_18", "Cases2018", "Population2019"} & set(
        header
    )
    assert "TEMPERATURE_nov_18" in header


def test_the_drop_says_that_its_scenes_are_synthetic_and_monthly(drop: Path) -> None:
    info = read_drop(drop).info
    assert info == SAMPLE_INFO
    assert (info.synthetic_scenes, info.scene_period) == (True, "month")
    assert (info.scene_latency_days, info.climate_latency_days) == (0, 0)


def test_two_machines_make_the_same_bytes(drop: Path, tmp_path: Path) -> None:
    assert manifest_of(make_sample_drop(tmp_path)) == manifest_of(drop)


def test_making_it_again_touches_nothing(drop: Path) -> None:
    before = {p: p.stat().st_mtime_ns for p in drop.parent.rglob("*")}
    assert make_sample_drop(drop.parent) == drop
    assert {p: p.stat().st_mtime_ns for p in drop.parent.rglob("*")} == before


def test_another_drop_of_that_date_is_not_taken_for_it(tmp_path: Path) -> None:
    folder = tmp_path / "2018-12-04"
    folder.mkdir()
    info = DropInfo(received_date=date(2018, 12, 4), scene_period="week")
    (folder / "drop.yaml").write_text(f"received_date: {info.received_date}\nscene_period: week\n")
    with pytest.raises(DropError, match="another data folder"):
        make_sample_drop(tmp_path)


def test_the_next_drop_follows_it(
    drop: Path, tmp_path: Path, make_next_drop: Callable[[Path], Path]
) -> None:
    drops = tmp_path / "drops"
    make_sample_drop(drops)
    new = make_next_drop(drops)
    assert [d.name for d in list_drops(drops)] == ["2018-12-04", "2019-01-02"]
    assert [p.name for p in new.rglob("*.tiff")] == ["image_2018-12-16.tiff"]
