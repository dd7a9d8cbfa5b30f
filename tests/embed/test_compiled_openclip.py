"""Both open_clip towers by another runtime: torch's vectors, in a space of their own."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_sample_image
from support import tiny_checkpoints

from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.embed.base import Encoder, describe_encoder, load_encoder
from pipelines.embed.golden import cosines
from pipelines.embed.openvino_network import capabilities
from pipelines.encoder_config import RuntimeConfig

pytestmark = pytest.mark.skipif(find_spec("open_clip") is None, reason="needs open_clip_torch")
TOWERS = ("openclip_image", "openclip_text")
LEAST = {"float32": 0.9999, "bfloat16": 0.999}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoints.openclip(tmp_path_factory.mktemp("openclip"))


def pair(folder: Path, name: str, dtype: str, home: Path) -> tuple[Encoder, Encoder]:
    """A tower by OpenVINO and by torch."""
    if dtype == "bfloat16" and "BF16" not in capabilities():
        pytest.skip("this processor has no bfloat16 arithmetic")
    config, paths = tiny_checkpoints.config(name, folder, "projected"), DeploymentPaths(home=home)
    return load_encoder(fast(config, dtype), paths), load_encoder(config, paths)


def fast(config: EncoderConfig, dtype: str) -> EncoderConfig:
    runtime = RuntimeConfig.model_validate({"dtype": dtype})
    return config.model_copy(update={"runtime": runtime})


def inputs(name: str) -> Sequence[Any]:
    if name == "openclip_text":
        return ["Cali.", "Semana 2018-w48: 12, 15, 9 y 4 casos de dengue.", "dengue " * 99]
    noise = np.random.default_rng(0).integers(0, 256, (41, 57, 3), dtype=np.uint8)
    return [load_sample_image("flower.jpg"), load_sample_image("china.jpg"), noise]


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("dtype", LEAST)
def test_a_towers_vector_is_that_of_torch(
    folder: Path, tmp_path: Path, name: str, dtype: str
) -> None:
    by_openvino, by_torch = pair(folder, name, dtype, tmp_path)
    found = by_openvino.encode(inputs(name))
    assert cosines(found, by_torch.encode(inputs(name))).min() > LEAST[dtype]
    assert by_openvino.truncated == by_torch.truncated == (1 if name == "openclip_text" else 0)


@pytest.mark.parametrize("name", TOWERS)
def test_a_towers_bits_do_not_depend_on_an_inputs_companions(
    folder: Path, tmp_path: Path, name: str
) -> None:
    encoder, _ = pair(folder, name, "float32", tmp_path)
    alone = np.concatenate([encoder.encode([item]) for item in inputs(name)])
    assert np.array_equal(encoder.encode(list(reversed(inputs(name))))[::-1], alone)


@pytest.mark.parametrize("name", TOWERS)
def test_a_runtime_is_another_space(folder: Path, paths: DeploymentPaths, name: str) -> None:
    config = tiny_checkpoints.config(name, folder, "projected")
    by_torch, by_openvino = (
        describe_encoder(one, paths) for one in (config, fast(config, "float32"))
    )
    assert "runtime" not in by_torch.preprocessing
    assert by_torch.space_id != by_openvino.space_id
