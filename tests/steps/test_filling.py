"""When a run makes the table of reporting delays, and that the report lives without it."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from support.homes import Home

from pipelines.config import load_profile
from pipelines.errors import GateError
from pipelines.evaluate.delay_table import delay_table_id
from pipelines.run import Run, open_run
from pipelines.steps import filling as module
from pipelines.steps.filling import filling
from pipelines.steps.training import backtest_years
from pipelines.storage import write_json


@pytest.fixture
def run(tabular: Home, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """The walked run of 45 units; tables of delays would lie elsewhere."""
    monkeypatch.setenv("DENGUARD_HOME", str(tabular.path))
    monkeypatch.setattr(module, "_folder", lambda _: tmp_path)
    return open_run("first")


def asking(run: Run) -> Run:
    return replace(run, profile=load_profile(run.params.profile, **{"evaluate.delay_table": True}))


def test_the_weekly_run_makes_no_table_unless_the_profile_asks(run: Run, tmp_path: Path) -> None:
    assert filling(run)["delay_table"] is None and not list(tmp_path.iterdir())


def test_it_is_made_once_for_a_recipe_and_its_years(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What makes it is counted here and walked in tests/evaluate: it takes minutes on 45 units."""
    calls = []

    def make(
        tables: Any, profile: Any, years: Any, folder: Path, facts: dict[str, Any]
    ) -> dict[str, Any]:
        name = delay_table_id(profile, years)
        calls.append(facts["run_id"])
        return write_json(folder / f"{name}.json", {"profile": profile.profile, **facts}) and facts

    monkeypatch.setattr(module, "make_delay_table", make)
    first, second = filling(asking(run)), filling(asking(run))
    assert calls == ["first"] and first["delay_table"] == second["delay_table"] is not None
    assert (
        tmp_path / f"{delay_table_id(asking(run).profile, backtest_years('first'))}.json"
    ).is_file()


def test_a_table_that_cannot_be_made_costs_no_report(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: Any) -> None:
        raise GateError("no rows")

    monkeypatch.setattr(module, "make_delay_table", fail)
    assert "no rows" in filling(asking(run))["delay_note"]
