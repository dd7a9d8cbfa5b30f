"""`latest` after a drop was withdrawn: what was made from it is passed over once there is better
of its kind.
"""

from __future__ import annotations

import logging
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.planted_versions import Planted

from pipelines.client import Client
from pipelines.config import DeploymentPaths
from pipelines.run.withdrawn import withdraw
from pipelines.versioning.catalogue import read_catalogue
from pipelines.versioning.find import find_version
from pipelines.versioning.source import Source
from pipelines.versioning.withdrawals import made_from_withdrawn, read_marks, write_mark

OLDEST, MIDDLE, NEWEST = "2018-11-21", "2018-11-22", "2018-11-23"
FIRST_WEEK = {OLDEST: "2018-w46", MIDDLE: "2018-w47", NEWEST: "2018-w48"}


@pytest.fixture
def paths(planted: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    """Three weeks, each with a drop of its own and those before it."""
    home = Path(shutil.copytree(planted.home, tmp_path / "home", symlinks=True))
    monkeypatch.setenv("DENGUARD_HOME", str(home))
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(home / "remote"))
    return DeploymentPaths(home=home)


def take_back(paths: DeploymentPaths, drop: str) -> None:
    """What `denguard withdraw-drop` leaves: the record, and its mark at the remote."""
    record = withdraw(paths, "drop", drop, "Ana", "the neighbour's figures", "")
    data = [v for v in analyst(paths).list("data") if (v.as_of_week or "") >= FIRST_WEEK[drop]]
    write_mark(paths, record, [v.id for v in data])


def analyst(paths: DeploymentPaths) -> Client:
    return Client(str(paths.home / "remote"))


@pytest.mark.parametrize("kind", ["forecasts", "data", "samples", "features", "report"])
def test_without_the_newest_drop_latest_is_of_the_week_before(
    kind: str, paths: DeploymentPaths, caplog: pytest.LogCaptureFixture
) -> None:
    take_back(paths, NEWEST)
    with caplog.at_level(logging.WARNING):
        found = analyst(paths).find(kind)  # type: ignore[arg-type]
    assert found.as_of_week == "2018-w47"
    assert f"{found.id} is not the newest: drop {NEWEST} was withdrawn" in caplog.text


def test_a_bundle_is_the_newest_whatever_it_learnt_from(paths: DeploymentPaths) -> None:
    before = analyst(paths).find("bundle").id
    take_back(paths, MIDDLE)
    assert analyst(paths).find("bundle").id == before


def test_where_all_rest_on_the_drop_the_newest_comes_with_a_warning(
    paths: DeploymentPaths, caplog: pytest.LogCaptureFixture
) -> None:
    take_back(paths, OLDEST)
    with caplog.at_level(logging.WARNING):
        found = analyst(paths).find("forecasts")
    assert found.as_of_week == "2018-w48"
    assert f"drop {OLDEST} was withdrawn" in caplog.text


def test_an_older_drop_makes_no_old_week_the_latest_until_a_run_made_another(
    paths: DeploymentPaths,
) -> None:
    take_back(paths, MIDDLE)
    source = Source(str(paths.home / "remote"))
    catalogue, marks = read_catalogue(source), read_marks(source)
    assert not any(name.startswith("forecasts-") for name in made_from_withdrawn(catalogue, marks))
    first = find_version(catalogue, "forecasts", "first")
    again = first.model_copy(
        update={
            "id": "forecasts-2018-w47-again",
            "version": "2018-w47-again",
            "as_of_week": "2018-w47",
            "published_at": (datetime.now(UTC) + timedelta(minutes=1)).isoformat(),
        }
    )
    both = {**catalogue, again.id: again}
    over = made_from_withdrawn(both, marks)
    assert find_version(both, "forecasts", "latest", over) == again
