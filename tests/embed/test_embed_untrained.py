"""Encoders with random weights: same architecture and inputs, never mistaken for the
trained ones."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest
from support import tiny_checkpoints

from pipelines.config import DeploymentPaths, EncoderConfig, Profile, load_profile
from pipelines.embed.base import Encoder, load_encoder, untrained
from pipelines.errors import EncoderError

needs_open_clip = pytest.mark.skipif(find_spec("open_clip") is None, reason="needs open_clip_torch")
SCENES = [np.random.default_rng(i).integers(0, 256, (40, 52, 3), np.uint8) for i in range(2)]
TEXTS = ["12 casos de dengue en Cali", "Histopathology, 80 years, lesion on the back"]
NAMES = [
    "timm_image",
    "hf_text",
    "dinov2",
    *(pytest.param(name, marks=needs_open_clip) for name in ("openclip_image", "openclip_text")),
]


def _config(name: str, profile: Profile, at: Path) -> EncoderConfig:
    """Weights from packages where there are any, else a tiny checkpoint written to `at`."""
    if name == "dinov2":
        return tiny_checkpoints.config(name, tiny_checkpoints.dinov2(at), "cls")
    if name.startswith("openclip"):
        return tiny_checkpoints.config(name, tiny_checkpoints.openclip(at), "projected")
    return profile.embed.text if name == "hf_text" else profile.embed.image


@pytest.mark.parametrize("name", NAMES)
def test_random_weights_follow_from_the_seed_alone_and_have_a_space_of_their_own(
    profile: Profile, tmp_path: Path, name: str
) -> None:
    import torch

    config, paths = _config(name, profile, tmp_path), DeploymentPaths(home=tmp_path)
    inputs = TEXTS if "text" in name else SCENES
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    one = untrained(config, paths, 1)
    assert torch.equal(torch.rand(3), expected)  # the caller's random numbers are its own
    other, again, trained = (
        untrained(config, paths, 2),
        untrained(config, paths, 1),
        load_encoder(config, paths),
    )
    vectors = [encoder.encode(inputs) for encoder in (one, again, other, trained)]
    assert np.array_equal(vectors[0], vectors[1])
    assert vectors[0].shape == vectors[3].shape and np.linalg.norm(vectors[0], axis=1).min() > 1e-3
    assert _cosine(vectors[0], vectors[2]) < 0.9 and _cosine(vectors[0], vectors[3]) < 0.9
    assert one.spec.weights_sha256 == "untrained-seed-1"
    assert len({encoder.spec.space_id for encoder in (one, other, trained)}) == 3
    assert _about(one) == _about(trained)


def _cosine(one: np.ndarray, two: np.ndarray) -> float:
    return float(one[0] @ two[0] / np.linalg.norm(one[0]) / np.linalg.norm(two[0]))


def _about(encoder: Encoder) -> tuple[str, str, int, str]:
    spec = encoder.spec
    return spec.preprocessing, spec.pooling, spec.width, spec.code_id


def test_a_language_model_that_only_opens_finished_weights_says_so(tmp_path: Path) -> None:
    config = load_profile("satellitebench_gemma").embed.text
    with pytest.raises(EncoderError, match="llama has no random initialisation"):
        untrained(config, DeploymentPaths(home=tmp_path), 0)
