"""What `denguard status` says of the disk."""

from __future__ import annotations

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.run_folders import walk

from pipelines.config import DeploymentPaths
from pipelines.ops.growth import growth
from pipelines.ops.show import show
from pipelines.ops.status import gather

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)


def keep(home: Path, name: str, size: int, weeks_ago: float) -> Path:
    path = home / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"x" * size)
    stamp = (NOW - timedelta(weeks=weeks_ago)).timestamp()
    os.utime(path, (stamp, stamp))
    return path


def test_a_year_of_growth_is_that_of_the_last_weeks(home: Path) -> None:
    for weeks in range(20):
        keep(home, f"artifacts/runs/{weeks}/report.json", 0, weeks)
        keep(
            home, f"artifacts/features/{weeks}/rows", 1_000_000 if weeks < 10 else 5_000_000, weeks
        )
    found = growth(DeploymentPaths(home=home))
    assert found.rooms == {"runs": 0, "features": 60_000_000}
    assert (found.per_week, found.weeks) == (1_000_000, 8)
    assert "60.0 MB (features 60.0 MB" in found.line()
    assert "1.0 MB more a week, 52.0 MB a year" in found.line()


def test_what_the_first_run_wrote_is_no_growth(home: Path) -> None:
    keep(home, "artifacts/runs/a/report.json", 0, 3)
    keep(home, "artifacts/weights/model", 90_000_000, 4)
    assert growth(DeploymentPaths(home=home)).per_week is None
    assert "after a second run" in growth(DeploymentPaths(home=home)).line()
    keep(home, "artifacts/runs/b/report.json", 0, 1)
    keep(home, "data/drops/2026-11-16/cases.csv", 4_000_000, 1)
    assert growth(DeploymentPaths(home=home)).per_week == 2_000_000


def test_a_file_with_several_links_counts_once(home: Path) -> None:
    one = keep(home, "artifacts/datasets/d/rows", 1000, 1)
    (home / "artifacts" / "versions").mkdir()
    (home / "artifacts" / "versions" / "rows").hardlink_to(one)
    assert growth(DeploymentPaths(home=home)).bytes == 1000


def test_status_says_it(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    walk(home, "weekly")
    show(gather(DeploymentPaths(home=home), None, NOW, {}), DeploymentPaths(home=home))
    output = " ".join(capsys.readouterr().out.split())
    assert "disk" in output and "growth is known after a second run" in output
