"""Adopted encoders: who took them up is on record, and a run keeps the ones that it began with."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest
from support import multilingual

from pipelines.config import DeploymentPaths, load_profile
from pipelines.errors import StoreError
from pipelines.run import open_run, start_run
from pipelines.run.adopted import NOTHING, Adopted, Change, read_adopted, write_adopted

MODEL = "denguard"
ANA = Change(
    action="adopt", by="Ana", reason="Spanish prompts", at=datetime(2026, 11, 29, tzinfo=UTC)
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path))
    return DeploymentPaths(home=tmp_path)


@pytest.fixture
def adopt(home: DeploymentPaths) -> Callable[..., Adopted]:
    def write(ready: bool) -> Adopted:
        record = Adopted(encoders={"text": multilingual.config()}, ready=ready, changes=(ANA,))
        write_adopted(home, MODEL, record)
        return record

    return write


def test_what_was_adopted_is_read_back(
    home: DeploymentPaths, adopt: Callable[..., Adopted]
) -> None:
    assert read_adopted(home, MODEL) == NOTHING
    assert read_adopted(home, "another-line") == NOTHING
    record = adopt(ready=True)
    assert read_adopted(home, MODEL) == record


def test_a_damaged_record_is_named_with_its_file(home: DeploymentPaths) -> None:
    path = home.artifacts / "encoders" / f"{MODEL}.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"ready": "perhaps"}', encoding="utf-8")
    with pytest.raises(StoreError, match="adopted encoders cannot be used") as caught:
        read_adopted(home, MODEL)
    assert caught.value.where == str(path)


@pytest.mark.usefixtures("home")
def test_until_history_is_embedded_a_run_uses_the_encoders_of_its_profile(
    adopt: Callable[..., Adopted],
) -> None:
    adopt(ready=False)
    assert start_run("first", {"profile": "ci"}).profile == load_profile("ci")


@pytest.mark.usefixtures("home")
def test_a_run_keeps_the_encoders_that_it_began_with(adopt: Callable[..., Adopted]) -> None:
    start_run("before", {"profile": "ci"})
    adopt(ready=True)
    start_run("after", {"profile": "ci"})
    text = {run: open_run(run).profile.encoders[1][1].name for run in ("before", "after")}
    assert text == {"before": "hf_text", "after": "use_text"}
    assert start_run("before", {"profile": "ci"}).profile == load_profile("ci")  # tried again


@pytest.mark.usefixtures("home")
def test_only_what_differs_is_in_the_recipe(adopt: Callable[..., Adopted]) -> None:
    adopt(ready=True)
    changed, own = start_run("after", {"profile": "ci"}).profile, load_profile("ci")
    assert changed.recipe_id("late_joint") != own.recipe_id("late_joint")
    assert changed.recipe_id("linear") == own.recipe_id("linear")
    assert changed.encoders[0] == own.encoders[0]
