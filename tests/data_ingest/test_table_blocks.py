"""Clean tables that are cut by time: the same rows in the same order, and older files untouched."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from pipelines.data.table_blocks import CUT
from pipelines.data.tables import Tables, ordered
from pipelines.errors import StoreError
from pipelines.storage import manifest_of
from pipelines.weeks import CDC

FIRST = CDC.week_no("1998-w40")  # weeks before 2000 have ordinals below 0
WEEKS = 120
DAY = date(2001, 3, 6)


def tables_until(weeks: int) -> Tables:
    """Every table that is cut, of three units; two vintages of one count."""
    units = ["09001", "10002", "a-1"]
    times = [
        (u, FIRST + at, date(1998, 10, 3) + timedelta(weeks=at))
        for u in units
        for at in range(weeks)
    ]
    weekly = pd.DataFrame(
        {
            "unit_id": [u for u, _, _ in times],
            "week_no": [w for _, w, _ in times],
            "cases": [float((w * 7) % 11) for _, w, _ in times],
            "received_date": DAY,
        }
    )
    again = weekly.iloc[[5]].assign(cases=99.0, received_date=DAY + timedelta(days=7))
    months = [(u, 1998 + m // 12, m % 12 + 1) for u in units for m in range(weeks // 4)]
    climate = pd.DataFrame(months, columns=["unit_id", "year", "month"]).assign(
        temp_mean_c=20.5, rainfall_mm=1.0, available_date=DAY
    )
    scenes = pd.DataFrame(
        {
            "unit_id": [u for u, _, _ in times],
            "scene_date": [d for _, _, d in times],
            "uri": [f"{u}/{w}" for u, w, _ in times],
            "sha256": "a",
            "content_sha256": "b",
            "quality": "ok",
            "dark_share": 0.0,
            "saturated_share": 0.0,
            "std_grey": 9.0,
            "available_date": DAY,
            "first_seen_available_date": DAY,
            "synthetic": False,
        }
    )
    series = pd.concat(
        [
            pd.DataFrame(
                {"unit_id": u, "name": n, "step": s, "period_no": range(first, first + weeks)}
            )
            for u in units
            for n, s, first in (("wind", "week", FIRST), ("index", "month", 12 * 1998))
        ]
    ).assign(value=1.0, available_date=DAY)
    found = {
        "cases": pd.concat([weekly, again]),
        "climate": climate,
        "units": pd.DataFrame({"unit_id": units, "name": units}),
        "scenes": scenes,
        "series": series,
        "delays": weekly.assign(delay_weeks=1),
        "notes": weekly.assign(kind="", text="rain", known_date=DAY),
    }
    return replace(Tables.empty(), **{n: ordered(n, f) for n, f in found.items()})


def test_tables_come_back_with_their_rows_in_their_order(tmp_path: Path) -> None:
    tables = tables_until(WEEKS)
    loaded = Tables.load(tables.save(tmp_path))
    for name in CUT:
        assert len(list((tmp_path / f"{name}.parquet").iterdir())) > 1
        pd.testing.assert_frame_equal(
            getattr(loaded, name), getattr(tables, name), check_dtype=False
        )


def test_a_new_week_leaves_the_files_of_older_ones_as_they_were(tmp_path: Path) -> None:
    before = manifest_of(tables_until(WEEKS).save(tmp_path / "before"))
    week = manifest_of(tables_until(WEEKS + 1).save(tmp_path / "week"))
    newest = max(int(Path(name).stem) for name in week if name.startswith("cases.parquet/"))
    changed = {name for name in week if before.get(name) != week[name]}
    assert f"cases.parquet/{newest:04d}.parquet" in changed
    assert len(changed) <= len(CUT) + 1  # series of weeks and of months
    assert len(week) - len(changed) > 10


def test_tables_of_one_file_each_are_read_as_the_same(tmp_path: Path) -> None:
    tables = tables_until(WEEKS)
    by_time = Tables.load(tables.save(tmp_path / "by-time"))
    for name in (*CUT, "units"):
        path = tmp_path / "before" / f"{name}.parquet"
        path.parent.mkdir(exist_ok=True)
        pq.write_table(pq.read_table(tmp_path / "by-time" / path.name), path)
        if name in CUT:
            frame = getattr(by_time, name)
            frame.to_parquet(path, index=False)
    before = Tables.load(tmp_path / "before")
    for name in CUT:
        pd.testing.assert_frame_equal(
            getattr(before, name), getattr(by_time, name), check_dtype=False
        )


def test_tables_that_are_saved_again_have_nothing_of_before(tmp_path: Path) -> None:
    tables_until(WEEKS).save(tmp_path)
    small = tables_until(4)
    small.save(tmp_path)
    assert len(Tables.load(tmp_path).cases) == len(small.cases)
    Tables.empty().save(tmp_path)
    assert Tables.load(tmp_path).cases.empty
    assert not (tmp_path / "series.parquet").exists()
    small.save(tmp_path)
    assert len(Tables.load(tmp_path).cases) == len(small.cases)


@pytest.mark.parametrize("left", [b"PAR1 no", b""])
def test_a_damaged_file_of_a_table_is_named(tmp_path: Path, left: bytes) -> None:
    tables_until(WEEKS).save(tmp_path)
    next((tmp_path / "cases.parquet").iterdir()).write_bytes(left)
    with pytest.raises(StoreError, match=r"damaged.*cases.parquet"):
        Tables.load(tmp_path)
