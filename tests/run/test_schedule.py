"""The newest moment that a cron line names, by a place's clock."""

from __future__ import annotations

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from croniter import croniter
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from pipelines.errors import ConfigError
from pipelines.schedule import newest_due

UTC, BOGOTA = ZoneInfo("UTC"), ZoneInfo("America/Bogota")


@pytest.mark.parametrize(
    ("cron", "zone", "now", "due"),
    [
        ("0 6 * * 1", "America/Bogota", "2026-11-23T10:59+00:00", "2026-11-16T06:00-05:00"),
        ("0 6 * * 1", "America/Bogota", "2026-11-23T11:00+00:00", "2026-11-23T06:00-05:00"),
        ("30 7 * * sun", "Asia/Ho_Chi_Minh", "2026-11-23T00:00+00:00", "2026-11-22T07:30+07:00"),
        ("0 6 * * 7", "UTC", "2026-11-23T00:00+00:00", "2026-11-22T06:00+00:00"),
        ("0 0 29 2 *", "UTC", "2026-01-01T00:00+00:00", "2024-02-29T00:00+00:00"),
        ("15 3 1 jan-mar/2 *", "UTC", "2026-11-23T00:00+00:00", "2026-03-01T03:15+00:00"),
        ("0 6 13 * 5", "UTC", "2026-11-23T00:00+00:00", "2026-11-20T06:00+00:00"),
        ("0 6 13 * */2", "UTC", "2026-11-16T00:00+00:00", "2026-10-13T06:00+00:00"),
    ],
)
def test_the_newest_moment_is_found(cron: str, zone: str, now: str, due: str) -> None:
    found = newest_due(cron, ZoneInfo(zone), datetime.fromisoformat(now))
    assert found == datetime.fromisoformat(due)


@pytest.mark.parametrize(
    "cron",
    [
        "0 6 * *",
        "0 6 * * x",
        "60 6 * * 1",
        "0 6 31 2 *",
        "0 6 * * 5-1",
        "0 6 * * 1/0",
        "-1 6 * * *",
        "0 6 0 * *",
        "0 6 * * 1,",
    ],
)
def test_what_is_no_schedule_is_refused(cron: str) -> None:
    with pytest.raises(ConfigError, match="is no schedule"):
        newest_due(cron, UTC, datetime(2026, 11, 23, tzinfo=UTC))


FIELDS = [
    st.sampled_from([*map(str, some), "*", f"*/{step}", f"{some[0]}-{some[-1]}"])
    for some, step in (
        ([0, 7, 59], 20),
        ([0, 6, 23], 6),
        ([1, 15, 28], 5),
        ([1, 2, 12], 4),
        ([0, 1, 5, 6], 3),
    )
]


@settings(max_examples=60, deadline=None)
@given(st.tuples(*FIELDS), st.datetimes(datetime(2020, 1, 1), datetime(2032, 1, 1)))
def test_it_is_what_airflows_own_cron_says(fields: tuple[str, ...], when: datetime) -> None:
    cron, now = " ".join(fields), when.replace(second=0, microsecond=0, tzinfo=UTC)
    assume(not any(fields[at].startswith("*/") for at in (2, 4)))  # cron and croniter differ there
    after = now + timedelta(minutes=1)
    assert newest_due(cron, UTC, now) == croniter(cron, after).get_prev(datetime)
