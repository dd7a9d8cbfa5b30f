"""Bundles: byte-equal, complete, and refused when anything in them is not what it says."""

import json

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from pipelines.errors import StoreError
from pipelines.fusion.bundle import bundle_id, check_golden, load_bundle, write_bundle
from pipelines.storage import sha256_file, write_json

KINDS = ("early", "late_joint")


@pytest.fixture
def folder(tmp_path, make_examples, make_bundle):
    return write_bundle(make_bundle(make_examples(units=2)), tmp_path / "bundle")


def resign(folder):
    """Make the recorded hashes fit again after a file was changed on purpose."""
    raw = json.loads((folder / "bundle.json").read_text())
    raw["files"] = {name: sha256_file(folder / name) for name in raw["files"]}
    write_json(folder / "bundle.json", raw)


@pytest.mark.parametrize("kind", KINDS)
def test_a_bundle_comes_back_with_the_same_predictions_and_meta(kind, tmp_path, make_examples, make_bundle):  # fmt: skip
    rows = make_examples(units=2)
    bundle = make_bundle(rows, kind)
    loaded = load_bundle(write_bundle(bundle, tmp_path / "b"))
    assert loaded.meta == bundle.meta
    for horizon, model in bundle.models.items():
        np.testing.assert_array_equal(loaded.models[horizon].probability(rows), model.probability(rows))  # fmt: skip
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


def test_it_holds_neither_time_nor_host_nor_path(folder):
    assert sorted(p.name for p in folder.iterdir()) == ["bundle.json", "golden.json", "head.safetensors"]  # fmt: skip
    assert str(folder) not in (folder / "bundle.json").read_text()


def test_writing_the_same_bundle_again_changes_nothing(folder, make_examples, make_bundle):
    before = {p.name: p.stat().st_mtime_ns for p in folder.iterdir()}
    write_bundle(make_bundle(make_examples(units=2)), folder)
    assert {p.name: p.stat().st_mtime_ns for p in folder.iterdir()} == before


def test_another_bundle_is_never_overwritten(folder, make_examples, make_bundle):
    with pytest.raises(StoreError, match="another bundle"):
        write_bundle(make_bundle(make_examples(units=2), as_of_week="2018-w49"), folder)


@pytest.mark.parametrize("name", ["head.safetensors", "golden.json"])
def test_a_flipped_byte_is_found(folder, name):
    raw = bytearray((folder / name).read_bytes())
    raw[len(raw) // 2] ^= 1
    (folder / name).write_bytes(raw)
    with pytest.raises(StoreError, match=name):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["head.safetensors", "golden.json", "bundle.json"])
def test_an_absent_file_is_named(folder, name):
    (folder / name).unlink()
    with pytest.raises(StoreError, match=name):
        load_bundle(folder)


def test_an_unexpected_file_is_refused(folder):
    (folder / "model.pkl").write_bytes(b"x")
    with pytest.raises(StoreError, match=r"model\.pkl"):
        load_bundle(folder)


def test_a_nan_in_the_weights_is_refused_even_with_fitting_hashes(folder):
    tensors = load_file(folder / "head.safetensors")
    tensors["h04/linear/weight"][0] = np.nan
    save_file(tensors, folder / "head.safetensors")
    resign(folder)
    with pytest.raises(StoreError, match="not finite: h04/linear/weight"):
        load_bundle(folder)


@pytest.mark.parametrize("name", ["h04/linear/weight", "h04/fused/gap", "h04/fused/state/output.weight"])  # fmt: skip
def test_a_wrong_shape_is_refused_even_with_fitting_hashes(folder, name):
    tensors = load_file(folder / "head.safetensors")
    tensors[name] = np.ascontiguousarray(tensors[name][..., :-1])
    save_file(tensors, folder / "head.safetensors")
    resign(folder)
    with pytest.raises(StoreError, match="not those of a head"):
        load_bundle(folder)


def test_weights_of_other_horizons_are_refused(folder):
    tensors = load_file(folder / "head.safetensors")
    save_file({k: v for k, v in tensors.items() if k.startswith("h04")}, folder / "head.safetensors")  # fmt: skip
    resign(folder)
    with pytest.raises(StoreError, match="other horizons"):
        load_bundle(folder)


@pytest.mark.parametrize("named", ["late_joint", "linear"])
def test_weights_of_another_head_than_named_are_refused(folder, named):
    raw = json.loads((folder / "bundle.json").read_text())
    raw["meta"]["head"] = named
    write_json(folder / "bundle.json", raw)
    with pytest.raises(StoreError, match=f"its head is {named} and holds weights of early"):
        load_bundle(folder)


def test_a_bundle_of_another_head_than_named_is_not_written(make_examples, make_bundle, tmp_path):
    wrong = make_bundle(make_examples(units=2), "early", head="late_joint")
    with pytest.raises(StoreError, match="holds weights of early"):
        write_bundle(wrong, tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_changed_weights_fail_the_golden_rows(folder):
    tensors = load_file(folder / "head.safetensors")
    tensors["h04/linear/bias"] += 0.01
    save_file(tensors, folder / "head.safetensors")
    resign(folder)
    with pytest.raises(StoreError, match="golden rows differ"):
        check_golden(load_bundle(folder))


def test_changed_weights_of_the_fused_part_fail_the_golden_rows_too(folder):
    tensors = load_file(folder / "head.safetensors")
    tensors["h04/fused/gap"] += 0.05
    save_file(tensors, folder / "head.safetensors")
    resign(folder)
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
