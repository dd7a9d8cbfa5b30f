"""Embedding as it runs: in a process of its own, only when needed, killable at any instant."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from support.apart import as_loaded
from support.by_torch import BY_TORCH
from support.encoder_here import encode_here

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, Profile
from pipelines.embed import child
from pipelines.embed.base import Encoder
from pipelines.embed.plan import EmbeddingPlan, plan_embedding
from pipelines.embed.run import embed_shard
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import read_work
from pipelines.errors import ConfigError, EncoderError, StoreError
from pipelines.run.outputs import ToEmbed
from pipelines.storage import manifest_of

MakeDataset = Callable[..., Path]
RUN_SHARD = f"""
import sys
from pathlib import Path
from pipelines.config import DeploymentPaths, load_profile
from pipelines.embed.run import embed_shard
profile = load_profile("ci", **{BY_TORCH})
embed_shard(Path(sys.argv[1]), profile, DeploymentPaths(home=Path(sys.argv[2])))
"""


@pytest.fixture
def encoder_here(monkeypatch: pytest.MonkeyPatch) -> None:
    encode_here(monkeypatch)


def _text_file(plan: EmbeddingPlan) -> Path:
    return next(f for f in plan.work_files if read_work(f).modality == "text")


def _store(work_file: Path, paths: DeploymentPaths) -> EmbeddingStore:
    return EmbeddingStore(store_root(paths), read_work(work_file).encoder_spec)


def _stored(work_file: Path, paths: DeploymentPaths) -> Float32s:
    return _store(work_file, paths).load([i.key for i in read_work(work_file).inputs])


def _wait_for_first_shard(folder: Path, process: subprocess.Popen[bytes]) -> None:
    deadline = time.monotonic() + 120
    while not list(folder.glob("*.parquet")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline, "no shard appeared"
        time.sleep(0.01)


def test_what_is_embedded_starts_no_encoder_and_changes_no_file(
    embedded: Path, profile: Profile, paths: DeploymentPaths
) -> None:
    before = manifest_of(store_root(paths))
    plan = plan_embedding(embedded, profile, paths)
    again = [embed_shard(f, profile, paths) for f in plan.work_files]
    assert plan.counts == {
        "image": ToEmbed(distinct=2, missing=0),
        "text": ToEmbed(distinct=9, missing=0),
    }
    assert not any(r.encoder_started for r in again)
    assert manifest_of(store_root(paths)) == before


def test_the_caller_never_loads_an_encoder(embedded_home: tuple[Path, list[str]]) -> None:
    assert embedded_home[1] == []


@pytest.mark.usefixtures("encoder_here")
def test_a_killed_embedding_goes_on_to_the_same_vectors(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths, minilm: Encoder
) -> None:
    work_file = _text_file(plan_embedding(make_dataset(weeks=70, scenes=0), profile, paths))
    command = [sys.executable, "-c", RUN_SHARD, str(work_file), str(paths.home)]
    process = subprocess.Popen(command, start_new_session=True)
    _wait_for_first_shard(_store(work_file, paths).folder, process)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait(timeout=30)
    kept = {p.name for p in _store(work_file, paths).folder.glob("*.parquet")}

    result = embed_shard(work_file, profile, paths)

    assert 0 < result.embedded < 210  # what was stored is not embedded again
    assert kept < {p.name for p in _store(work_file, paths).folder.glob("*.parquet")}
    undisturbed = minilm.encode([i.text for i in read_work(work_file).inputs])
    assert np.array_equal(_stored(work_file, paths), undisturbed)


def test_forked_encoders_give_the_bytes_of_started_ones(
    embedded: Path, profile: Profile, paths: DeploymentPaths, tmp_path: Path
) -> None:
    elsewhere = DeploymentPaths(home=tmp_path / "elsewhere")
    shutil.copytree(paths.data, elsewhere.data)
    shutil.copytree(embedded, elsewhere.artifacts / "datasets" / embedded.name)

    def embed() -> list[bool]:
        work_files = plan_embedding(embedded, profile, elsewhere).work_files
        return [embed_shard(f, profile, elsewhere).encoder_started for f in work_files]

    assert as_loaded(embed) == [True, True]
    assert manifest_of(store_root(elsewhere)) == manifest_of(store_root(paths))


def test_an_encoder_whose_task_was_killed_ends_itself(
    make_dataset: MakeDataset,
    profile: Profile,
    paths: DeploymentPaths,
    capsys: pytest.CaptureFixture[str],
) -> None:
    work_file = _text_file(plan_embedding(make_dataset(weeks=2, scenes=0), profile, paths))
    nobody = str(2**22)  # a parent that is not there
    assert child.main(str(work_file), str(paths.home), nobody) == child.EXIT_NAMED_ERROR
    error = json.loads(capsys.readouterr().out)
    assert error["what"] == "the task that started this encoder is gone"
    assert not list(_store(work_file, paths).folder.glob("*.parquet"))


@pytest.mark.usefixtures("encoder_here")
def test_a_corrupt_shard_is_rebuilt(
    embedded: Path, profile: Profile, paths: DeploymentPaths, minilm: Encoder
) -> None:
    work = read_work(_text_file(plan_embedding(embedded, profile, paths)))
    shard = next((store_root(paths) / work.space_id).glob("*.parquet"))
    shard.chmod(0o644)
    shard.write_bytes(shard.read_bytes()[:-20])
    plan = plan_embedding(embedded, profile, paths)
    assert plan.counts["text"].missing == 9
    assert embed_shard(_text_file(plan), profile, paths).embedded == 9
    texts = [i.text for i in read_work(_text_file(plan)).inputs]
    assert np.array_equal(_stored(_text_file(plan), paths), minilm.encode(texts))


@pytest.mark.usefixtures("encoder_here")
def test_changed_libraries_check_golden_scenes_that_outlive_their_drop(
    embedded: Path, profile: Profile, paths: DeploymentPaths
) -> None:
    idle = plan_embedding(embedded, profile, paths).work_files[0]
    store = _store(idle, paths)
    real = store.checked_versions()
    store.record_versions({**real, "timm": "0.0"})
    shutil.rmtree(paths.drops)
    result = embed_shard(idle, profile, paths)
    assert (result.encoder_started, result.embedded) == (True, 0)
    assert store.checked_versions() == real


@pytest.mark.usefixtures("encoder_here")
def test_an_encoder_that_gives_other_vectors_stops_and_offers_a_rebuild(
    embedded: Path, make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    more = _text_file(plan_embedding(make_dataset(weeks=4, scenes=0), profile, paths))
    golden = _store(more, paths).folder / "golden.json"
    kept = json.loads(golden.read_text())
    kept["vectors"][0] = kept["vectors"][1]
    golden.write_text(json.dumps(kept))
    with pytest.raises(EncoderError, match="rebuild: move this folder away") as caught:
        embed_shard(more, profile, paths)
    assert caught.value.where.endswith(read_work(more).space_id)
    assert len(_store(more, paths).missing(i.key for i in read_work(more).inputs)) == 3


@pytest.mark.usefixtures("encoder_here")
def test_a_scene_that_is_gone_is_named(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    plan = plan_embedding(make_dataset(weeks=3, scenes=2), profile, paths)
    scene = paths.data / plan.new_inputs["image"][1]
    scene.unlink()
    with pytest.raises(StoreError, match="gone or was changed") as caught:
        embed_shard(plan.work_files[0], profile, paths)
    assert caught.value.where == str(scene.resolve())


def test_work_planned_for_another_encoder_is_refused(
    make_dataset: MakeDataset, profile: Profile, paths: DeploymentPaths
) -> None:
    plan = plan_embedding(make_dataset(), profile, paths)
    text = profile.embed.text.model_copy(update={"threads": 2})
    other = profile.model_copy(update={"embed": profile.embed.model_copy(update={"text": text})})
    with pytest.raises(ConfigError, match="another text encoder"):
        embed_shard(_text_file(plan), other, paths)
