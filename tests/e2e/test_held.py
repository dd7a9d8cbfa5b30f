"""A week with doubted counts in a whole cycle: held, answered, published by name."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pandas as pd
import pytest
from support.homes import Home
from support.tabular import ALWAYS, forecast, next_week, run_tabular

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.run.events import read_events

pytestmark = [pytest.mark.e2e, pytest.mark.slow]  # in parts: tests/plausible, tests/forecast
BIG = "5001"  # Medellín: 45 cases a week in November 2018


def snapshot_of(home: Home, run_id: str) -> Path:
    """The dataset version that a new run makes."""
    steps.start(run_id, {"profile": str(home.path / "tabular.yaml"), "horizons": [4]})
    steps.ingest(run_id)
    steps.validate(run_id)
    return home.path / steps.snapshot(run_id).dataset


def row(home: Home, run_id: str, code: str = "05001") -> pd.Series:
    table = forecast(home, run_id)
    return table[table["municipality_code"] == code].iloc[0]


def causes(home: Home) -> list[dict[str, object]]:
    code, output = home.denguard("confirm", "--json")
    assert code == 0, output
    return json.loads(output[output.index("[") : output.rindex("]") + 1])


@pytest.fixture
def home(copied_tabular: Callable[[], Home]) -> Home:
    return copied_tabular()


def test_a_unit_that_falls_to_zero_is_published_by_name_and_counts_once_a_person_confirms(
    home: Home,
) -> None:
    next_week(home, {BIG: "0"})
    run_tabular(home, "zero")
    held = row(home, "zero")
    assert held["state"] == "held" and pd.isna(held["probability"])
    assert "fell-to-zero" in held["why"]
    others = forecast(home, "zero")
    assert others.loc[others["state"] == "", "probability"].notna().all()
    report = (home.path / "artifacts" / "reports" / "zero" / "report.html").read_text()
    assert "no forecast: data held" in report
    bulletin = (home.path / "artifacts" / "reports" / "zero" / "bulletin.html").read_text()
    assert "sin pronóstico: dato retenido" in bulletin and "fell-to-zero" not in bulletin

    [cause] = causes(home)
    assert cause["rule"] == "fell-to-zero" and cause["units"] == 1
    code, output = home.denguard("confirm", str(cause["cause_id"]))
    assert code == 2 and "--by NAME" in output
    code, output = home.denguard(
        "confirm", str(cause["cause_id"]), "--by", "A", "--reason", "asked the hospital"
    )
    assert code == 0, output
    states = snapshot_of(home, "answered")
    assert not (states / "states.parquet").exists() and causes(home) == []
    events = [e for e in read_events(DeploymentPaths(home=home.path)) if e["kind"] == "confirmed"]
    assert [(e["by"], e["reason"]) for e in events] == [("A", "asked the hospital")]


def test_a_week_in_which_most_units_say_zero_stops_before_anything_changed(home: Home) -> None:
    accepted = (home.path / "artifacts" / "accepted.json").read_bytes()
    next_week(home, dict.fromkeys(ALWAYS, "0"))
    shutil.copy(home.path / "tabular.yaml", home.path / "strict.yaml")
    profile = (
        (home.path / "strict.yaml")
        .read_text()
        .replace("data:\n", "data:\n  plausibility: {max_held_share: 0.05}\n", 1)
    )
    (home.path / "strict.yaml").write_text(profile)
    arguments = ("run", "--profile", str(home.path / "strict.yaml"), "--horizon", "4")
    code, output = home.denguard(*arguments, "--run-id", "stopped")
    assert code != 0 and "too-much-held" in output and "fell-to-zero" in output
    assert (home.path / "artifacts" / "accepted.json").read_bytes() == accepted
    assert "fell-to-zero" in [cause["rule"] for cause in causes(home)]


def test_a_cause_that_is_not_there_is_answered_with_what_to_do(home: Home) -> None:
    code, output = home.denguard("confirm", "ffffffff", "--by", "A", "--reason", "x")
    assert code == 2 and "denguard confirm" in output
    assert not Path(home.path / "data" / "answers").exists()
