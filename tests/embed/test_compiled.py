"""Encoders by another runtime: the network of before, in a space of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from sklearn.datasets import load_sample_image
from support import multilingual, tiny_checkpoints

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.contracts import content_id
from pipelines.embed.base import (
    Encoder,
    could_be,
    describe_encoder,
    library_versions,
    load_encoder,
    untrained,
)
from pipelines.embed.compiled import compiled_network
from pipelines.embed.golden import cosines
from pipelines.embed.openvino_network import capabilities, core, require_chip
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard, run_work
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.weights import locate_weights
from pipelines.embed.work import ShardWork, WorkInput, write_work
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError
from pipelines.storage import read_json, sha256_file

FLOAT32, BFLOAT16 = RuntimeConfig(dtype="float32"), RuntimeConfig(dtype="bfloat16")
LEAST = {"float32": 0.9999, "bfloat16": 0.999}
# Of the blocks of the profile `ci` before there were runtimes.
SPACES = {"image": "b896e788ee8bae0a", "text": "521644021e31b151"}
RECIPE = "5fc1bc5509434e8c"
PROMPTS = (
    "Cali.",
    "Medellín, semana 2018-w48: 12, 15, 9 y 11 casos de dengue en las últimas cuatro semanas.",
    "Lluvia de 210 mm y 24,1 grados en Bucaramanga. " * 8,
    "dengue " * 300,
)
IMPORTS_IT = """
import json, sys
asked = []
sys.addaudithook(lambda name, args: name.startswith("socket.") and asked.append(name))
from pipelines.embed.openvino_network import openvino
import torch
openvino().convert_model(torch.nn.Linear(2, 2), example_input=torch.zeros(1, 2))
print(json.dumps([asked, [m for m in sys.modules if m.startswith("openvino_telemetry.")]]))
"""


def by(config: EncoderConfig, runtime: RuntimeConfig) -> EncoderConfig:
    return config.model_copy(update={"runtime": runtime})


def bfloat16_or_skip(runtime: RuntimeConfig) -> None:
    if runtime == BFLOAT16 and "BF16" not in capabilities():
        pytest.skip("this processor has no bfloat16 arithmetic")


def scenes() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return [load_sample_image("flower.jpg"), load_sample_image("china.jpg"), noise]


def soft_scene(data: Path) -> tuple[str, str]:
    """URI and hash of a picture whose vector EfficientNet-Lite0 gives wrongly in bfloat16."""
    coarse = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    data.mkdir()
    Image.fromarray(coarse).resize((256, 256)).save(data / "soft.png")
    return "soft.png", sha256_file(data / "soft.png")


def image_work(dataset: Path, profile: Profile, paths: DeploymentPaths) -> Path:
    files = plan_embedding(dataset, profile, paths).work_files
    (found,) = [file for file in files if json.loads(file.read_text())["modality"] == "image"]
    return found


def assert_apart_from_companions(encoder: Encoder, inputs: Sequence[Any]) -> None:
    alone = np.concatenate([encoder.encode([item]) for item in inputs])
    assert np.array_equal(encoder.encode(list(reversed(inputs)))[::-1], alone)
    assert np.array_equal(encoder.encode([*inputs, *inputs]), np.concatenate([alone, alone]))


@pytest.fixture(scope="session")
def fast_lite0(profile: Profile, shared_places: DeploymentPaths) -> Encoder:
    return load_encoder(by(profile.embed.image, FLOAT32), shared_places)


@pytest.fixture(scope="session", params=[FLOAT32, BFLOAT16], ids=["float32", "bfloat16"])
def fast_minilm(
    request: pytest.FixtureRequest, profile: Profile, shared_places: DeploymentPaths
) -> Encoder:
    bfloat16_or_skip(request.param)
    return load_encoder(by(profile.embed.text, request.param), shared_places)


def test_a_scene_vector_is_that_of_torch(fast_lite0: Encoder, lite0: Encoder) -> None:
    assert cosines(fast_lite0.encode(scenes()), lite0.encode(scenes())).min() > 0.9999


@pytest.mark.parametrize("pooling", ["cls", "patch_mean"])
@pytest.mark.parametrize("runtime", [FLOAT32, BFLOAT16], ids=["float32", "bfloat16"])
def test_a_dinov2_vector_is_that_of_torch(
    tiny_dinov2: Path, shared_places: DeploymentPaths, pooling: str, runtime: RuntimeConfig
) -> None:
    bfloat16_or_skip(runtime)
    config = tiny_checkpoints.config("dinov2", tiny_dinov2, pooling)
    fast = load_encoder(by(config, runtime), shared_places)
    expected = load_encoder(config, shared_places).encode(scenes())
    assert cosines(fast.encode(scenes()), expected).min() > LEAST[runtime.dtype]
    assert_apart_from_companions(fast, scenes())


def test_a_prompt_vector_is_that_of_torch(fast_minilm: Encoder, minilm: Encoder) -> None:
    least = cosines(fast_minilm.encode(PROMPTS), minilm.encode(PROMPTS)).min()
    assert least > LEAST[fast_minilm.spec.dtype]


def test_a_scene_vectors_bits_do_not_depend_on_its_companions(fast_lite0: Encoder) -> None:
    assert_apart_from_companions(fast_lite0, scenes())


def test_a_prompt_vectors_bits_do_not_depend_on_its_companions(fast_minilm: Encoder) -> None:
    assert_apart_from_companions(fast_minilm, PROMPTS)


def test_a_prompt_vectors_bits_do_not_depend_on_what_it_is_padded_with(
    fast_minilm: Encoder,
) -> None:
    tokens = fast_minilm._tokenizer([PROMPTS[1]], return_tensors="np", padding="max_length")  # type: ignore[attr-defined]
    ids, mask = (tokens[name][:, :64].astype(np.int64) for name in ("input_ids", "attention_mask"))
    assert not mask.all()
    network, other = fast_minilm._model, np.where(mask == 1, ids, 1996)  # type: ignore[attr-defined]
    assert np.array_equal(network(ids, mask, 0 * ids), network(other, mask, 0 * ids))


def test_a_long_prompt_is_cut_and_counted(fast_minilm: Encoder) -> None:
    fast_minilm.truncated = 0
    cut = fast_minilm.encode(["dengue " * 300, "dengue " * 500, "dengue"])
    assert fast_minilm.truncated == 2 and np.array_equal(cut[0], cut[1])


def test_scenes_are_embedded_by_it_through_the_store(
    make_dataset: Callable[..., Path], profile: Profile, paths: DeploymentPaths, lite0: Encoder
) -> None:
    chosen = profile.with_encoders({"image": by(profile.embed.image, FLOAT32)})
    work_file = image_work(make_dataset(weeks=3, scenes=3), chosen, paths)
    assert embed_shard(work_file, chosen, paths).embedded == 3
    store = EmbeddingStore(store_root(paths), describe_encoder(chosen.embed.image, paths))
    assert store.checked_versions()["openvino"] and len(store.locations()) == 3
    assert store.spec.space_id != lite0.spec.space_id


def test_nothing_is_kept_in_a_new_space_whose_vectors_are_too_far_from_torchs(
    profile: Profile, paths: DeploymentPaths
) -> None:
    bfloat16_or_skip(BFLOAT16)
    config = by(profile.embed.image, BFLOAT16)
    spec = describe_encoder(config, paths)
    uri, sha256 = soft_scene(paths.data)
    work = ShardWork(
        modality="image",
        space_id=spec.space_id,
        spec=asdict(spec),
        encoder=config,
        scenes=profile.data.scenes,
        inputs=(WorkInput(key="a", sha256=sha256, uri=uri),),
    )
    with pytest.raises(EncoderError, match=r"too far from torch in float32: least cosine 0\.99"):
        run_work(write_work(paths.home / "work.json", work), paths)
    space = store_root(paths) / spec.space_id
    assert [path.name for path in space.iterdir()] == ["golden.lock"]


def test_encoders_without_a_runtime_keep_their_keys(
    profile: Profile, shared_places: DeploymentPaths
) -> None:
    assert {m: describe_encoder(c, shared_places).space_id for m, c in profile.encoders} == SPACES
    assert content_id(profile.embed.recipe()) == RECIPE
    assert "runtime" not in profile.embed.image.model_dump_json()
    assert "openvino" not in library_versions(profile.embed.image)


def test_each_runtime_and_dtype_is_a_space_of_its_own(
    profile: Profile, shared_places: DeploymentPaths
) -> None:
    config = profile.embed.image
    specs = [describe_encoder(by(config, one), shared_places) for one in (FLOAT32, BFLOAT16)]
    assert len({SPACES["image"], *(spec.space_id for spec in specs)}) == 3
    assert json.loads(specs[0].preprocessing)["runtime"] == "openvino, 1x3x224x224"
    assert [spec.dtype for spec in specs] == ["float32", "bfloat16"]
    ways = (config, by(config, FLOAT32), by(config, BFLOAT16))
    known = [[could_be(way, spec) for spec in specs] for way in ways]
    assert known == [[False, False], [True, False], [False, True]]


def test_an_encoder_that_no_runtime_computes_says_so(paths: DeploymentPaths) -> None:
    with pytest.raises(EncoderError, match="use_text is not computed by openvino"):
        describe_encoder(by(multilingual.config(), FLOAT32), paths)


def test_a_processor_without_bfloat16_is_told_so() -> None:
    require_chip(FLOAT32, {"FP32", "INT8"})
    with pytest.raises(EncoderError, match=r"no bfloat16 .*it has FP32, INT8.*") as refused:
        require_chip(BFLOAT16, {"FP32", "INT8"})
    assert "runtime.dtype: float32" in refused.value.fix


def test_random_weights_are_computed_by_torch(tiny_dinov2: Path, paths: DeploymentPaths) -> None:
    config = tiny_checkpoints.config("dinov2", tiny_dinov2, "cls")
    assert untrained(by(config, FLOAT32), paths, 1).spec == untrained(config, paths, 1).spec


def test_a_network_is_converted_once_and_again_if_it_was_damaged(
    tiny_dinov2: Path, paths: DeploymentPaths
) -> None:
    config = by(tiny_checkpoints.config("dinov2", tiny_dinov2, "cls"), FLOAT32)
    vectors = load_encoder(config, paths).encode(scenes())
    weights = locate_weights(config, paths.artifacts / "weights")

    def never() -> Any:
        raise AssertionError("it is here already")

    pixels = np.zeros((1, 3, 28, 28), np.float32)
    assert compiled_network(config, FLOAT32, weights, never, (pixels,))(pixels).shape == (24,)
    (values,) = weights.cache.glob("converted/*/network.bin")
    whole = values.read_bytes()
    values.write_bytes(whole[:100] + bytes(100) + whole[200:])
    with pytest.raises(AssertionError, match="here already"):
        compiled_network(config, FLOAT32, weights, never, (pixels,))
    assert np.array_equal(load_encoder(config, paths).encode(scenes()), vectors)


def test_a_converted_network_says_what_it_was_made_of_even_if_it_is_of_before(
    tiny_dinov2: Path, paths: DeploymentPaths
) -> None:
    config = by(tiny_checkpoints.config("dinov2", tiny_dinov2, "cls"), FLOAT32)
    load_encoder(config, paths)
    (record,) = (paths.artifacts / "weights").glob("converted/*/made_of.json")
    first = read_json(record)
    assert first["weights_sha256"] == config.sha256
    assert first["library_versions"] == library_versions(config)
    record.unlink()
    load_encoder(config, paths)
    assert read_json(record) == first


def test_the_librarys_telemetry_is_not_imported_and_nothing_is_sent(tmp_path: Path) -> None:
    home = {**os.environ, "HOME": str(tmp_path), "CI": ""}
    command = [sys.executable, "-c", IMPORTS_IT]
    done = subprocess.run(
        command, env=home, capture_output=True, text=True, timeout=240, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout.splitlines()[-1]) == [[], []]
    assert list(tmp_path.iterdir()) == []  # neither an identity nor counts are left behind


def test_the_librarys_core_is_kept_for_the_life_of_the_process() -> None:
    assert core() is core()


@pytest.mark.parametrize("name", ["ci", "sample"])
def test_the_small_shipped_profiles_are_computed_in_float32_which_every_processor_has(
    name: str,
) -> None:
    assert {config.runtime for _, config in load_profile(name).encoders} == {FLOAT32}
