"""A champion of other encoders than the profile's: a run holds its vectors beside its own."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import pytest
from support import multilingual
from support.outputs import describe_champion, leave, serving

from pipelines import steps
from pipelines.config import DeploymentPaths, Profile, load_profile
from pipelines.embed.base import describe_encoder
from pipelines.features.read import encoder_spec
from pipelines.registry import champion
from pipelines.run import open_run, start_run
from pipelines.run import outputs as out
from pipelines.run.adopted import Adopted, write_adopted
from pipelines.steps.report_inputs import embedding
from pipelines.steps.spaces import champions_features


def described(theirs: Profile, paths: DeploymentPaths) -> out.ServingModel:
    """A fused champion that was trained by a profile."""
    image, text = (asdict(describe_encoder(config, paths)) for _, config in theirs.encoders)
    return serving(
        version="3",
        head="late_joint",
        recipe=theirs.recipe("late_joint"),
        recipe_id=theirs.recipe_id("late_joint"),
        image_encoder=image,
        text_encoder=text,
    )


@pytest.fixture
def plan_beside(
    tmp_path: Path, make_dataset: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> Callable[[Profile], out.ServingModel]:
    """Plans the embedding of a run while a champion of a profile serves."""
    paths = DeploymentPaths(home=tmp_path)
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))

    def go(theirs: Profile) -> out.ServingModel:
        serves = described(theirs, paths)
        monkeypatch.setattr(champion, "describe_champion", lambda *_: describe_champion(serves))
        dataset, run = make_dataset(weeks=3, scenes=2), start_run("week", {"profile": "ci"})
        name = {"dataset": run.name(dataset), "dataset_version": dataset.name}
        leave(run, out.SnapshotOutput, **name)
        steps.plan_embedding("week")
        return serves

    return go


@pytest.fixture
def ours() -> Profile:
    return load_profile("ci")


def test_a_run_holds_the_champions_vectors_beside_its_own(
    plan_beside: Callable[[Profile], out.ServingModel], ours: Profile
) -> None:
    serves = plan_beside(ours.with_encoders({"text": multilingual.config()}))
    run = open_run("week")
    for shard in run.output(out.PlanOutput).shards:
        steps.embed_shard("week", shard)
    steps.features("week")
    theirs = champions_features(run, serves)
    assert theirs is not None
    own = run.path(run.output(out.FeaturesOutput).features)
    specs = [encoder_spec(folder, "text") for folder in (own, theirs)]
    assert [spec and spec.encoder for spec in specs] == ["hf_text", "use_text"]
    assert encoder_spec(own, "image") == encoder_spec(theirs, "image")
    assert {name: n["newly embedded"] for name, n in embedding(run).items()} == {
        "image": 2,
        "text": 9,
        "champion text": 9,
    }


def test_a_champion_of_the_profiles_encoders_costs_nothing_more(
    plan_beside: Callable[[Profile], out.ServingModel], ours: Profile
) -> None:
    plan_beside(ours)
    planned = open_run("week").output(out.PlanOutput).to_json()
    assert set(planned["counts"]) == {"image", "text"}
    assert "champion_encoders" not in planned


def test_a_folder_of_weights_that_both_read_is_embedded_once(
    plan_beside: Callable[[Profile], out.ServingModel], ours: Profile, tmp_path: Path
) -> None:
    own_text = multilingual.in_folder(tmp_path / "weights")
    image = ours.encoders[0][1].model_copy(update={"threads": 2})  # another space
    theirs = ours.with_encoders({"image": image, "text": own_text})
    record = Adopted(encoders={"text": own_text}, ready=True, changes=())
    write_adopted(DeploymentPaths(home=tmp_path), ours.model_name, record)
    plan_beside(theirs)
    planned = open_run("week").output(out.PlanOutput)
    assert set(planned.counts) == {"image", "text", "champion image"}


def test_weights_that_are_not_here_stop_no_run_before_the_step_that_needs_them(
    plan_beside: Callable[[Profile], out.ServingModel],
    ours: Profile,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs = ours.with_encoders({"text": multilingual.config()})
    absent = multilingual.config().model_copy(update={"package": "not-installed-here"})
    recipe = {**theirs.recipe("late_joint"), "embed": {**theirs.recipe("late_joint")["embed"]}}
    recipe["embed"]["text"] = absent.recipe()
    monkeypatch.setattr(Profile, "recipe", lambda *_: recipe)
    plan_beside(theirs)
    assert "champion_encoders" not in open_run("week").output(out.PlanOutput).to_json()
    assert "vectors that the champion reads cannot be made" in caplog.text
