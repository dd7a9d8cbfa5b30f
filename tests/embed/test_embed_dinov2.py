"""DINOv2 gives what transformers' own processor and model give, one scene at a time."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from support import tiny_checkpoints

from pipelines.config import DeploymentPaths
from pipelines.embed.base import describe_encoder, load_encoder
from pipelines.embed.dinov2 import read_pixels
from pipelines.errors import EncoderError

SIZES = ((41, 57), (57, 41), (32, 32), (33, 90), (28, 500), (224, 223))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_checkpoints.dinov2(tmp_path_factory.mktemp("dinov2"))


@pytest.fixture
def copied(folder: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(folder, tmp_path / "copied"))


def _scene(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(height * width).integers(0, 256, (height, width, 3), np.uint8)


def _their_pixels(scene: np.ndarray, folder: Path) -> np.ndarray:
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    from transformers.models.bit.image_processing_pil_bit import BitImageProcessorPil

    made = BitImageProcessorPil.from_pretrained(folder)(scene, return_tensors="np")
    return np.asarray(made["pixel_values"])


@pytest.mark.parametrize("size", SIZES)
def test_the_pixels_are_those_of_transformers_own_processor(
    folder: Path, size: tuple[int, int]
) -> None:
    ours = read_pixels(folder / "preprocessor_config.json").prepare(_scene(*size))
    theirs = _their_pixels(_scene(*size), folder)
    assert ours.shape == theirs.shape == (1, 3, 28, 28)
    assert np.abs(ours - theirs).max() < 1e-6


@pytest.mark.parametrize("pooling", ["cls", "patch_mean"])
def test_the_vectors_are_those_of_a_plain_forward_pass(
    folder: Path, tmp_path: Path, pooling: str
) -> None:
    import torch
    from transformers import Dinov2Model

    encoder = load_encoder(
        tiny_checkpoints.config("dinov2", folder, pooling), DeploymentPaths(home=tmp_path)
    )
    scenes = [_scene(*size) for size in SIZES[:3]]
    vectors = encoder.encode(scenes)
    model = Dinov2Model.from_pretrained(folder, local_files_only=True).eval()
    with torch.no_grad():
        hidden = model(torch.from_numpy(np.concatenate([_their_pixels(s, folder) for s in scenes])))
    tokens = hidden.last_hidden_state.numpy()
    expected = tokens[:, 0] if pooling == "cls" else tokens[:, 1:].mean(axis=1)
    assert vectors.shape == (3, 24) and vectors.std() > 0.1
    assert np.allclose(vectors, expected, atol=1e-5)
    assert np.array_equal(vectors[2:], encoder.encode(scenes[2:]))  # no companion matters


def test_another_pooling_or_preprocessing_is_another_vector_space(
    copied: Path, tmp_path: Path
) -> None:
    paths = DeploymentPaths(home=tmp_path)
    cls = describe_encoder(tiny_checkpoints.config("dinov2", copied, "cls"), paths)
    mean = describe_encoder(tiny_checkpoints.config("dinov2", copied, "patch_mean"), paths)
    changed = {**tiny_checkpoints.PREPROCESSOR, "size": {"shortest_edge": 30}}
    (copied / "preprocessor_config.json").write_text(json.dumps(changed))
    resized = describe_encoder(tiny_checkpoints.config("dinov2", copied, "cls"), paths)
    assert len({spec.space_id for spec in (cls, mean, resized)}) == 3
    assert str(tmp_path) not in cls.preprocessing


@pytest.mark.parametrize(
    "changed",
    [
        {"image_processor_type": "ViTImageProcessor"},
        {"do_center_crop": False},
        {"resample": 0},
        {"rescale_factor": 1.0},
        {"image_std": [0.2, 0.0, 0.2]},
        {"crop_size": {"height": 64, "width": 64}},
    ],
)
def test_a_preprocessing_that_is_not_done_here_is_refused(
    copied: Path, tmp_path: Path, changed: dict[str, object]
) -> None:
    path = copied / "preprocessor_config.json"
    path.write_text(json.dumps({**tiny_checkpoints.PREPROCESSOR, **changed}))
    with pytest.raises(EncoderError, match="preprocessing that this encoder does not do"):
        describe_encoder(
            tiny_checkpoints.config("dinov2", copied, "cls"), DeploymentPaths(home=tmp_path)
        )


def test_weights_that_lack_tensors_are_refused_not_filled_with_random_ones(
    copied: Path, tmp_path: Path
) -> None:
    from safetensors.torch import load_file, save_file

    state = load_file(copied / "model.safetensors")
    del state["layernorm.weight"]
    save_file(state, copied / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(EncoderError, match=r"lack 1 tensors, such as layernorm\.weight"):
        load_encoder(
            tiny_checkpoints.config("dinov2", copied, "cls"), DeploymentPaths(home=tmp_path)
        )


def test_a_checkpoint_of_another_family_is_refused(copied: Path, tmp_path: Path) -> None:
    about = json.loads((copied / "config.json").read_text())
    (copied / "config.json").write_text(json.dumps({**about, "model_type": "vit"}))
    with pytest.raises(EncoderError, match="not a DINOv2 checkpoint but 'vit'"):
        describe_encoder(
            tiny_checkpoints.config("dinov2", copied, "cls"), DeploymentPaths(home=tmp_path)
        )
