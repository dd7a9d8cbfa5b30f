"""Bundles: byte-equal, complete, and refused when anything in them is not what it says."""

import json
from dataclasses import replace

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipelines.data.prompts import load_template
from pipelines.errors import StoreError
from pipelines.fusion.bundle import bundle_id, check_golden, load_bundle, write_bundle
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.rows import prompt_of
from pipelines.storage import sha256_file, write_json

KINDS = ("early", "late_joint")
LINEAR, FUSED = "h04/linear.safetensors", "h04/fused.safetensors"


@pytest.fixture
def folder(tmp_path, make_examples, make_bundle):
    return write_bundle(make_bundle(make_examples(units=2)), tmp_path / "bundle")


def resign(folder):
    """Make the recorded hashes fit again after a file was changed on purpose."""
    raw = json.loads((folder / "bundle.json").read_text())
    raw["files"] = {name: sha256_file(folder / name) for name in raw["files"]}
    write_json(folder / "bundle.json", raw)


def files_of(folder):
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


def spoil(folder, name, tensor, change):
    """Change one array of a file and make the hashes fit again."""
    tensors = load_file(folder / name)
    tensors[tensor] = np.ascontiguousarray(change(tensors[tensor]))
    save_file(tensors, folder / name)
    resign(folder)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_comes_back_with_the_same_predictions_and_meta(
    kind, tmp_path, make_examples, make_bundle
):
    rows = make_examples(units=2)
    bundle = make_bundle(rows, kind)
    loaded = load_bundle(write_bundle(bundle, tmp_path / "b"))
    assert loaded.meta == bundle.meta
    for horizon, model in bundle.models.items():
        np.testing.assert_array_equal(
            loaded.models[horizon].probability(rows), model.probability(rows)
        )
        assert loaded.models[horizon].decision_threshold == model.decision_threshold
    check_golden(loaded)


def test_equal_bundles_are_equal_bytes(tmp_path, make_examples, make_bundle):
    for name in ("a", "b"):
        write_bundle(make_bundle(make_examples(units=2)), tmp_path / name)
    assert bundle_id(tmp_path / "a") == bundle_id(tmp_path / "b")


def test_other_content_has_another_id(tmp_path, make_examples, make_bundle):
    rows = make_examples(units=2)
    write_bundle(make_bundle(rows), tmp_path / "a")
    write_bundle(make_bundle(rows, as_of_week="2018-w49"), tmp_path / "b")
    assert bundle_id(tmp_path / "a") != bundle_id(tmp_path / "b")


def test_each_horizon_has_a_folder_with_the_own_files_of_its_kind(folder):
    assert sorted(files_of(folder)) == [
        "bundle.json",
        "golden.json",
        "h01/linear.json",
        "h01/linear.safetensors",
        "h04/fused.json",
        "h04/fused.safetensors",
        "h04/linear.json",
        "h04/linear.safetensors",
    ]


def test_it_holds_neither_time_nor_host_nor_path(folder):
    for path in files_of(folder).values():
        assert str(folder).encode() not in path.read_bytes()


def test_it_names_the_kind_of_each_horizon(folder):
    models = json.loads((folder / "bundle.json").read_text())["models"]
    assert {horizon: model["kind"] for horizon, model in models.items()} == {
        "1": "early",
        "4": "early",
    }


def test_writing_the_same_bundle_again_changes_nothing(folder, make_examples, make_bundle):
    before = {name: p.stat().st_mtime_ns for name, p in files_of(folder).items()}
    write_bundle(make_bundle(make_examples(units=2)), folder)
    assert {name: p.stat().st_mtime_ns for name, p in files_of(folder).items()} == before


def test_another_bundle_is_never_overwritten(folder, make_examples, make_bundle):
    with pytest.raises(StoreError, match="another bundle"):
        write_bundle(make_bundle(make_examples(units=2), as_of_week="2018-w49"), folder)


@pytest.mark.parametrize("name", [LINEAR, FUSED, "h04/fused.json", "golden.json"])
def test_a_flipped_byte_is_found(folder, name):
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises(StoreError, match=name):
        load_bundle(folder)


@pytest.mark.parametrize("name", [LINEAR, FUSED, "golden.json", "bundle.json"])
def test_an_absent_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(StoreError, match=name):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["model.pkl", "h04/model.pkl"])
def test_an_unexpected_file_is_refused(folder, name):
    (folder / name).write_bytes(b"x")
    with pytest.raises(StoreError, match=r"model\.pkl"):
        load_bundle(folder)


