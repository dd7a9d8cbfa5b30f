"""kill -9 in the middle of a tabular run; what is killed in every step is in test_power_cuts.py."""

from __future__ import annotations

import pytest
from support.homes import Home
from support.killed import dies_at
from support.tabular import FIRST, run_tabular

from pipelines.storage import manifest_of

pytestmark = pytest.mark.e2e


def test_a_run_killed_half_way_goes_on_to_the_undisturbed_bundle_and_forecast(
    tabular: Home, fresh_tabular: Home
) -> None:
    home, run = fresh_tabular, fresh_tabular.path / "artifacts" / "runs" / FIRST
    assert dies_at("backtest_2016.json", lambda: run_tabular(home, FIRST))
    assert (run / "train.json").is_file() and not (run / "gate.json").exists()

    run_tabular(home, FIRST)

    assert home.champion_bundle() == tabular.champion_bundle()
    forecasts = [manifest_of(h.path / "artifacts" / "forecasts") for h in (home, tabular)]
    assert forecasts[0] and forecasts[0] == forecasts[1]
