"""Encoders by another runtime: the same network within the goal's tolerance, bits of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from sklearn.datasets import load_sample_image

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.embed.base import Encoder, describe_encoder, library_versions, load_encoder
from pipelines.embed.golden import cosines
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError
from pipelines.storage import read_json

FLOAT32 = RuntimeConfig(dtype="float32")


def by(config: EncoderConfig, runtime: RuntimeConfig) -> EncoderConfig:
    return config.model_copy(update={"runtime": runtime})


def scenes() -> list[np.ndarray]:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    return [load_sample_image("flower.jpg"), load_sample_image("china.jpg"), noise]


@pytest.fixture(scope="session")
def fast_lite0(profile: Profile, shared_places: DeploymentPaths) -> Encoder:
    return load_encoder(by(profile.embed.image, FLOAT32), shared_places)


def test_a_scene_vector_is_that_of_torch(fast_lite0: Encoder, lite0: Encoder) -> None:
    assert cosines(fast_lite0.encode(scenes()), lite0.encode(scenes())).min() > 0.9999


def test_scenes_are_embedded_by_it_through_the_store(
    make_dataset: Callable[..., Path],
    profile: Profile,
    paths: DeploymentPaths,
    lite0: Encoder,
) -> None:
    chosen = profile.with_encoders({"image": by(profile.embed.image, FLOAT32)})
    plan = plan_embedding(make_dataset(weeks=3, scenes=3), chosen, paths)
    (work_file,) = [f for f in plan.work_files if json.loads(f.read_text())["modality"] == "image"]
    assert embed_shard(work_file, chosen, paths).embedded == 3
    store = EmbeddingStore(store_root(paths), describe_encoder(chosen.embed.image, paths))
    assert store.checked_versions()["openvino"]
    assert len(store.locations()) == 3
    assert store.spec.space_id != lite0.spec.space_id