def test_a_nan_in_the_weights_is_refused_even_with_fitting_hashes(folder):
    spoil(folder, LINEAR, "weight", lambda w: np.where(np.arange(len(w)) == 0, np.nan, w))
    with pytest.raises(StoreError, match="not finite: weight"):
        load_bundle(folder)


@pytest.mark.parametrize(
    ("name", "tensor"), [(LINEAR, "weight"), (FUSED, "gap"), (FUSED, "state/output.weight")]
)
def test_a_wrong_shape_is_refused_even_with_fitting_hashes(folder, name, tensor):
    spoil(folder, name, tensor, lambda array: array[..., :-1])
    with pytest.raises(StoreError, match="not those of a"):
        load_bundle(folder)


def test_models_of_other_horizons_are_refused(folder):
    raw = json.loads((folder / "bundle.json").read_text())
    del raw["models"]["1"]
    write_json(folder / "bundle.json", raw)
    with pytest.raises(StoreError, match="other horizons"):
        load_bundle(folder)


def test_a_bundle_that_holds_another_kind_than_its_head_is_refused(folder):
    raw = json.loads((folder / "bundle.json").read_text())
    raw["meta"]["head"] = "late_joint"
    write_json(folder / "bundle.json", raw)
    with pytest.raises(
        StoreError, match="its head is late_joint and holds models of the kind early"
    ):
        load_bundle(folder)


def test_weights_of_another_head_are_not_written_under_its_name(
    tmp_path, make_examples, make_bundle
):
    bundle = make_bundle(make_examples(units=2), "early", head="late_joint")
    with pytest.raises(StoreError, match="'early', not of 'late_joint'"):
        write_bundle(bundle, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_a_head_that_is_not_installed_is_refused_by_its_name(folder):
    raw = json.loads((folder / "bundle.json").read_text())
    raw["meta"]["head"] = "from_elsewhere"
    write_json(folder / "bundle.json", raw)
    with pytest.raises(StoreError, match="'from_elsewhere' is not one of"):
        load_bundle(folder)


def test_changed_weights_fail_the_golden_rows(folder):
    spoil(folder, LINEAR, "bias", lambda bias: bias + 0.01)
    with pytest.raises(StoreError, match="golden rows differ"):
        check_golden(load_bundle(folder))


def test_changed_weights_of_the_fused_part_fail_the_golden_rows_too(folder):
    spoil(folder, FUSED, "gap", lambda gap: gap + 0.05)
    with pytest.raises(StoreError, match="golden rows differ"):
        check_golden(load_bundle(folder))


def test_a_bundle_that_was_never_written_has_no_golden_rows_to_pass(make_examples, make_bundle):
    with pytest.raises(StoreError, match="golden"):
        check_golden(make_bundle(make_examples(units=2)))


def test_an_unknown_key_in_the_description_is_refused(folder):
    raw = json.loads((folder / "bundle.json").read_text())
    raw["meta"]["surprise"] = 1
    write_json(folder / "bundle.json", raw)
    with pytest.raises(StoreError, match="surprise"):
        load_bundle(folder)


def test_another_format_is_refused(folder):
    raw = json.loads((folder / "bundle.json").read_text())
    write_json(folder / "bundle.json", {**raw, "format": 99})
    with pytest.raises(StoreError, match="99"):
        load_bundle(folder)


TEMPLATE = """template: "In {municipality} {recent_cases} cases."
unknown: "?"
months: [a, b, c, d, e, f, g, h, i, j, k, l]
"""


def test_a_bundle_carries_the_prompt_template_that_its_rows_were_made_from(
    tmp_path, make_examples, make_bundle
):
    (tmp_path / "own.yaml").write_text(TEMPLATE)
    own = load_template("es", tmp_path / "own.yaml")
    bundle = make_bundle(make_examples(units=2), prompt_template_id=own.template_id)
    loaded = load_bundle(
        write_bundle(replace(bundle, prompt_file=tmp_path / "own.yaml"), tmp_path / "b")
    )
    row = PredictionRow(
        municipality_code="90000",
        origin_week="2018-w40",
        horizon_weeks=4,
        recent_cases=[1.0, 2.0, 3.0, 4.0],
        municipality_name="Medellín",
    )
    assert prompt_of(loaded, row) == "In Medellín 1, 2, 3, 4 cases."


def test_a_template_that_the_rows_were_not_made_from_is_not_written(
    tmp_path, make_examples, make_bundle
):
    (tmp_path / "own.yaml").write_text(TEMPLATE)
    bundle = replace(make_bundle(make_examples(units=2)), prompt_file=tmp_path / "own.yaml")
    with pytest.raises(StoreError, match="the model was trained with t"):
        write_bundle(bundle, tmp_path / "b")
