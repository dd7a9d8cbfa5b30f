"""The forecast step: a champion that cannot be trusted on this machine, a forecast that was
withdrawn.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from support.homes import Home

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.fusion.bundle import DESCRIPTION, GOLDEN
from pipelines.registry.aliases import set_champion
from pipelines.registry.lookup import fetch_bundle
from pipelines.registry.register import register_bundle
from pipelines.run.withdrawn import withdraw
from pipelines.steps.history import history
from pipelines.storage import manifest_of, read_json, sha256_file, write_json


def of_other_numbers(bundle: Path, folder: Path) -> Path:
    """The same bundle, whole, but with a golden row that its weights do not give."""
    shutil.copytree(bundle, folder)
    golden = read_json(folder / GOLDEN)
    golden["rows"][0]["probability"] = {"4": 0.111}  # type: ignore[index]
    write_json(folder / GOLDEN, golden)
    described = read_json(folder / DESCRIPTION)
    described["files"][GOLDEN] = sha256_file(folder / GOLDEN)  # type: ignore[index]
    write_json(folder / DESCRIPTION, described)
    return folder


def test_a_champion_whose_golden_rows_disagree_makes_no_forecast_and_the_old_one_stays(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home = copied_tabular()
    paths, forecasts = DeploymentPaths(home=home.path), home.path / "artifacts" / "forecasts"
    before, output = manifest_of(forecasts), home.output("first", "forecast")
    bad = of_other_numbers(fetch_bundle("1", paths=paths), tmp_path / "other" / "bundle")
    set_champion(register_bundle(bad, "weekly", paths=paths))

    with pytest.raises(StoreError, match="golden rows differ"):
        steps.forecast("first")

    assert before and manifest_of(forecasts) == before
    assert home.output("first", "forecast") == output
    failed = history(paths, "first").part("forecast").failure
    assert failed is not None and failed.error == "StoreError"


def test_a_forecast_that_was_withdrawn_and_is_made_again_says_so(
    copied_tabular: Callable[[], Home],
) -> None:
    home = copied_tabular()
    version = home.output("first", "forecast")["forecast_version"]
    withdraw(DeploymentPaths(home=home.path), "forecast", version, "Ana", "made from wrong counts")
    made = steps.forecast("first")
    assert made.forecast_version == version
    assert "the very forecast that was withdrawn on" in made.note
    assert "by Ana: made from wrong counts" in made.note
