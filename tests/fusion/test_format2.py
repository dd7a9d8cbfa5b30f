"""FORMAT 2 is fixed: the page that describes it, a bundle that was recorded, and what is
refused."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from support import make_format2

from pipelines.data.prompts import load_template
from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle, load_bundle, load_verified_bundle, write_bundle
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.predict import predict_vectors
from pipelines.inference.rows import prompt_of
from pipelines.storage import sha256_file, write_json

KEPT = Path(__file__).parent / "format2"
ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "bundle.md").read_text(encoding="utf-8")
EXPECTED = json.loads((KEPT / "expected.json").read_text())["answers"]


def tables_of_the_page() -> list[set[str]]:
    """What stands in code in the first column, table by table."""
    tables = re.findall(r"(?:^\|.*\n)+", PAGE, re.M)
    rows = [re.findall(r"^\| (`.*?) \|", table, re.M) for table in tables]
    return [{name for row in table for name in re.findall(r"`([^`]+)`", row)} for table in rows]


def described(folder: Path) -> dict:
    return json.loads((folder / "bundle.json").read_text())


@pytest.fixture
def copied(tmp_path):
    """A copy of the recorded bundle, to be spoiled."""
    return Path(shutil.copytree(KEPT / "bundle", tmp_path / "bundle"))


def sign(folder, **changes):
    """Write the description anew, with changes and with the hashes of what lies there."""
    files = {
        p.relative_to(folder).as_posix(): sha256_file(p)
        for p in folder.rglob("*")
        if p.is_file() and p.name != "bundle.json"
    }
    write_json(folder / "bundle.json", {**described(folder), "files": files, **changes})


def test_the_recorded_bundle_answers_what_it_answered_when_it_was_recorded():
    bundle = load_verified_bundle(KEPT / "bundle")
    found = predict_vectors(bundle, make_format2.asked(bundle))
    np.testing.assert_allclose(
        [p.probability for p in found], [e[0] for e in EXPECTED], rtol=0, atol=1e-9
    )
    assert [[p.threshold_cases, p.outbreak] for p in found] == [e[1:] for e in EXPECTED]
    assert {p.outbreak for p in found} == {True, False}


def test_calendar_codes_thresholds_and_prompt_are_those_that_lie_in_it():
    bundle = load_verified_bundle(KEPT / "bundle")
    assert bundle.calendar.starts == "monday"
    assert (bundle.codes.normalise("AB-01"), bundle.codes.normalise("5001")) == ("AB-01", None)
    np.testing.assert_array_equal(bundle.thresholds.cases, make_format2.thresholds().cases)
    row = PredictionRow(
        municipality_code="AB-01",
        origin_week="2018-w40",
        horizon_weeks=4,
        recent_cases=[1.0, 2.0, 3.0, 4.0],
        municipality_name="Anbar",
    )
    assert prompt_of(bundle, row) == "In Anbar 1, 2, 3, 4 cases."


def test_the_recorded_bundle_is_read_without_torch_and_lightgbm():
    code = (
        "import json, sys\n"
        "from pathlib import Path\n"
        "from pipelines.fusion.bundle import load_verified_bundle\n"
        "from pipelines.inference.predict import predict_vectors\n"
        "from pipelines.inference.vectors import VectorInput\n"
        "bundle = load_verified_bundle(Path(sys.argv[1]))\n"
        "row = VectorInput('AB-01', {}, origin_week_no=bundle.calendar.week_no('2018-w30'))\n"
        "assert 0 < predict_vectors(bundle, [(4, row)])[0].probability < 1\n"
        "print(sorted({'torch', 'lightgbm', 'mlflow'} & set(sys.modules)))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, str(KEPT / "bundle")],
        capture_output=True,
        text=True,
        timeout=120,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert (done.returncode, done.stdout.strip()) == (0, "[]"), done.stderr


def test_the_page_names_the_files_and_keys_that_are_written(tmp_path, make_examples, make_bundle):
    fused = load_verified_bundle(
        write_bundle(make_bundle(make_examples(units=2)), tmp_path / "fused")
    )
    full = tmp_path / "full"
    (tmp_path / "prompt.yaml").write_text(make_format2.TEMPLATE)
    meta = fused.meta.model_copy(
        update={
            "threshold_cases": {},
            "prompt_template_id": load_template("es", tmp_path / "prompt.yaml").template_id,
        }
    )
    write_bundle(
        Bundle(
            meta,
            fused.models,
            prompt_file=tmp_path / "prompt.yaml",
            varying=make_format2.thresholds,
        ),
        full,
    )

    files, top, keys = tables_of_the_page()

    written = {
        re.sub(r"^h\d\d/.*", "hNN/", p.relative_to(full).as_posix())
        for p in full.rglob("*")
        if p.is_file()
    }
    about = described(full)
    (of_model,) = {tuple(entry) for entry in about["models"].values()}
    assert files == written
    assert top == {*about, *(f"models.*.{key}" for key in of_model)}
    assert keys == set(about["meta"])
    own = {p.name for p in full.glob("h??/*")}
    assert {"linear.json", "linear.safetensors", "fused.json", "fused.safetensors"} == own
    assert all(f"`{name}`" in PAGE for name in (*own, *about["models"]["4"]["calibration"]))


def test_a_later_kind_may_add_any_file_in_the_folder_of_a_horizon(copied):
    (copied / "h04" / "more").mkdir()
    (copied / "h04" / "more" / "weights.bin").write_bytes(b"of a later kind")
    sign(copied)
    assert sorted(load_bundle(copied).models) == [1, 4]


@pytest.mark.parametrize("name", ["later.json", "h08/linear.json", "h4/linear.json", "more/a.bin"])
def test_a_file_beside_them_is_refused_even_if_it_is_listed(name, copied):
    (copied / name).parent.mkdir(exist_ok=True)
    (copied / name).write_bytes(b"{}")
    sign(copied)
    with pytest.raises(StoreError, match=re.escape(f"no place for {name}")):
        load_bundle(copied)


@pytest.mark.parametrize("part", ["top", "models", "calibration", "meta"])
@pytest.mark.parametrize("absent", [True, False])
def test_a_key_too_many_or_too_few_is_refused(part, absent, copied):
    about = described(copied)
    models = about["models"]
    at = {
        "top": about,
        "models": models["4"],
        "calibration": models["4"]["calibration"],
        "meta": about["meta"],
    }[part]
    key = {"top": "models", "models": "kind", "calibration": "every", "meta": "place"}[part]
    if absent:
        del at[key]
    else:
        at["surprise"] = None
    write_json(copied / "bundle.json", about)
    with pytest.raises(StoreError, match=key if absent else "surprise"):
        load_bundle(copied)


def test_two_decision_thresholds_for_one_horizon_are_refused(copied):
    about = described(copied)
    about["models"]["4"]["decision_threshold"] = 0.9
    write_json(copied / "bundle.json", about)
    with pytest.raises(StoreError, match="two decision thresholds"):
        load_bundle(copied)


def test_no_path_of_the_machine_that_made_it_is_in_a_bundle(tmp_path):
    (tmp_path / "prompt.yaml").write_text(make_format2.TEMPLATE)
    folder = write_bundle(make_format2.bundle(tmp_path / "prompt.yaml"), tmp_path / "bundle")
    for path in folder.rglob("*"):
        assert path.is_dir() or str(tmp_path).encode() not in path.read_bytes()


def test_the_recorded_bundle_written_again_says_the_same(tmp_path):
    bundle = load_verified_bundle(KEPT / "bundle")
    again = load_verified_bundle(write_bundle(bundle, tmp_path / "again"))
    assert again.meta == bundle.meta
    np.testing.assert_array_equal(again.thresholds.cases, bundle.thresholds.cases)
