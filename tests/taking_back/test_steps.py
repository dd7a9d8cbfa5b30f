"""What the first steps of a run do about a drop that is withdrawn under way, or that came from the
future.
"""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pytest
from support.drops import table_drop

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.data.drop_info import DropInfo
from pipelines.errors import DropError, ValidationStopped
from pipelines.run import start_run
from pipelines.run.withdrawn import withdraw
from pipelines.storage import write_atomic


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    """A deployment with two drops, whose run `r` has chosen both."""
    paths = DeploymentPaths(home=home)
    for day in ("2018-12-04", "2018-12-11"):
        table = write_atomic(home / "in" / "metadata.csv", "Municipality code,2018/w47\n5001,7\n")
        table_drop(table, None, paths.drops, DropInfo(received_date=date.fromisoformat(day)))
    start_run("r", {"profile": "ci"})
    assert steps.ingest("r").dates == {"2018-12-04", "2018-12-11"}
    withdraw(paths, "drop", "2018-12-11", "Ana", "the neighbour's figures")
    return paths


@pytest.mark.parametrize("step", ["validate", "snapshot"])
def test_a_run_stops_at_its_next_look_at_a_drop_that_was_withdrawn_under_way(
    step: str, paths: DeploymentPaths
) -> None:
    with pytest.raises(DropError, match="by Ana: the neighbour's figures; this run had chosen it"):
        steps.by_name(step)("r")


def test_the_next_run_does_not_choose_it(paths: DeploymentPaths) -> None:
    start_run("next", {"profile": "ci"})
    assert steps.ingest("next").dates == {"2018-12-04"}


def test_a_run_asks_the_places_clock_for_receipt_dates(paths: DeploymentPaths) -> None:
    (paths.drops / "2018-12-04" / "drop.yaml").write_text(
        "received_date: 2081-12-04\n", encoding="utf-8"
    )
    (paths.drops / "2018-12-04").rename(paths.drops / "2081-12-04")
    start_run("next", {"profile": "ci"})
    steps.by_name("ingest")("next")
    with pytest.raises(ValidationStopped, match=r"\[receipt-in-future\] 2081-12-04/drop.yaml"):
        steps.by_name("validate")("next")
