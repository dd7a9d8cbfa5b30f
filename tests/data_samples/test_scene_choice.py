"""Which scene a sample sees, and why it sees none."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from pipelines.data.scene_choice import SceneChoice, choose_scenes
from pipelines.data.tables import Tables
from pipelines.weeks import CDC

ScenesOf = Callable[..., pd.DataFrame]
FIRST = CDC.week_no("2016-w01")
MAX_AGE = 13


def choose(scenes: pd.DataFrame, weeks: int = 40) -> SceneChoice:
    return choose_scenes(scenes, ("05001", "08001"), np.arange(FIRST, FIRST + weeks), MAX_AGE, CDC)


def day(week: int) -> date:
    """Last day of the week-th origin, the day a scene becomes available in these tests."""
    return CDC.week_end(FIRST + week)


def scene(week: int, quality: str = "ok", first_seen: int | None = None) -> tuple[object, ...]:
    seen = day(week if first_seen is None else first_seen)
    return (day(week) - timedelta(days=6), quality, day(week), seen, f"c{week}")


def test_a_scene_is_used_from_the_week_it_is_available(scenes_of: ScenesOf) -> None:
    chosen = choose(scenes_of("05001", scene(3)))
    assert list(chosen.quality[0, 1:5]) == ["none", "none", "ok", "ok"]
    assert list(chosen.age_weeks[0, 3:6]) == [0.0, 1.0, 2.0]


def test_a_scene_available_on_the_day_after_the_week_is_not_used(scenes_of: ScenesOf) -> None:
    late = day(3) + timedelta(days=1)
    chosen = choose(scenes_of("05001", (day(3), "ok", late, late, "c")))
    assert list(chosen.quality[0, 3:5]) == ["none", "ok"]


def test_the_newest_scene_wins_even_if_an_older_one_arrives_later(scenes_of: ScenesOf) -> None:
    old = (day(0) - timedelta(days=60), "ok", day(5), day(5), "old")
    chosen = choose(scenes_of("05001", old, scene(2)))
    assert chosen.column("content_sha256")[0, 6] == "c2"


def test_a_blank_scene_falls_back_to_the_good_one_before(scenes_of: ScenesOf) -> None:
    chosen = choose(scenes_of("05001", scene(0), scene(4, "blank")))
    assert chosen.column("content_sha256")[0, 5] == "c0"
    assert chosen.quality[0, 5] == "ok"


@pytest.mark.parametrize("quality", ["blank", "saturated", "unreadable"])
def test_a_scene_that_is_not_good_is_never_an_image(scenes_of: ScenesOf, quality: str) -> None:
    chosen = choose(scenes_of("05001", scene(2, quality)))
    assert (chosen.row == -1).all()
    assert chosen.quality[0, 2] == quality
    assert chosen.column("uri")[0, 2] is None


def test_old_content_is_stale_after_13_weeks(scenes_of: ScenesOf) -> None:
    chosen = choose(scenes_of("05001", scene(0)))
    assert list(chosen.quality[0, 13:15]) == ["ok", "stale"]
    assert chosen.age_weeks[0, 13] == 13
    assert np.isnan(chosen.age_weeks[0, 14])


def test_repeated_content_ages_from_its_first_appearance(scenes_of: ScenesOf) -> None:
    chosen = choose(scenes_of("05001", scene(0), scene(10, first_seen=0)))
    assert chosen.age_weeks[0, 12] == 12
    assert chosen.quality[0, 14] == "stale"


def test_a_scene_of_one_municipality_is_not_seen_by_another(scenes_of: ScenesOf) -> None:
    chosen = choose(scenes_of("05001", scene(0)))
    assert set(chosen.quality[1]) == {"none"}


def test_a_table_without_scenes_gives_none_everywhere() -> None:
    chosen = choose(Tables.empty().scenes)
    assert set(chosen.quality.ravel()) == {"none"}
    assert chosen.column("uri")[0, 0] is None
