"""What the demo tells at the end, from the files that runs leave."""

from __future__ import annotations

from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console
from support.outputs import stored

from pipelines.config import DeploymentPaths
from pipelines.errors import DropError
from pipelines.local import demo, outcome
from pipelines.local.components import free_ports
from pipelines.local.layout import Layout, ensure_secrets
from pipelines.local.services import Services, State
from pipelines.steps.outcome import fail
from pipelines.storage import write_json

RUN = "scheduled__2026-11-16T06:00:00+00:00"


@pytest.fixture
def services(tmp_path: Path) -> Services:
    layout = Layout(DeploymentPaths(home=tmp_path))
    layout.make()
    return Services(layout, ensure_secrets(layout), State(free_ports({})))


def test_a_failed_run_is_told_with_step_cause_fix_and_log(services: Services) -> None:
    error = DropError("a column is missing", where="metadata.csv", fix="add it")
    fail(services.layout.paths, RUN, "validate", error)
    text = str(outcome.failure(services, RUN))
    assert "validate failed. a column is missing (metadata.csv)" in text
    assert "What to do: add it" in text
    assert f"run_id={RUN}" in text and "failure.json" in text


def test_a_run_that_left_no_record_points_to_its_logs(services: Services) -> None:
    assert f"run_id={RUN}" in str(outcome.failure(services, RUN))


def test_without_a_champion_there_is_no_forecast_to_show(services: Services) -> None:
    paths = services.layout.paths
    write_json(paths.artifacts / "runs" / RUN / "forecast.json", {"forecast": None, "note": ""})
    assert outcome.forecast_rows(paths, RUN) == []


def test_the_decision_is_told_with_every_reason(services: Services) -> None:
    paths, text = services.layout.paths, StringIO()
    decided = {
        **stored("gate"),
        "decision": "keep",
        "first_line": "Fusion does not beat it.",
        "reasons": ["nothing new [1]", "b"],
    }
    write_json(paths.artifacts / "runs" / RUN / "gate.json", decided)
    outcome._tell_decision(Console(file=text, width=200), paths, "scheduled", RUN)
    for words in ("keep", "Fusion does not beat it.", "nothing new [1]", "b"):
        assert words in text.getvalue()


@pytest.mark.parametrize(("run_id", "number"), [("demo-007", 7), ("demo-x", 0), (RUN, 0)])
def test_triggered_runs_are_counted_by_their_own_name(run_id: str, number: int) -> None:
    assert demo._number(run_id) == number
