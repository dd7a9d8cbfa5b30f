"""A bundle that the first version wrote (format1/, kept as it was written) loads and answers the
same.
"""

import json
from pathlib import Path

import numpy as np
import pytest

from pipelines.errors import StoreError
from pipelines.fusion.bundle import load_verified_bundle
from pipelines.storage import write_json

KEPT = Path(__file__).parent / "format1"


def test_it_predicts_what_the_first_version_predicted(make_examples):
    bundle = load_verified_bundle(KEPT / "bundle")
    expected = json.loads((KEPT / "expected.json").read_text())
    assert sorted(bundle.models) == sorted(map(int, expected))
    rows = make_examples(units=2)
    for horizon, model in bundle.models.items():
        # the last digits of a head of torch depend on the processor
        np.testing.assert_allclose(model.probability(rows)[::97], expected[str(horizon)], atol=1e-6)


def test_its_place_is_that_of_the_first_version():
    bundle = load_verified_bundle(KEPT / "bundle")
    assert bundle.codes.normalise("5001") == "05001"
    assert bundle.calendar.week_label(bundle.calendar.week_no("2018-w48")) == "2018-w48"


def test_weights_of_another_head_than_it_says_are_refused(tmp_path):
    for name in ("golden.json", "head.safetensors"):
        (tmp_path / name).write_bytes((KEPT / "bundle" / name).read_bytes())
    raw = json.loads((KEPT / "bundle" / "bundle.json").read_text())
    raw["meta"]["head"] = "early"
    write_json(tmp_path / "bundle.json", raw)
    with pytest.raises(StoreError, match="its head is early and holds weights of late_joint"):
        load_verified_bundle(tmp_path)
