"""Every parser of outside bytes, fuzzed: a value or a named error comes of it, nothing else.

Seeds are valid inputs; hypothesis cuts, flips, repeats and splices them, and makes bytes of its
own. The usual two hundred inputs of a parser are the same everywhere; DENGUARD_FUZZ_SECONDS gives
it others for so long.
"""

from __future__ import annotations

import io
import json
import os
import resource
import time
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from support.api import KEY, MULTIPART, ROW, VECTOR, champion, form, make_app, row_part, scene_part
from support.attacks import images
from support.attacks.on_info import GOOD as GOOD_INFO
from support.desk import table_rows, write_csv
from support.drops import CONTEXT

from pipelines.config import DeploymentPaths, ScenePolicy, load_profile
from pipelines.data.drop_info import DropInfo, read_info
from pipelines.data.drops import Drop
from pipelines.data.filecache import FileCache
from pipelines.data.pixels import decode_scene
from pipelines.data.prompts import load_template
from pipelines.data.sources.dane import DaneCodes
from pipelines.data.sources.satellitebench import read_raw
from pipelines.data.sources.satellitebench_columns import meant_name, read_column
from pipelines.errors import DenguardError, StoreError
from pipelines.fusion.bundle import GOLDEN, load_bundle, write_bundle
from pipelines.fusion.fused import fused_model
from pipelines.fusion.linear import LinearModel
from pipelines.inference.prediction_log import log_folder, read_day
from pipelines.run import parse_params, run_folder
from pipelines.storage import manifest_of, read_json, write_json
from pipelines.weeks import CDC

SECONDS = float(os.environ.get("DENGUARD_FUZZ_SECONDS", "0"))
WEIGHTS = "h04/linear.safetensors"
MOST_SLOW_S, MOST_GROWTH_MB, LEAST, USUAL = 5.0, 300, 20, 200
TODAY = date(2018, 12, 4)
Parser = Callable[[bytes], object]


@st.composite
def damaged(draw: st.DrawFn, seed: bytes) -> bytes:
    """A valid input with up to four damages."""
    raw = bytearray(seed)
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, max(len(raw) - 1, 0)))
        end = min(at + draw(st.integers(0, 64)), len(raw))
        match draw(st.sampled_from(("flip", "cut", "drop", "repeat", "insert", "digits"))):
            case "flip" if raw:
                raw[at] ^= draw(st.integers(1, 255))
            case "cut":
                del raw[at:]
            case "drop":
                del raw[at:end]
            case "repeat":
                raw[at:at] = raw[at:end] * draw(st.integers(1, 20))
            case "insert":
                raw[at:at] = draw(st.binary(max_size=16))
            case "digits":
                raw[at:at] = draw(
                    st.sampled_from(
                        (b"9" * 400, b"-1", b"1e999", b"NaN", b"\xff" * 8, b"{" * 300, b"\0")
                    )
                )
    return bytes(raw)


def fuzz(parse: Parser, *seeds: bytes) -> None:
    """Only a value or a DenguardError may come of any input, soon and in little memory."""
    inputs = st.one_of(st.binary(max_size=200), *[damaged(seed) for seed in seeds])
    until = time.process_time() + SECONDS  # of this process alone: others may be at work
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    tried = 0

    @settings(
        max_examples=1_000_000 if SECONDS else USUAL,
        derandomize=not SECONDS,
        database=None,
        deadline=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.generate, Phase.shrink],
    )
    @given(inputs)
    def attempt(raw: bytes) -> None:
        nonlocal tried
        begun = time.process_time()
        if SECONDS and begun > until and tried >= LEAST:
            return
        tried += 1
        try:
            parse(raw)
        except DenguardError as err:
            assert err.what
            assert err.fix
            assert len(str(err)) < 5000
        assert time.process_time() - begun < MOST_SLOW_S, "a small input took long"

    for seed in seeds:
        parse(seed)
    attempt()
    assert tried >= LEAST
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024 < MOST_GROWTH_MB


def of_file(path: Path, parse: Callable[[Path], object]) -> Parser:
    """A parser of bytes from a parser of files."""
    path.parent.mkdir(parents=True, exist_ok=True)

    def from_bytes(raw: bytes) -> object:
        path.write_bytes(raw)
        return parse(path)

    return from_bytes


def test_the_municipal_table(tmp_path: Path) -> None:
    table = write_csv(tmp_path / "metadata.csv", table_rows()[:4])
    drop = Drop(tmp_path, DropInfo(received_date=TODAY, scene_period="month"))
    fuzz(of_file(table, lambda _: read_raw(drop, CONTEXT)), table.read_bytes())


def test_drop_yaml(tmp_path: Path) -> None:
    good = GOOD_INFO.replace("{date}", TODAY.isoformat()) + "source_note: 'the ministry'\n"
    fuzz(of_file(tmp_path / "drop.yaml", read_info), good.encode())


def test_a_profile(tmp_path: Path) -> None:
    ci = Path(load_profile.__code__.co_filename).parent / "conf" / "ci.yaml"
    fuzz(of_file(tmp_path / "p.yaml", lambda p: load_profile(str(p))), ci.read_bytes())


def test_a_prompt_template(tmp_path: Path) -> None:
    good = (
        b"template: '{municipality}: {recent_cases}'\nunknown: '?'\nmonths: [1, 2, 3, 4, 5, 6, 7, "
        b"8, 9, 10, 11, 12]\n"
    )

    def parse(path: Path) -> object:
        load_template.cache_clear()
        return load_template("es", path)

    fuzz(of_file(tmp_path / "prompt.yaml", parse), good)


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("a.png", images.GOOD_PNG),
        ("a.tiff", images.GOOD_TIFF),
        ("a.jpg", images.saved(images.NOISE, "JPEG")),
        ("b.tif", images.tiff(images.NOISE, compression="zlib")),
        ("c.png", images.animated()),
    ],
)
def test_an_image(name: str, seed: bytes) -> None:
    policy = ScenePolicy(max_pixels=1_000_000)
    fuzz(lambda raw: decode_scene(io.BytesIO(raw), name, policy), seed)


