"""The pointer to the accepted version: forward in time, and every drop stays fixed."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.data.intake import accept, accepted_drops, accepted_file, accepted_version
from pipelines.run.withdrawn import withdraw
from pipelines.storage import write_json


def _drop(date: str) -> dict[str, str]:
    return {"received_date": date, "sha256": f"of {date}"}


def test_a_look_back_does_not_move_the_pointer_to_older_data(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    accept(paths, "newer", "2018-w52", [_drop("2018-12-04"), _drop("2019-01-02")])
    accept(paths, "older", "2018-w40", [_drop("2018-12-04")])
    assert accepted_version(paths) == "newer"
    assert sorted(accepted_drops(paths)) == ["2018-12-04", "2019-01-02"]


@pytest.mark.parametrize(
    ("look_back", "read", "pointer"),
    [(False, ("2018-12-04",), "without"), (False, (), "lying"), (True, ("2018-12-04",), "lying")],
)
def test_without_a_withdrawn_drop_older_data_are_the_newest(
    tmp_path: Path, look_back: bool, read: tuple[str, ...], pointer: str
) -> None:
    """But for a look back, and for a run that does not know what else the version before knew."""
    paths, both = DeploymentPaths(home=tmp_path), [_drop("2018-12-04"), _drop("2018-12-11")]
    write_json(tmp_path / "artifacts" / "datasets" / "lying" / "dataset.json", {"drops": both})
    accept(paths, "lying", "2018-w49", both)
    withdraw(paths, "drop", "2018-12-11", "Ana", "the neighbour's figures")
    accept(paths, "without", "2018-w48", [_drop(name) for name in read], look_back)
    assert accepted_version(paths) == pointer


def test_newer_data_move_the_pointer(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    accept(paths, "older", "2018-w48", [_drop("2018-12-04")])
    accept(paths, "newer", "2018-w52", [_drop("2018-12-04"), _drop("2019-01-02")])
    assert accepted_version(paths) == "newer"


def test_a_drop_first_used_by_a_look_back_is_fixed_too(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    accept(paths, "newer", "2018-w52", [_drop("2019-01-02")])
    accept(paths, "older", "2018-w40", [_drop("2018-10-01")])
    assert sorted(accepted_drops(paths)) == ["2018-10-01", "2019-01-02"]


def test_a_pointer_that_names_no_week_yet_is_moved(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    write_json(accepted_file(paths), {"dataset_version": "older", "drops": [_drop("2018-12-04")]})
    accept(paths, "newer", "2018-w40", [_drop("2018-12-04")])
    assert accepted_version(paths) == "newer"
