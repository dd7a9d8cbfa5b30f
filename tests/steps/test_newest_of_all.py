"""A weekly run whose origin week is older than that of the last forecast: whether it is the week's
forecast.
"""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from support.outputs import leave

from pipelines.config import DeploymentPaths
from pipelines.run import Run, start_run
from pipelines.run.outputs import IngestOutput
from pipelines.run.success import last_success, record_success
from pipelines.run.withdrawn import withdraw
from pipelines.steps.cycle import covers_published_data

FIRST, SECOND = "2018-12-04", "2018-12-11"


def read(run_id: str, *drops: str, as_of: str | None = None) -> Run:
    """A run that read these drops."""
    run = start_run(run_id, {"profile": "ci", "as_of": as_of})
    leave(run, IngestOutput, drops=[{"received_date": name, "sha256": "x"} for name in drops])
    return run


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    """The forecast of 2018-w49 knows both drops."""
    paths = DeploymentPaths(home=home)
    read("weekly", FIRST, SECOND)
    record_success(paths, "weekly", "2018-w49", "v", datetime(2018, 12, 11, tzinfo=UTC))
    return paths


def counts(paths: DeploymentPaths, run: Run) -> bool:
    found = record_success(
        paths, run.run_id, "2018-w48", "w", covers_published_data=covers_published_data(run)
    )
    last = last_success(paths)
    assert last is not None and (last.run_id == run.run_id) == found
    return found


def test_without_a_drop_that_was_withdrawn_the_week_before_is_the_newest(
    paths: DeploymentPaths,
) -> None:
    withdraw(paths, "drop", SECOND, "Ana", "the neighbour's figures")
    assert counts(paths, read("without", FIRST))


def test_newest_weeks_that_are_taken_as_unknown_now_make_no_look_back(
    paths: DeploymentPaths,
) -> None:
    assert counts(paths, read("maturity", FIRST, SECOND, "2018-12-12"))


def test_a_run_of_the_week_before_that_is_walked_again_is_no_weekly_forecast(
    paths: DeploymentPaths,
) -> None:
    assert not counts(paths, read("last-week", FIRST))


def test_a_look_back_is_none_whatever_it_read(paths: DeploymentPaths) -> None:
    assert not counts(paths, read("look-back", FIRST, SECOND, as_of="2018-w48"))


def test_what_nobody_can_read_any_more_lets_nothing_older_count(paths: DeploymentPaths) -> None:
    (paths.artifacts / "runs" / "weekly" / "ingest.json").unlink()
    assert not counts(paths, read("next", FIRST, SECOND))
