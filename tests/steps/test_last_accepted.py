"""Which accepted data a forecast in a run's place is made from."""

from __future__ import annotations

from pathlib import Path
from unittest import mock

import pytest

from pipelines.config import DeploymentPaths
from pipelines.data.intake import accept
from pipelines.run.withdrawn import withdraw
from pipelines.steps import last_accepted
from pipelines.storage import write_json

FIRST, SECOND = (
    {"received_date": day, "sha256": f"of {day}"} for day in ("2018-12-04", "2018-12-11")
)


def accepted(paths: DeploymentPaths, name: str, week: str, *drops: dict[str, str]) -> None:
    """A dataset version and its features, accepted."""
    write_json(paths.artifacts / "datasets" / name / "dataset.json", {"drops": list(drops)})
    about = {"dataset_version": name, "as_of_week": week}
    write_json(paths.artifacts / "features" / f"of-{name}" / "features.json", about)
    accept(paths, name, week, drops)


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    paths = DeploymentPaths(home=home)
    accepted(paths, "before", "2018-w48", FIRST)
    accepted(paths, "newest", "2018-w49", FIRST, SECOND)
    return paths


def found(paths: DeploymentPaths) -> str | None:
    """The champion can read all of them."""
    with mock.patch.object(last_accepted, "_readable", lambda *_: True):
        one = last_accepted.newest_accepted(paths, mock.Mock(), [])
    return one.dataset.name if one else None


def test_the_newest_accepted_data_are_taken(paths: DeploymentPaths) -> None:
    assert found(paths) == "newest"


def test_what_holds_a_withdrawn_drop_is_passed_over(paths: DeploymentPaths) -> None:
    withdraw(paths, "drop", "2018-12-11", "Ana", "the neighbour's figures")
    assert found(paths) == "before"
    withdraw(paths, "drop", "2018-12-04", "Ana", "the neighbour's figures")
    assert found(paths) is None