@pytest.fixture(scope="module")
def endpoint(tmp_path_factory: pytest.TempPathFactory) -> TestClient:
    app = make_app(tmp_path_factory.mktemp("fuzzed"), prediction_log_days=0, max_scene_pixels=10**6)
    return TestClient(app, headers={"Authorization": f"Bearer {KEY}"}, raise_server_exceptions=True)


def ask(endpoint: TestClient, kind: str) -> Parser:
    def send(raw: bytes) -> None:
        answer = endpoint.post("/predictions", content=raw, headers={"Content-Type": kind})
        assert answer.status_code in (200, 413, 415, 422), answer.text
        assert answer.status_code == 200 or answer.json()["fix"]

    return send


def test_json_requests(endpoint: TestClient) -> None:
    seeds = [
        json.dumps({"rows": [ROW]}).encode(),
        json.dumps({"vectors": [{**VECTOR, "image": [0.5, -0.25]}]}).encode(),
    ]
    fuzz(ask(endpoint, "application/json"), *seeds)


def test_multipart_requests(endpoint: TestClient) -> None:
    fuzz(ask(endpoint, MULTIPART), form(row_part(), scene_part(images.GOOD_PNG)))


def test_content_types(endpoint: TestClient) -> None:
    body = form(row_part(), scene_part(images.GOOD_PNG))

    def send(raw: bytes) -> None:
        kind = "".join(c for c in raw.decode("latin-1") if c.isprintable()).encode("latin-1")
        answer = endpoint.post("/predictions", content=body, headers={b"Content-Type": kind})
        assert answer.status_code in (200, 415, 422), answer.text

    fuzz(send, MULTIPART.encode(), b'multipart/form-data; charset=utf-7; boundary="x y"')


def test_week_labels_column_names_and_codes() -> None:
    def parse(raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        read_column(text)
        DaneCodes().normalise(text)
        meant_name(text, ["Municipality code"])
        CDC.week_no(text)

    fuzz(parse, b"2018-w48")


def test_run_ids_and_parameters(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)

    def parse(raw: bytes) -> None:
        text = raw.decode("utf-8", "replace")
        parse_params({"profile": text, "as_of": None})
        assert run_folder(paths, text).resolve().parent == tmp_path / "artifacts" / "runs"

    fuzz(parse, b"scheduled__2018-12-04T00:00:00+00:00")


@pytest.mark.parametrize("part", ["bundle.json", WEIGHTS, GOLDEN])
def test_a_bundle_whose_hashes_were_made_to_fit(tmp_path: Path, part: str) -> None:
    """An attacker who can write a bundle can write its hashes, too."""
    folder = write_bundle(champion().bundle, tmp_path / "bundle")
    description = read_json(folder / "bundle.json")

    def parse(path: Path) -> object:
        if part != "bundle.json":
            hashes = {n: s for n, s in manifest_of(folder).items() if n != "bundle.json"}
            write_json(folder / "bundle.json", {**description, "files": hashes})
        return load_bundle(folder)

    fuzz(of_file(folder / part, parse), (folder / part).read_bytes())


def test_weights_alone(tmp_path: Path) -> None:
    folder = write_bundle(champion().bundle, tmp_path / "bundle")
    fuzz(
        of_file(folder / WEIGHTS, lambda p: LinearModel.load(p.parent)),
        (folder / WEIGHTS).read_bytes(),
    )


def test_json_records(tmp_path: Path) -> None:
    fuzz(of_file(tmp_path / "gate.json", read_json), b'{"decision": "keep", "reasons": ["x"]}')


def test_the_file_cache(tmp_path: Path) -> None:
    seed = json.dumps({"sha256|/x|3|4": {"sha256": "0"}}).encode()
    fuzz(of_file(tmp_path / "files.json", lambda p: FileCache(p).get(p, "sha256")), seed)


def test_lines_of_the_prediction_log(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    line: dict[str, Any] = {
        "trace_id": "a" * 32,
        "at": "2018-12-04T10:00:00Z",
        "input_sha256": "0" * 64,
        "bundle_id": "b",
        "model_version": "1",
        "predictions": [
            {
                "municipality_code": "05001",
                "horizon_weeks": 4,
                "origin_week": "2018-w48",
                "target_week": "2018-w52",
                "probability": 0.5,
                "outbreak": True,
            }
        ],
    }
    file = log_folder(paths) / TODAY.isoformat() / "1-a.jsonl"
    fuzz(of_file(file, lambda _: list(read_day(paths, TODAY))), json.dumps(line).encode() + b"\n")


def test_json_of_a_hundred_thousand_brackets_is_damaged_and_not_a_crash(tmp_path: Path) -> None:
    file = tmp_path / "gate.json"
    file.write_bytes(b'{"a":' * 100_000)
    with pytest.raises(StoreError, match="damaged"):
        read_json(file)
    assert FileCache(file).get(file, "sha256") is None


def test_a_bundle_that_names_a_width_of_a_million_takes_no_memory_for_it() -> None:
    """Its first layer would be four terabytes; its shapes are compared before it is built."""
    shape = {
        "kind": "late_joint",
        "image_width": 1,
        "text_width": 1,
        "width": 1_000_000,
        "lambda_shift": 0.0,
        "gap_kind": "vector",
    }
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(ValueError, match="other names or shapes"):
        fused_model(shape, {"gap": np.zeros(1_000_000)})
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - peak) / 1024 < MOST_GROWTH_MB
