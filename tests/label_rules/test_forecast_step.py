"""The forecast of a run: by a bundle of its own rule, and refused for a bundle of another."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
import yaml
from support.outputs import leave
from support.rule_worlds import Prepared

from pipelines import steps
from pipelines.errors import LabelRuleError
from pipelines.fusion.bundle import load_verified_bundle, write_bundle
from pipelines.run import Run, open_run
from pipelines.run.outputs import FeaturesOutput, SnapshotOutput
from pipelines.steps.bulletin import make_forecast
from pipelines.training.candidates import train_candidate


@pytest.fixture
def run(prepared: Prepared, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    monkeypatch.setenv("DENGUARD_HOME", str(prepared.paths.home))
    profile = tmp_path / "small.yaml"
    profile.write_text(
        yaml.safe_dump(prepared.profile.model_dump(mode="json", exclude_defaults=True))
    )
    steps.start(tmp_path.name, {"profile": str(profile)})
    run = open_run(tmp_path.name)
    leave(run, SnapshotOutput, dataset=run.name(prepared.dataset))
    leave(run, FeaturesOutput, features=run.name(prepared.features))
    return run


@pytest.fixture
def folder(prepared: Prepared) -> Path:
    made = train_candidate(
        prepared.features, "linear", prepared.profile, prepared.paths.artifacts / "candidates"
    )
    return Path(made.folder) / "bundle"


def test_units_without_a_threshold_now_are_named_and_not_forecast(run: Run, folder: Path) -> None:
    forecast, made = make_forecast(run, folder, "1")
    assert made.forecast == run.name(forecast)
    table = pd.read_parquet(forecast / "forecast.parquet")
    about = (forecast / "forecast.json").read_text(encoding="utf-8")
    assert (table["threshold_cases"] > 0).all()
    rows = pd.read_parquet(run.path(run.output(FeaturesOutput).features) / "rows.parquet")
    assert "gone" in set(rows["unit_id"]), "it was learned from while it had cases"
    assert "gone" not in set(table["municipality_code"])
    assert '"gone"' in about


def test_a_bundle_of_another_rule_makes_no_forecast(run: Run, folder: Path, tmp_path: Path) -> None:
    own = load_verified_bundle(folder)
    meta = own.meta.model_copy(update={"label_rule_id": "median_2016_2017"})
    other = write_bundle(replace(own, meta=meta), tmp_path / "other")
    with pytest.raises(LabelRuleError, match=r"made by median_2016_2017") as caught:
        make_forecast(run, other, "1")
    assert "denguard adopt-rule" in caught.value.fix
