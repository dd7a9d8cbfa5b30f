"""Boosted trees: the same bytes for the same rows, leaves that follow the rows, a text that is a
model's alone.
"""

import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StoreError
from pipelines.fusion.forecaster import Folds
from pipelines.fusion.linear import fit_linear
from pipelines.models.boosting import Boosting
from pipelines.models.kinds import BoostingSettings
from pipelines.storage import read_json, write_json

QUICK = BoostingSettings(rounds=20)


@pytest.fixture(scope="module")
def rows(make_examples):
    return make_examples(units=4)


def fit(rows, settings=QUICK):
    linear = fit_linear(rows, 0.05)
    return Boosting.fit(rows, Folds(linear, linear.logit(rows)), settings)


def test_it_learns_what_no_line_can(rows):
    wave = np.sin(3 * rows.covariates[:, 9].astype(float))
    planted = replace(rows, label=(np.nan_to_num(wave) > 0).astype(np.float32))
    own, linear = (
        fit(planted).predict_proba(planted),
        fit_linear(planted, 0.05).predict_proba(planted),
    )
    assert np.mean((own - planted.label) ** 2) < np.mean((linear - planted.label) ** 2) - 0.05


def test_trees_and_line_read_the_same_columns_and_know_the_same_centre(rows):
    one_lacks_it = rows.covariates.copy()
    one_lacks_it[:, 15] = np.where(rows.unit_id == rows.unit_id[0], 1.0, np.nan)
    odd = replace(rows, covariates=one_lacks_it)
    trees, line = fit(odd), fit_linear(odd, 0.05)
    assert trees.columns == line.columns
    assert rows.covariate_names[15] not in trees.columns
    for name, (mean, deviation) in line.centre.items():
        assert trees.centre[name] == pytest.approx((mean, deviation), abs=1e-6)


def test_the_order_of_the_table_changes_no_byte(rows):
    order = np.random.default_rng(1).permutation(len(rows))
    assert fit(rows.take(order)).text == fit(rows).text


_CHILD = """
import sys
sys.path[:0] = [{tests!r}]
from pipelines.testing.rows import make_examples
from models.test_boosting import fit
print(fit(make_examples(units=4)).text)
"""


def test_a_process_with_other_threads_trains_the_same_bytes(rows):
    code = _CHILD.format(tests=str(Path(__file__).parents[1]))
    more = {**os.environ, "OMP_NUM_THREADS": "4"}
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=120, env=more
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == fit(rows).text + "\n"


def test_its_text_names_no_setting_of_a_machine(rows):
    text = fit(rows).text
    assert text.startswith("tree\n") and "end of trees" in text
    assert "num_threads" not in text and "device" not in text


@pytest.mark.parametrize(("units", "at_least"), [(1, 20), (8, 20)])
def test_a_leaf_holds_no_fewer_rows_than_its_share(units, at_least, make_examples):
    text = fit(make_examples(units=units)).text
    counts = [
        int(n)
        for line in text.splitlines()
        if line.startswith("leaf_count=")
        for n in line[11:].split()
    ]
    assert min(counts) >= at_least


def test_leaves_grow_with_the_rows(rows):
    coarse = fit(rows, BoostingSettings(rounds=5, rows_per_leaf=10))
    counts = [
        int(n)
        for line in coarse.text.splitlines()
        if line.startswith("leaf_count=")
        for n in line[11:].split()
    ]
    assert min(counts) >= len(rows) // 10


def test_a_column_that_most_units_lack_is_not_read(rows):
    poor = rows.covariates.copy()
    poor[rows.unit_id != rows.unit_id[0], 20] = np.nan
    fitted = fit(replace(rows, covariates=poor))
    assert fitted.covariate_names == rows.covariate_names[:20]
    assert rows.covariate_names[20] not in fitted.columns


def test_trees_of_other_columns_are_refused(rows, tmp_path):
    fit(rows).save(tmp_path)
    shape = read_json(tmp_path / "boosting.json")
    write_json(
        tmp_path / "boosting.json",
        {**shape, "covariate_names": shape["covariate_names"][:-1], "spread": shape["spread"][:-1]},
    )
    with pytest.raises(StoreError, match="do not read the 25 design columns"):
        Boosting.load(tmp_path)


def test_a_damaged_text_is_refused(rows, tmp_path):
    fit(rows).save(tmp_path)
    (tmp_path / "boosting.txt").write_text("tree\nnot a model")
    with pytest.raises(StoreError, match="cannot be read"):
        Boosting.load(tmp_path)
