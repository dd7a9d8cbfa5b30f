"""The plan: each distinct input once, minus what the store has, in bounded shards."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.config import DeploymentPaths, Profile
from pipelines.embed.base import describe_encoder
from pipelines.embed.plan import cut, plan_embedding
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import WorkInput, input_path, read_input, read_work
from pipelines.errors import StoreError
from pipelines.run.outputs import ToEmbed

MakeDataset = Callable[..., Path]


def _inputs(n: int) -> list[WorkInput]:
    return [WorkInput(key=str(i), sha256=str(i), text=str(i)) for i in range(n)]


@given(n=st.integers(0, 3000), shards=st.integers(1, 64), least=st.integers(1, 500))
def test_work_is_cut_without_loss_into_bounded_pieces(n: int, shards: int, least: int) -> None:
    inputs = _inputs(n)
    pieces = cut(inputs, shards, least)
    assert [i for piece in pieces for i in piece] == inputs
    assert 1 <= len(pieces) <= shards
    assert len(pieces) == 1 or min(map(len, pieces)) >= least
    assert max(map(len, pieces)) - min(map(len, pieces)) <= 1


def test_each_distinct_input_is_planned_once(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    plan = plan_embedding(make_dataset(weeks=4, scenes=2), profile, paths)
    assert plan.counts == {
        "image": ToEmbed(distinct=2, missing=2),
        "text": ToEmbed(distinct=12, missing=12),
    }
    assert plan.new_inputs["text"][0] == "05001 2018-w01"
    assert plan.new_inputs["image"][0].startswith("drops/2018-12-04/images/05001/")
    planned = [i.key for file in plan.work_files for i in read_work(file).inputs]
    assert len(planned) == len(set(planned)) == 14


def test_stored_inputs_are_not_planned_again(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset(weeks=4)
    first = read_work(plan_embedding(dataset, profile, paths).work_files[-1])
    store = EmbeddingStore(store_root(paths), describe_encoder(profile.embed.text, paths))
    store.append([i.key for i in first.inputs[:10]], np.ones((10, 384), np.float32))
    plan = plan_embedding(dataset, profile, paths)
    assert plan.counts["text"] == ToEmbed(distinct=12, missing=2)
    assert len(plan.new_inputs["text"]) == 2


def test_there_is_a_shard_a_modality_even_without_inputs(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    plan = plan_embedding(make_dataset(weeks=2, scenes=0), profile, paths)
    assert plan.counts["image"] == ToEmbed(distinct=0, missing=0)
    works = [read_work(file) for file in plan.work_files]
    assert [(w.modality, len(w.inputs)) for w in works] == [("image", 0), ("text", 6)]


def test_an_equal_plan_is_the_same_files(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    first, second = (plan_embedding(dataset, profile, paths).work_files for _ in range(2))
    assert first == second


def test_a_damaged_work_file_is_repaired_by_planning_again(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    dataset = make_dataset()
    file = plan_embedding(dataset, profile, paths).work_files[0]
    before = file.read_bytes()
    file.write_text('{"modality": "image"}')
    with pytest.raises(StoreError, match="run plan_embedding again"):
        read_work(file)
    plan_embedding(dataset, profile, paths)
    assert file.read_bytes() == before


def test_a_scene_that_changed_since_ingest_is_refused(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    item = read_work(plan_embedding(make_dataset(), profile, paths).work_files[0]).inputs[0]
    assert read_input(item, paths.data, profile.data.scenes).shape == (40, 50, 3)
    input_path(item, paths.data).write_bytes(b"another picture")
    with pytest.raises(StoreError, match="changed since"):
        read_input(item, paths.data, profile.data.scenes)


def test_a_scene_outside_the_data_folder_is_refused(paths: DeploymentPaths) -> None:
    item = WorkInput(key="k", sha256="0", uri="../secret.png")
    with pytest.raises(StoreError, match="out of the data folder"):
        input_path(item, paths.data)
