"""The place's clock: what day it is there, and what a profile without one means."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from pipelines.config import time_zone_of
from pipelines.errors import ConfigError
from pipelines.onboard.onboard import _today
from pipelines.place_config import PlaceConfig
from pipelines.run.progress import clock_time


def test_today_is_the_day_at_the_place() -> None:
    east, west = PlaceConfig(time_zone="Pacific/Kiritimati"), PlaceConfig(time_zone="Etc/GMT+12")
    assert east.today() > west.today()  # 26 hours apart
    assert _today("Pacific/Kiritimati") > _today("Etc/GMT+12")


def test_a_time_zone_that_is_none_is_refused_by_its_flag() -> None:
    with pytest.raises(ConfigError, match="--time-zone"):
        _today("Lima")


def test_a_place_that_names_no_time_zone_lives_by_utc() -> None:
    assert PlaceConfig().zone == ZoneInfo("UTC")


def test_a_profile_that_cannot_be_read_lives_by_utc(home: Path) -> None:
    assert time_zone_of("sample") == ZoneInfo("America/Bogota")
    assert time_zone_of("nowhere") == ZoneInfo("UTC")


def test_a_moment_is_told_by_the_places_clock() -> None:
    at = datetime(2026, 11, 23, 11, 0, tzinfo=UTC)
    assert clock_time(at, ZoneInfo("America/Bogota")) == "2026-11-23 06:00 America/Bogota"
    assert clock_time(at, UTC) == "2026-11-23 11:00 UTC"
