"""The self-test of runtimes: what it refuses, what it chooses, and that history is never mixed."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
import pytest
from support import tiny_checkpoints

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.embed.base import describe_encoder
from pipelines.embed.openvino_network import capabilities
from pipelines.embed.plan import plan_embedding
from pipelines.embed.run import embed_shard
from pipelines.embed.runtimes import RUNTIMES, SelfTest, Tried, try_runtimes
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.encoder_config import RuntimeConfig
from pipelines.steps.reembedding import adopt, reembed
from pipelines.steps.runtimes import measure_runtimes
from pipelines.storage import manifest_of, write_json

FLOAT32, BFLOAT16 = RUNTIMES


def scenes() -> list[np.ndarray]:
    drawn = np.random.default_rng(0)
    return [drawn.integers(0, 256, (40, 40, 3), dtype=np.uint8) for _ in range(3)]


def tried(torch: float, float32: float, bfloat16: float, refused: str = "") -> SelfTest:
    ways = (
        Tried(None, torch),
        Tried(FLOAT32, float32, 1.0),
        Tried(BFLOAT16, bfloat16, 0.99, refused),
    )
    return SelfTest(ways)


@pytest.fixture
def tiny(tiny_dinov2: Path) -> EncoderConfig:
    return tiny_checkpoints.config("dinov2", tiny_dinov2, "cls")


@pytest.fixture
def home(paths: DeploymentPaths, make_dataset: Callable[..., Path]) -> DeploymentPaths:
    """A deployment whose accepted data have three scenes."""
    version = make_dataset(weeks=3, scenes=3).name
    write_json(paths.artifacts / "accepted.json", {"dataset_version": version, "drops": []})
    return paths


def test_every_runtime_is_tried_and_compared_with_torch(
    tiny: EncoderConfig, paths: DeploymentPaths
) -> None:
    seen = try_runtimes(tiny, scenes(), paths).tried
    assert [one.runtime for one in seen] == [None, FLOAT32, BFLOAT16]
    assert seen[1].refused == "" and (seen[1].least_cosine or 0) > 0.9999
    able = "BF16" in capabilities()
    assert able or seen[2].refused.startswith("this processor has no bfloat16 arithmetic")


def test_a_runtime_whose_cosine_is_too_low_is_refused_in_words_and_torch_stays(
    tiny: EncoderConfig, paths: DeploymentPaths
) -> None:
    out_of_reach = {"float32": 1.5, "bfloat16": 1.5}
    test = try_runtimes(tiny, scenes(), paths, out_of_reach)
    assert test.chosen.runtime is None
    assert test.lines()[1].endswith("refused: the cosine must exceed 1.5")


def test_the_fastest_that_is_not_refused_is_chosen() -> None:
    assert tried(24, 6, 3).chosen.runtime == BFLOAT16
    assert tried(24, 6, 3, "too far").chosen.runtime == FLOAT32
    assert "; refused: too far" in tried(24, 6, 3, "too far").lines()[2]


def test_a_little_speed_is_not_worth_another_vector_space() -> None:
    assert tried(24, 21, 22).chosen.runtime is None


def test_inputs_of_the_accepted_data_are_tried_and_made_up_ones_where_there_are_none(
    home: DeploymentPaths, profile: Profile, tiny: EncoderConfig, tmp_path: Path
) -> None:
    real = measure_runtimes(home, profile, "image", tiny)
    assert (real.made_up, real.inputs, real.distinct) == (False, 3, 3)
    nowhere = DeploymentPaths(home=tmp_path / "new")
    made_up = measure_runtimes(nowhere, profile, "image", tiny)
    assert (made_up.made_up, made_up.inputs, made_up.distinct) == (True, 16, 0)


def test_an_adopted_runtime_embeds_history_in_a_space_of_its_own(
    home: DeploymentPaths, profile: Profile, tiny: EncoderConfig
) -> None:
    before = profile.with_encoders({"image": tiny})
    dataset = next((home.artifacts / "datasets").iterdir())
    for file in plan_embedding(dataset, before, home).work_files:
        embed_shard(file, before, home)
    old = manifest_of(store_root(home))

    fast = tiny.model_copy(update={"runtime": RuntimeConfig(dtype="float32")})
    adopt(home, before, {"image": fast}, "Ana", "faster", datetime(2026, 11, 30, tzinfo=UTC))
    done = reembed(home, before, 5.0)
    assert done is not None and done.ready and done.embedded == 3

    after = manifest_of(store_root(home))
    assert {name: after[name] for name in old} == old
    added = {name.split("/")[0] for name in set(after) - set(old)}
    assert added == {describe_encoder(fast, home).space_id}
    store = EmbeddingStore(store_root(home), describe_encoder(fast, home))
    assert len(store.locations()) == 3
