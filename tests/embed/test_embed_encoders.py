"""Real encoders with real weights: right vectors, that depend on their own input only."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, Profile
from pipelines.data.scenes import read_scene
from pipelines.embed.base import Encoder, describe_encoder, encoder_module
from pipelines.embed.golden import cosines
from pipelines.embed.timm_image import load_network, prepare
from pipelines.embed.weights import locate_weights
from pipelines.errors import EncoderError

DAISY = 985  # ImageNet class
PROMPTS = (
    "Medellín, semana 2018-w48: 12, 15, 9 y 11 casos de dengue en las últimas cuatro semanas.",
    "Cali.",
    "Lluvia de 210 mm y 24,1 grados en Bucaramanga. " * 8,
)


def _scenes() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return [load_sample_image("flower.jpg"), load_sample_image("china.jpg"), noise]


def _apart_from_companions(encoder: Encoder, inputs: Sequence[Any]) -> tuple[Float32s, Float32s]:
    alone = np.concatenate([encoder.encode([item]) for item in inputs])
    together = encoder.encode(list(reversed(inputs)))[::-1]
    return alone, together


def test_the_flower_is_a_daisy(profile: Profile, shared_places: DeploymentPaths) -> None:
    import torch

    network = load_network(locate_weights(profile.embed.image, shared_places.artifacts).path)
    with torch.inference_mode():
        scores = network(torch.from_numpy(prepare(load_sample_image("flower.jpg"))))
    assert int(scores.argmax()) == DAISY


def test_a_scene_vector_is_the_average_of_the_last_feature_map(lite0: Encoder) -> None:
    vectors = lite0.encode(_scenes())
    assert vectors.shape == (3, 1280)
    assert vectors.dtype == np.float32
    assert (vectors >= 0).all() and (vectors <= 6).all()  # averages of ReLU6 outputs


def test_scenes_are_scaled_to_minus_one_and_one() -> None:
    black, white = np.zeros((9, 7, 3), np.uint8), np.full((9, 7, 3), 255, np.uint8)
    assert prepare(black).shape == (1, 3, 224, 224)
    assert (prepare(black) == -1).all()
    assert (prepare(white) == 1).all()


@pytest.mark.parametrize("bad", [np.zeros((4, 4), np.uint8), np.zeros((4, 4, 3), np.float32)])
def test_what_is_no_rgb_scene_is_refused(bad: np.ndarray) -> None:
    with pytest.raises(EncoderError, match="read_scene"):
        prepare(bad)


def test_a_scene_vector_does_not_depend_on_its_companions(lite0: Encoder) -> None:
    alone, together = _apart_from_companions(lite0, _scenes())
    assert np.array_equal(alone, together)


def test_a_prompt_vector_does_not_depend_on_its_companions(minilm: Encoder) -> None:
    alone, together = _apart_from_companions(minilm, PROMPTS)
    assert alone.shape == (3, 384)
    assert np.array_equal(alone, together)


def test_prompts_with_one_meaning_lie_closer(minilm: Encoder) -> None:
    texts = [
        "heavy rain flooded the town",
        "the city was inundated by a storm",
        "a quarterly bond yield",
    ]
    rain, storm, bond = minilm.encode(texts)
    assert cosines(rain[None], storm[None])[0] > cosines(rain[None], bond[None])[0] + 0.2


def test_a_prompt_vector_is_the_mean_of_its_tokens(minilm: Encoder) -> None:
    import torch

    text = PROMPTS[0]
    tokens = minilm._tokenizer([text, text + " " + text], return_tensors="pt", padding=True)  # type: ignore[attr-defined]
    with torch.inference_mode():
        hidden = minilm._model(**tokens).last_hidden_state[0]  # type: ignore[attr-defined]
    real = tokens["attention_mask"][0].bool()
    assert not real.all()  # the short text is padded here, and padding must not count
    np.testing.assert_allclose(minilm.encode([text])[0], hidden[real].mean(0).numpy(), atol=1e-5)


def test_a_long_prompt_is_cut_and_counted(minilm: Encoder) -> None:
    minilm.truncated = 0
    cut = minilm.encode(["dengue " * 300, "dengue " * 500, "dengue"])
    assert minilm.truncated == 2
    assert np.array_equal(cut[0], cut[1])


def test_a_vector_that_is_not_finite_is_refused(lite0: Encoder) -> None:
    class Broken(Encoder):
        def encode_one(self, item: Any) -> Float32s:
            return np.full(self.spec.width, np.nan, dtype=np.float32)

    with pytest.raises(EncoderError, match="not finite"):
        Broken(lite0.spec).encode(["x"])


def test_the_spec_is_known_without_loading(
    profile: Profile, shared_places: DeploymentPaths, minilm: Encoder, lite0: Encoder
) -> None:
    assert describe_encoder(profile.embed.text, shared_places) == minilm.spec
    assert describe_encoder(profile.embed.image, shared_places) == lite0.spec


@pytest.mark.parametrize("change", [{"threads": 2}, {"pooling": "cls"}])
def test_another_setting_is_another_space(
    profile: Profile, shared_places: DeploymentPaths, change: dict[str, Any]
) -> None:
    base = describe_encoder(profile.embed.text, shared_places)
    other = describe_encoder(profile.embed.text.model_copy(update=change), shared_places)
    assert base.space_id != other.space_id


def test_a_pooling_that_an_encoder_lacks_is_refused(
    profile: Profile, paths: DeploymentPaths
) -> None:
    with pytest.raises(EncoderError, match="avg"):
        describe_encoder(profile.embed.image.model_copy(update={"pooling": "mean"}), paths)


def test_an_unknown_encoder_is_refused() -> None:
    with pytest.raises(EncoderError, match="timm_image"):
        encoder_module("dinov9")


@pytest.mark.real_data
def test_real_scenes_of_other_months_have_other_vectors(
    real_data: Path, profile: Profile, lite0: Encoder
) -> None:
    files = sorted((real_data / "medellin-landsat/images/5001").glob("*.png"))[:4]
    vectors = lite0.encode([read_scene(file, profile.data.scenes) for file in files])
    alike = [cosines(vectors[i : i + 1], vectors[j : j + 1])[0] for i in range(4) for j in range(i)]
    assert min(alike) > 0.1 and max(alike) < 0.999
