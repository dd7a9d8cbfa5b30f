"""Drops read once: what is kept of old ones gives the tables that whole drops give."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.drops import CONTEXT, table_drop
from support.ministry import Ministry

from pipelines.codes import TextCodes
from pipelines.contracts import content_id
from pipelines.data import kept_readings
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop, list_drops
from pipelines.data.raw import RawDrop
from pipelines.data.readings import ReadingOptions, can_be_kept, meaning_of, read_drops
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.sources import source_of
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench import read_raw
from pipelines.data.tables import Tables
from pipelines.data.validate import validate_drops
from pipelines.data.validation_result import ValidationResult
from pipelines.storage import read_json
from pipelines.weeks import ISO

COLUMNS = {"unit": "code", "year": "year", "week": "week", "cases": "cases"}
WEEKS = 12


@pytest.fixture
def ministry(tmp_path: Path) -> Ministry:
    return Ministry(
        tmp_path, {"table": "cases", "adapter": "long", "file": "cases.csv", "columns": COLUMNS}
    )


def lines(noise: np.random.Generator, week: int, known: dict[tuple[str, int], str]) -> str:
    """A cumulative table up to a week, in which a few old values change, vanish or come twice."""
    for unit in ("a", "b", "c", "d"):
        known[unit, week] = str(noise.poisson(20))
    for cell in list(known):
        if noise.random() < 0.06:
            known[cell] = str(noise.choice(["", "x", "withdrawn", "3.5", str(noise.poisson(20))]))
    rows = [f"{u},2018,{w},{v}" for (u, w), v in known.items() if noise.random() > 0.05]
    if week > 6 and noise.random() < 0.4:  # a record twice, perhaps otherwise
        rows.append(rows[int(noise.integers(len(rows)))].rsplit(",", 1)[0] + f",{noise.poisson(3)}")
    return "code,year,week,cases\n" + "\n".join(rows) + "\n"


def history(ministry: Ministry, seed: int) -> None:
    for _ in history_by_week(ministry, seed):
        pass


def history_by_week(ministry: Ministry, seed: int) -> Iterator[None]:
    noise, known = np.random.default_rng(seed), {}
    for week in range(1, WEEKS):
        day = (pd.Timestamp("2018-01-09") + pd.Timedelta(weeks=week)).date().isoformat()
        ministry.bring(day, cases_csv=lines(noise, week, known))
        yield


def checked(ministry: Ministry, raws: list[RawDrop]) -> ValidationResult:
    scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
    return validate_drops(raws, scenes, ministry.context, None, None)


def read(
    ministry: Ministry,
    kept: Path | None,
    meaning: str = "m",
    names: list[str] | None = None,
    full: bool = False,
) -> list[RawDrop]:
    drops, source = list_drops(ministry.drops), source_of(ministry.context.config)
    hashes = {
        drop.name: content_id(drop.table.parent.joinpath("cases.csv").read_text()) for drop in drops
    }

    def once(drop: Drop) -> RawDrop:
        if names is not None:
            names.append(drop.name)
        return source.read_raw(drop, ministry.context)

    return read_drops(drops, once, hashes, kept, meaning, ReadingOptions(full))


def same(one: Tables, other: Tables) -> None:
    for name in ("cases", "climate", "units", "series", "delays", "doubts"):
        pd.testing.assert_frame_equal(getattr(one, name), getattr(other, name))


@pytest.mark.parametrize("seed", range(3))
def test_what_is_kept_of_old_drops_gives_the_tables_of_whole_ones(ministry, tmp_path, seed):
    history(ministry, seed)
    whole = checked(ministry, read(ministry, None))
    first = checked(ministry, read(ministry, tmp_path / "kept"))
    again = checked(ministry, read(ministry, tmp_path / "kept"))
    same(whole.tables, first.tables)
    same(whole.tables, again.tables)
    levels = [(i.level, i.code, i.rows) for i in whole.issues]
    assert [(i.level, i.code, i.rows) for i in again.issues] == levels


def test_of_old_drops_only_what_was_new_in_them_is_held(ministry, tmp_path):
    counts: dict[tuple[str, int], str] = {}
    for week in range(1, WEEKS):
        counts |= {(unit, week): str(10 + week) for unit in ("a", "b")}
        day = (pd.Timestamp("2018-01-09") + pd.Timedelta(weeks=week)).date().isoformat()
        ministry.bring(
            day,
            cases_csv="code,year,week,cases\n"
            + "".join(f"{u},2018,{w},{v}\n" for (u, w), v in counts.items()),
        )
    sizes = [len(raw.cells) for raw in read(ministry, tmp_path / "kept")]
    assert sizes[:-1] == [2] * (WEEKS - 2) and sizes[-1] == 2 * (WEEKS - 1)


def test_a_unit_that_an_old_drop_only_repeats_is_still_told_by_it(ministry, tmp_path):
    same_again = "code,year,week,cases\na,2018,1,5\nb,2018,1,6\n"
    for day in ("09", "16", "23"):
        ministry.bring(f"2018-01-{day}", cases_csv=same_again)
    units = [set(raw.cells["unit_id"]) for raw in read(ministry, tmp_path / "kept")]
    assert units == [{"a", "b"}] * 3


def test_an_old_drop_is_not_read_again(ministry, tmp_path):
    history(ministry, 1)
    read(ministry, tmp_path / "kept")
    names: list[str] = []
    read(ministry, tmp_path / "kept", names=names)
    assert names == [list_drops(ministry.drops)[-1].name]


def test_the_first_drop_is_kept_whole_when_it_is_read(ministry, tmp_path):
    rows = "".join(f"{unit},2018,1,{nth}\n" for nth, unit in enumerate("abcdefgh"))
    counts = f"code,year,week,cases\n{rows}i,2018,1,x\na,2018,2,\n,2018,2,3\n"
    ministry.bring("2018-01-16", cases_csv=counts)
    (whole,) = read(ministry, None)
    read(ministry, tmp_path / "kept")
    names: list[str] = []
    (kept,) = read(ministry, tmp_path / "kept", names=names)
    assert names == []
    for name in ("units", "cells", "refused"):
        pd.testing.assert_frame_equal(getattr(kept, name), getattr(whole, name))
    assert (kept.issues, kept.n_received, kept.spans) == (
        whole.issues,
        whole.n_received,
        whole.spans,
    )
    ministry.bring("2018-01-23", cases_csv=counts + "a,2018,2,7\n")
    read(ministry, tmp_path / "kept", names=names)
    assert names == ["2018-01-23"]


def test_of_a_full_drop_with_none_before_it_the_source_is_read(ministry, tmp_path):
    ministry.bring("2018-01-16", cases_csv="code,year,week,cases\na,2018,1,5\n")
    names: list[str] = []
    for _ in range(2):
        (raw,) = read(ministry, tmp_path / "kept", names=names, full=True)
        assert raw.absent is None
    assert len(names) == 2


def test_a_value_of_a_refused_record_counts_when_a_later_drop_tells_it_well(tmp_path):
    sheet = pd.read_csv(str(package_table()), dtype=str, keep_default_na=False).head(12)
    first, other = sheet.index[0], sheet.iloc[[0]].assign(**{"2018/w02": "6"})
    empty = sheet.assign(**{"2018/w02": sheet["2018/w02"].where(sheet.index != first, "")})
    right = sheet.assign(**{"2018/w02": sheet["2018/w02"].where(sheet.index != first, "5")})
    units = (empty, pd.concat([right, other]), right, right)
    for day, table in zip(("09", "16", "23", "30"), units, strict=True):
        file = tmp_path / "metadata.csv"
        table.to_csv(file, index=False)
        info = DropInfo(received_date=date(2018, 1, int(day)))
        table_drop(file, None, tmp_path / "drops", info, until="2018-w02")
    drops = list_drops(tmp_path / "drops")
    hashes = {drop.name: drop.name for drop in drops}

    def tables(kept: Path | None) -> Tables:
        raws = read_drops(drops, lambda drop: read_raw(drop, CONTEXT), hashes, kept, "m")
        scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
        return validate_drops(raws, scenes, CONTEXT, None, None).tables

    whole = tables(None)
    cases = whole.cases[whole.cases["unit_id"] == sheet["Municipality code"][0].zfill(5)]
    assert cases["cases"].iloc[-1] == 5.0 and cases["received_date"].iloc[-1] == date(2018, 1, 23)
    same(whole, tables(tmp_path / "kept"))


def test_other_settings_read_every_drop_anew(ministry, tmp_path):
    history(ministry, 1)
    read(ministry, tmp_path / "kept")
    before = len(list((tmp_path / "kept").iterdir()))
    read(ministry, tmp_path / "kept", meaning="other")
    assert len(list((tmp_path / "kept").iterdir())) == 2 * before


class OwnCodes(TextCodes):
    """Of another distribution, whose code may change unseen."""


def test_a_run_keeps_readings_where_the_place_allows_it(ministry, tmp_path):
    history(ministry, 1)
    ministry.validate()
    by_itself, together = WEEKS - 1, 1
    assert len(list((tmp_path / "readings").iterdir())) == by_itself + together
    own = replace(ministry.context, codes=OwnCodes())
    assert can_be_kept(ministry.context) and not can_be_kept(own)


def test_settings_that_change_a_reading_change_its_meaning(ministry):
    padded = replace(ministry.context, codes=TextCodes(pad_to=5))
    iso = replace(ministry.context, calendar=ISO)
    meanings = [str(meaning_of(one)) for one in (ministry.context, padded, iso)]
    assert len(set(meanings)) == 3


def test_a_damaged_reading_is_made_anew(ministry, tmp_path):
    history(ministry, 2)
    whole = checked(ministry, read(ministry, None))
    read(ministry, tmp_path / "kept")
    for folder in (tmp_path / "kept").iterdir():
        (folder / "cells.parquet").write_bytes(b"torn")
    same(whole.tables, checked(ministry, read(ministry, tmp_path / "kept")).tables)


def test_a_drop_that_came_since_is_added_to_what_is_kept_together(ministry, tmp_path):
    kept = tmp_path / "kept"
    for _ in history_by_week(ministry, 5):
        read(ministry, kept)
    whole = checked(ministry, read(ministry, None)).tables
    same(whole, checked(ministry, read(ministry, kept)).tables)
    groups = [f for f in kept.iterdir() if len(read_json(f / "facts.json")["drops"]) > 1]
    assert sorted(len(read_json(f / "facts.json")["drops"]) for f in groups) == [
        WEEKS - 4,
        WEEKS - 3,
        WEEKS - 2,
    ]


def test_what_was_kept_together_is_made_again_without_reading_a_drop(ministry, tmp_path):
    history(ministry, 1)
    kept = tmp_path / "kept"
    first = checked(ministry, read(ministry, kept)).tables
    for folder in kept.iterdir():
        if len(read_json(folder / "facts.json")["drops"]) > 1:
            (folder / "units.parquet").unlink()
    names: list[str] = []
    same(first, checked(ministry, read(ministry, kept, names=names)).tables)
    assert names == [list_drops(ministry.drops)[-1].name]


def test_a_large_drop_is_kept_by_itself_alone(ministry, tmp_path, monkeypatch):
    history(ministry, 3)
    whole = checked(ministry, read(ministry, None)).tables
    monkeypatch.setattr(kept_readings, "_SMALL", 6)
    for _ in range(2):
        same(whole, checked(ministry, read(ministry, tmp_path / "kept")).tables)
    sizes = {len(read_json(f / "facts.json")["drops"]) for f in (tmp_path / "kept").iterdir()}
    assert max(sizes) < WEEKS - 2
