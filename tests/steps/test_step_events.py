"""How each step ended, as lines of the event file."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines import steps
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.run import events
from pipelines.run.events import events_file, read_events
from pipelines.steps import outcome
from pipelines.storage import full_disk


def test_a_step_that_ends_and_one_that_fails_are_lines_of_the_event_file(home: Path) -> None:
    with pytest.raises(ConfigError):
        steps.start("weekly", {"profil": "ci"})
    steps.start("weekly", {"profile": "ci"})
    failed, done = read_events(DeploymentPaths(home=home), "step-failed", "step-done")
    assert (failed["kind"], failed["run_id"], failed["step"]) == ("step-failed", "weekly", "start")
    assert "profil" in failed["cause"] and "known parameters" in failed["fix"]
    assert (done["kind"], done["step"]) == ("step-done", "start")
    assert done["said"].startswith("profile ci, origin week")


def test_an_event_file_that_cannot_be_written_stands_in_no_steps_way(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    events_file(DeploymentPaths(home=home)).mkdir(parents=True)  # a folder where the file should be
    assert steps.start("weekly", {"profile": "ci"}).profile == "ci"
    assert "the event file does not say that step-done" in caplog.text

    def locked(*_: object, **__: object) -> None:
        raise StoreError("the event file is being written by another process")

    monkeypatch.setattr(events, "append_event", locked)
    with pytest.raises(ConfigError, match="profil"):
        steps.start("again", {"profil": "ci"})


def test_a_full_disk_under_the_failure_record_does_not_hide_the_steps_own_error(
    home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def full(path: Path, *_: object) -> None:
        raise full_disk(path)

    monkeypatch.setattr(outcome, "write_json", full)
    with pytest.raises(ConfigError, match="profil"):
        steps.start("weekly", {"profil": "ci"})
    assert "that start failed could not be written down" in caplog.text
    (line,) = read_events(DeploymentPaths(home=home), "step-failed")
    assert "profil" in line["cause"]
