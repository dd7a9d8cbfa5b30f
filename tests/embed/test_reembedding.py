"""History is embedded with an adopted encoder within a budget, and goes on where it stopped."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from time import perf_counter
from types import SimpleNamespace

import pytest
from support import multilingual, tiny_checkpoints

from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import Modality
from pipelines.embed import child
from pipelines.embed.base import describe_encoder
from pipelines.embed.plan import plan_embedding
from pipelines.embed.store import EmbeddingStore, store_root
from pipelines.embed.work import read_work
from pipelines.errors import ConfigError, EncoderError
from pipelines.run.adopted import read_adopted
from pipelines.steps.reembedding import adopt, reembed
from pipelines.storage import write_json

MODEL, NOW = "denguard", datetime(2026, 11, 29, tzinfo=UTC)


@pytest.fixture
def home(paths: DeploymentPaths, make_dataset: Callable[..., Path]) -> DeploymentPaths:
    """A deployment whose accepted data have twelve prompts."""
    version = make_dataset(weeks=4, scenes=1).name
    write_json(paths.artifacts / "accepted.json", {"dataset_version": version, "drops": []})
    return paths


def take_up(home: DeploymentPaths, profile: Profile) -> None:
    adopt(home, profile, {"text": multilingual.config()}, "Ana", "Spanish prompts", NOW)


def stored(home: DeploymentPaths) -> int:
    spec = describe_encoder(multilingual.config(), home)
    return len(EmbeddingStore(store_root(home), spec).locations())


def test_without_an_adopted_encoder_there_is_nothing_to_do(
    home: DeploymentPaths, profile: Profile
) -> None:
    assert reembed(home, profile, 1.0) is None


def test_a_spent_budget_embeds_nothing_and_says_what_is_left(
    home: DeploymentPaths, profile: Profile
) -> None:
    take_up(home, profile)
    done = reembed(home, profile, 0.0)
    assert done is not None and (done.embedded, done.missing, done.ready) == (0, 12, False)
    assert done.words(0.0) == "0 inputs embedded; 0 of 12 have vectors"
    record = read_adopted(home, MODEL)
    assert not record.ready
    assert record.words() == "text: use_text; 0 of 12 inputs of history embedded"


def test_when_nothing_is_missing_the_next_run_trains_on_it(
    home: DeploymentPaths, profile: Profile
) -> None:
    take_up(home, profile)
    done = reembed(home, profile, 5.0)
    assert done is not None and (done.embedded, done.missing) == (12, 0)
    record = read_adopted(home, MODEL)
    assert record.used == {"text": multilingual.config()}
    assert [(c.action, c.by) for c in record.changes] == [
        ("adopt", "Ana"),
        ("ready", "denguard reembed"),
    ]
    again = reembed(home, profile, 5.0)
    assert again is not None and (again.embedded, again.ready) == (0, True)
    assert read_adopted(home, MODEL).changes == record.changes


@pytest.mark.parametrize(
    ("write", "name", "modality", "pooling"),
    [
        (tiny_checkpoints.dinov2, "dinov2", "image", "cls"),
        (tiny_checkpoints.openclip, "openclip_image", "image", "projected"),
        (tiny_checkpoints.openclip, "openclip_text", "text", "projected"),
    ],
)
def test_weights_of_ones_own_folder_are_taken_up_like_any_other(
    home: DeploymentPaths,
    profile: Profile,
    write: Callable[[Path], Path],
    name: str,
    modality: Modality,
    pooling: str,
) -> None:
    encoder = tiny_checkpoints.config(name, write(home.home / "weights"), pooling)
    adopt(home, profile, {modality: encoder}, "Ana", "another one", NOW)
    done = reembed(home, profile, 5.0)
    assert done is not None and done.ready and done.embedded == done.distinct > 0
    spec = describe_encoder(encoder, home)
    assert len(EmbeddingStore(store_root(home), spec).locations()) == done.distinct


def test_what_one_machine_embedded_another_that_shares_its_store_does_not_embed_again(
    home: DeploymentPaths, profile: Profile, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path.parent / "shared"))
    other = DeploymentPaths(home=tmp_path.parent / "other")
    shutil.copytree(home.home, other.home)
    take_up(home, profile)
    assert read_adopted(other, MODEL) == read_adopted(home, MODEL)
    first = reembed(home, profile, 5.0)
    assert first is not None and first.embedded == 12
    second = reembed(other, profile, 5.0)
    assert second is not None and (second.embedded, second.ready) == (0, True)
    assert stored(other) == 12


def test_an_encoder_stops_amid_its_work_when_the_budget_ends_and_another_night_goes_on(
    home: DeploymentPaths, profile: Profile, monkeypatch: pytest.MonkeyPatch
) -> None:
    dataset = next((home.artifacts / "datasets").iterdir())
    with_text = profile.with_encoders({"text": multilingual.config()})
    work = read_work(plan_embedding(dataset, with_text, home).work_files[-1])
    clock = iter(range(1000))  # one tick an input
    ticking = SimpleNamespace(monotonic=lambda: float(next(clock)), perf_counter=perf_counter)
    monkeypatch.setattr(child, "time", ticking)  # its own alone: progress reads the real one
    monkeypatch.setattr(child.os, "getppid", lambda: 1)
    assert child.embed_work(work, home, 1, budget_s=6.0)["embedded"] == 5
    assert stored(home) == 5
    assert child.embed_work(work, home, 1)["embedded"] == 7
    assert stored(home) == 12


def test_going_back_uses_the_profiles_encoders_again(
    home: DeploymentPaths, profile: Profile
) -> None:
    take_up(home, profile)
    reembed(home, profile, 5.0)
    adopt(home, profile, {}, "Ana", "no gain", NOW)
    record = read_adopted(home, MODEL)
    assert record.used == {}
    assert [c.action for c in record.changes] == ["adopt", "ready", "back"]
    with pytest.raises(ConfigError, match="no encoder is adopted"):
        adopt(home, profile, {}, "Ana", "again", NOW)


def test_an_encoder_of_the_other_modality_is_refused(
    home: DeploymentPaths, profile: Profile
) -> None:
    with pytest.raises(EncoderError, match="makes text vectors"):
        adopt(home, profile, {"image": multilingual.config()}, "Ana", "a slip", NOW)
    assert read_adopted(home, MODEL).changes == ()
