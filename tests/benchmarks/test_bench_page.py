"""The page on performance shows what the newest results say."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speed.page import BEGIN, END, LATEST, PAGE, draw, markdown, placed, reached
from benchmarks.speed.row import Row

MET = Row("counting", "s", 1.0, 3.0, "by hand", 3.0, 2.0, 4.0, goal=2.0)
MISSED = Row("memory", "GiB", 4.0, goal=3.0, goal_is="at most")
ALONE = Row("limit: disk", "GB/s", 2.5)


def test_a_row_says_how_many_times_its_goal_it_reaches() -> None:
    assert [reached(row.to_json()) for row in (MET, MISSED, ALONE)] == [1.5, 0.75, None]


def test_a_missed_goal_stands_out() -> None:
    assert "at most 3: **missed**" in markdown([MISSED.to_json()])


def test_spread_and_rival_stand_beside_the_ratio() -> None:
    line = markdown([MET.to_json()]).splitlines()[-1]
    assert "| 3 s: by hand | 2, 3, 4 (rival's time / ours) | at least 2: met |" in line


def test_what_stands_around_the_table_stays() -> None:
    assert placed(f"a\n{BEGIN}\nold\n{END}\nz\n", "new") == f"a\n{BEGIN}\nnew\n{END}\nz\n"


def test_the_picture_is_drawn(tmp_path: Path) -> None:
    draw([row.to_json() for row in (MET, MISSED, ALONE)], tmp_path / "performance.png")
    assert (tmp_path / "performance.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.skipif(not LATEST.is_file(), reason="the bench has not been run here")
def test_the_page_has_the_table_of_the_newest_results() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert placed(page, markdown(json.loads(LATEST.read_text()))) == page
