"""Reading a bundle imports what its own kind needs: no torch for a linear or a boosted one."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.fusion.bundle import Bundle, load_verified_bundle, write_bundle
from pipelines.fusion.forecaster import Folds, forecaster_class
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import fit_linear
from pipelines.models.kinds import BoostingSettings

# Kind by kind in one process: what one has imported stays, so those that need nothing come first.
_CHILD = """
import json, sys
from pathlib import Path
from pipelines.fusion.bundle import load_verified_bundle
from pipelines.inference.predict import predict_vectors
from pipelines.inference.vectors import VectorInput
import serving.app
for folder in sys.argv[1:]:
    bundle = load_verified_bundle(Path(folder))
    unit = min(bundle.meta.threshold_cases)
    said = predict_vectors(bundle, [(4, VectorInput(unit, {}))])[0].probability
    imported = sorted({"torch", "lightgbm", "mlflow.pyfunc", "great_expectations"} & set(sys.modules))
    print(json.dumps([said, imported]))
"""
_IMPORTED = {"linear": [], "climatology": [], "boosting": ["lightgbm"]}


@pytest.fixture(scope="module")
def write(make_examples, make_bundle, tmp_path_factory):
    """Write a bundle of one horizon and of a kind."""

    def one(name):
        rows = make_examples(units=3)
        linear = fit_linear(rows, 0.05)
        folds = Folds(linear, linear.logit(rows))
        fitted = forecaster_class(name).fit(rows, folds, BoostingSettings(rounds=5))
        meta = make_bundle(rows, head=name, horizons_weeks=(4,), decision_thresholds={4: 0.5}).meta
        folder = tmp_path_factory.mktemp(name) / "bundle"
        return write_bundle(Bundle(meta, {4: HorizonModel(4, fitted)}), folder), rows

    return one


@pytest.fixture(scope="module")
def answers(write):
    """Kind -> the probability that the process got of its bundle, and what it had imported
    by then."""
    here = str(Path(__file__).parents[2])
    folders = [str(write(name)[0]) for name in _IMPORTED]
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, *folders],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=here,
        env={**os.environ, "PYTHONPATH": here},
    )
    assert done.returncode == 0, done.stderr
    return dict(zip(_IMPORTED, map(json.loads, done.stdout.splitlines()), strict=True))


@pytest.mark.parametrize(("name", "imported"), _IMPORTED.items())
def test_a_process_that_asks_a_bundle_imports_nothing_of_other_kinds(name, imported, answers):
    probability, found = answers[name]
    assert 0 <= probability <= 1
    assert found == imported


@pytest.mark.parametrize("name", ["boosting", "climatology", "persistence_calibrated"])
def test_a_forecaster_of_any_kind_comes_back_from_a_bundle(name, write):
    folder, rows = write(name)
    loaded = load_verified_bundle(folder).models[4]
    (folder.parent / "again").mkdir()
    loaded.forecaster.save(folder.parent / "again")
    again = forecaster_class(name).load(folder.parent / "again")
    np.testing.assert_array_equal(
        loaded.probability(rows), HorizonModel(4, again).probability(rows)
    )
