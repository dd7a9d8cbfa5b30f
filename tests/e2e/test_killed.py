"""kill -9 in the middle of a tabular run; what is killed in every step is in test_power_cuts.py."""

from __future__ import annotations

import pytest
from e2e.roads import Home
from e2e.tabular import FIRST, walk_tabular

from pipelines.storage import manifest_of

pytestmark = pytest.mark.e2e


def test_a_run_killed_half_way_goes_on_to_the_undisturbed_bundle_and_forecast(
    tabular: Home, unwalked_tabular: Home
) -> None:
    home, run = unwalked_tabular, unwalked_tabular.path / "artifacts" / "runs" / FIRST
    asked = ("run", "--profile", str(home.path / "tabular.yaml"), "--horizon", "4", "--run-id", FIRST)  # fmt: skip
    home.kill_when(home.start(*asked), lambda: (run / "train.json").is_file())
    assert not (run / "gate.json").exists()

    walk_tabular(home, FIRST)

    assert home.champion_bundle() == tabular.champion_bundle()
    forecasts = [manifest_of(h.path / "artifacts" / "forecasts") for h in (home, tabular)]
    assert forecasts[0] and forecasts[0] == forecasts[1]
