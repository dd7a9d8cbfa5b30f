"""Reading a bundle imports what its own kind needs: no torch for a linear or a boosted one."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from pipelines.fusion.bundle import Bundle, load_sound, write_bundle
from pipelines.fusion.forecaster import Folds, forecaster_class
from pipelines.fusion.horizon import HorizonModel
from pipelines.fusion.linear import fit_linear
from pipelines.models.kinds import BoostingSettings

_CHILD = """
import sys
from pathlib import Path
from pipelines.fusion.bundle import load_sound
from pipelines.inference.predict import predict_vectors
from pipelines.inference.vectors import VectorInput
import serving.app
bundle = load_sound(Path(sys.argv[1]))
unit = min(bundle.meta.threshold_cases)
print(predict_vectors(bundle, [(4, VectorInput(unit, {}))])[0].probability)
print(sorted({"torch", "lightgbm", "mlflow.pyfunc", "great_expectations"} & set(sys.modules)))
"""


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


@pytest.mark.parametrize(("name", "imported"), [("linear", []), ("boosting", ["lightgbm"]), ("climatology", [])])  # fmt: skip
def test_a_process_that_asks_a_bundle_imports_nothing_of_other_kinds(name, imported, write):
    folder, _ = write(name)
    here = str(Path(__file__).parents[2])
    done = subprocess.run(
        [sys.executable, "-c", _CHILD, str(folder)], capture_output=True, text=True, timeout=120,
        cwd=here, env={**os.environ, "PYTHONPATH": here},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    probability, found = done.stdout.splitlines()
    assert 0 <= float(probability) <= 1
    assert found == str(imported)


@pytest.mark.parametrize("name", ["boosting", "climatology", "persistence_calibrated"])
def test_a_forecaster_of_any_kind_comes_back_from_a_bundle(name, write):
    folder, rows = write(name)
    loaded = load_sound(folder).models[4]
    (folder.parent / "again").mkdir()
    loaded.forecaster.save(folder.parent / "again")
    again = forecaster_class(name).load(folder.parent / "again")
    np.testing.assert_array_equal(loaded.probability(rows), HorizonModel(4, again).probability(rows))  # fmt: skip
