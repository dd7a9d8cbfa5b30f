"""From a small place's file to an honest end: one city alone, and a place without any outbreak
week.

Their steps are held by faster tests: tests/onboard (what is said beforehand),
tests/evaluate/test_gate.py (one class only), tests/evaluate/test_sanity.py (one city),
tests/data_samples (40 weeks).
"""

from __future__ import annotations

from pathlib import Path
from random import Random
from typing import Any

import pytest
from support.homes import Home
from support.onboarding import Row, counts, csv

pytestmark = [pytest.mark.e2e, pytest.mark.slow]


def finished_run(folder: Path, rows: list[Row]) -> tuple[Home, dict[str, Any]]:
    """A deployment that onboarded the rows and ran once; and what the gate decided."""
    home = Home(folder)
    file = csv(folder / "cases.csv", rows)
    for command in (
        ("onboard", str(file), "--numbering", "cdc", "--received", "2026-11-16", "--yes"),
        ("run", "--profile", "cases", "--run-id", "first"),
    ):
        code, output = home.denguard(*command)
        assert code == 0, output[-3000:]
        assert "Traceback" not in output
    assert (folder / "artifacts" / "reports" / "first" / "report.html").is_file()
    return home, home.output("first", "gate")


def test_one_city_alone_is_judged_on_its_own_years(tmp_path):
    rows = counts("2018-w01", "2026-w45", units=("Ciudad",), level=50)
    home, decision = finished_run(tmp_path, rows)
    assert (decision["blocks"], decision["origins"], decision["head"]) == (20, 5, "linear")
    assert all(not found["problems"] for found in decision["sanity"]["linear"].values())
    forecast = home.output("first", "forecast")["forecast"]
    assert (decision["decision"] == "promote") == (forecast is not None)
    assert decision["first_line"].startswith(
        ("The linear head serves", "Nothing serves, because the linear head does not beat")
    )


def test_a_place_without_any_outbreak_week_ends_with_that_as_the_reason(tmp_path):
    # Fewer every year, and weeks that differ: equal ones would be held as copies.
    rng = Random(3)  # noqa: S311  (invented data)
    rows = [
        (u, y, w, 60 - 4 * (y - 2018) + rng.randrange(4))
        for u, y, w, _ in counts("2018-w01", "2026-w45")
    ]
    home, decision = finished_run(tmp_path, rows)
    assert decision["decision"] == "none"
    assert "one class only: each of their 783 unit-weeks is no outbreak" in decision["first_line"]
    assert "one class only" in home.output("first", "forecast")["note"]
