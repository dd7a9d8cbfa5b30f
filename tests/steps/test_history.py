"""What became of a run's steps, by the lines of the event file and by nothing else."""

from __future__ import annotations

import multiprocessing
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.acted import act, act_all, begin

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.ops.runs import newest_runs, view
from pipelines.run import events
from pipelines.run.events import append_event, events_file, note, read_events, run_events
from pipelines.run.lock import hold
from pipelines.steps import outcome
from pipelines.steps.history import begun_runs, history
from pipelines.storage import read_json

RUN = "weekly"
TESTS = Path(__file__).parents[1]
FULL = StoreError("the disk is full", fix="make room")
DIES_AFTER_ITS_WORK = """
import os, signal
from support.acted import act
from pipelines.config import deployment_paths
from pipelines.run.lock import hold
from pipelines.steps import outcome
outcome.finish = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
with hold(deployment_paths(), "weekly"):
    act("weekly", "ingest")
"""


@pytest.fixture
def paths(home: Path) -> DeploymentPaths:
    return DeploymentPaths(home=home)


def states(paths: DeploymentPaths) -> dict[str, str]:
    return {part.name: part.state for part in view(paths, RUN, datetime.now(UTC)).parts}


def test_a_step_killed_between_its_output_and_its_line_is_not_done_and_is_done_when_run_again(
    paths: DeploymentPaths,
) -> None:
    begin(RUN)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(TESTS.parent), str(TESTS)])}
    command = [sys.executable, "-c", DIES_AFTER_ITS_WORK]
    done = subprocess.run(command, env=environment, timeout=60, check=False)
    assert done.returncode == -signal.SIGKILL
    assert (paths.artifacts / "runs" / RUN / "ingest.json").is_file()
    seen = view(paths, RUN, datetime.now(UTC))
    assert (seen.state, seen.failure and seen.failure.step) == ("silent", "ingest")
    assert states(paths)["ingest"] == "not yet"
    act(RUN, "ingest")
    assert states(paths)["ingest"] == "done"


def test_a_step_whose_last_line_is_half_written_is_not_done_and_is_done_when_run_again(
    paths: DeploymentPaths,
) -> None:
    begin(RUN)
    act(RUN, "ingest")
    act(RUN, "validate")
    events_file(paths).write_bytes(events_file(paths).read_bytes()[:-40])
    assert states(paths)["ingest"] == "done" and states(paths)["validate"] == "not yet"
    act(RUN, "validate")
    assert states(paths)["validate"] == "done"
    begun = [e["step"] for e in read_events(paths, "step-started")]
    assert begun == ["start", "ingest", "validate", "validate"], "the torn line swallowed none"


def _fail_shards(home: Path, first: int) -> None:
    for shard in range(first, first + 10):
        outcome.begin(DeploymentPaths(home=home), RUN, f"embed_shard_{shard:03d}")
        outcome.fail(DeploymentPaths(home=home), RUN, f"embed_shard_{shard:03d}", FULL)


def test_two_processes_that_write_at_once_lose_no_step(paths: DeploymentPaths) -> None:
    start = multiprocessing.get_context("spawn")
    both = [start.Process(target=_fail_shards, args=(paths.home, n)) for n in (0, 10)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    known = history(paths, RUN)
    assert len(known.parts) == 20 and all(part.failure for part in known.parts.values())


def test_of_several_failures_the_newest_that_stands_is_the_runs(paths: DeploymentPaths) -> None:
    begin(RUN)
    for shard in (0, 1):
        with pytest.raises(StoreError):
            act(RUN, "embed_shard", shard, error=StoreError(f"shard {shard}"))
    act(RUN, "embed_shard", 1)
    known = history(paths, RUN).failure
    assert known is not None and known.cause == "shard 0"
    assert read_json(paths.artifacts / "runs" / RUN / "failure.json")["cause"] == "shard 0"


def test_a_failed_fallback_is_no_failure_of_the_run(paths: DeploymentPaths) -> None:
    begin(RUN)
    note(paths, "step-failed", RUN, {"step": "fallback", "cause": "no bundle", "error": "E"})
    assert history(paths, RUN).failure is None


def test_the_run_that_was_started_last_is_the_newest_whatever_files_say(
    paths: DeploymentPaths,
) -> None:
    for run_id in ("b", "a"):
        begin(run_id)
    later = events_file(paths).stat().st_mtime + 3600
    os.utime(paths.artifacts / "runs" / "b" / "run.json", (later, later))
    assert newest_runs(paths) == ["a", "b"]
    begin("b")
    assert newest_runs(paths) == ["b", "a"]


# Runs of older versions: no lines at all, or lines that tell of an end and no more.


def without_lines(paths: DeploymentPaths) -> None:
    events_file(paths).unlink()


def with_fewer_lines(paths: DeploymentPaths) -> None:
    known = list(read_events(paths, "step-done", "step-failed"))
    events_file(paths).unlink()
    for event in known:
        fewer = {k: v for k, v in event.items() if k not in {"at", "kind", "run_id", "documents"}}
        append_event(paths, event["kind"], {k: fewer[k] for k in fewer if k != "parts"}, RUN)


@pytest.mark.parametrize("left", [without_lines, with_fewer_lines])
def test_a_run_of_an_older_version_is_told_by_its_files(
    paths: DeploymentPaths, left: Callable[[DeploymentPaths], None]
) -> None:
    begin(RUN)
    act_all(RUN, "ingest", "validate", "snapshot", "plan_embedding", "embed")
    with pytest.raises(StoreError):
        act(RUN, "train", error=FULL)
    before = states(paths)
    left(paths)
    assert states(paths) == before and before["train"] == "failed"
    assert history(paths, RUN).part("validate").documents == {
        "data issues": "artifacts/runs/first/validation/issues.json"
    }
    assert list(begun_runs(paths)) == [RUN]
    with hold(paths, RUN):
        act(RUN, "train", meanwhile=lambda: before.update(states(paths)))
    assert before["train"] == "running" and before["embed_shard_000"] == "done"
    assert history(paths, RUN).failure is None, "failure.json is read of older versions alone"


def test_files_that_were_fetched_again_make_no_step_an_earlier_one(paths: DeploymentPaths) -> None:
    """A store gives them new times, in any order."""
    begin(RUN)
    seen: dict[str, str] = {}

    def fetched() -> None:
        now = datetime.now(UTC).timestamp()
        for late, name in enumerate(("snapshot", "validate", "ingest", "run")):
            when = now + 60 * late
            os.utime(paths.artifacts / "runs" / RUN / f"{name}.json", (when, when))
        seen.update(states(paths))

    with hold(paths, RUN):
        act_all(RUN, "ingest", "validate", "snapshot")
        act(RUN, "plan_embedding", meanwhile=fetched)
    assert {seen[name] for name in ("start", "ingest", "validate", "snapshot")} == {"done"}
    assert seen["plan_embedding"] == "running"


# Machines that share a store: each has a home and an event file of its own.


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], DeploymentPaths]:
    """Go to another machine of the deployment."""
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "store"))

    def to(name: str) -> DeploymentPaths:
        monkeypatch.setenv("DENGUARD_HOME", str(tmp_path / name))
        return DeploymentPaths(home=tmp_path / name)

    return to


def test_a_failure_is_over_on_its_machine_when_another_one_has_done_the_step(
    machine: Callable[[str], DeploymentPaths],
) -> None:
    first = machine("first")
    begin(RUN)
    with pytest.raises(StoreError):
        act(RUN, "ingest", error=FULL)
    machine("second")
    act(RUN, "ingest")
    machine("first")
    assert (first.artifacts / "runs" / RUN / "failure.json").is_file(), "of this machine alone"
    assert history(first, RUN).failure is None
    assert states(first)["ingest"] == "done"


def test_lines_of_two_machines_are_in_order_although_a_clock_is_behind(
    machine: Callable[[str], DeploymentPaths], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = machine("first")
    begin(RUN)
    with pytest.raises(StoreError):
        act(RUN, "ingest", error=FULL)
    second, real = machine("second"), append_event

    def an_hour_ago(*arguments: object) -> object:
        return real(*arguments, at=datetime.now(UTC) - timedelta(hours=1))  # type: ignore[arg-type]

    monkeypatch.setattr(events, "append_event", an_hour_ago)
    act(RUN, "ingest")
    for where in (first, machine("first") and second):
        kinds = [event["kind"] for event in run_events(where, RUN)]
        assert kinds[-3:] == ["step-failed", "step-started", "step-done"]


def test_a_store_that_is_away_stands_in_no_steps_way_and_gets_the_lines_later(
    machine: Callable[[str], DeploymentPaths], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    first = machine("first")
    begin(RUN)
    store = tmp_path / "store"
    store.rename(tmp_path / "away")
    store.write_text("no folder")
    outcome.begin(first, RUN, "ingest")
    assert "other machines are not informed yet that step-started" in caplog.text
    assert history(first, RUN).part("start").summary, "what this machine wrote itself is told"
    store.unlink()
    (tmp_path / "away").rename(store)
    outcome.finish(first, RUN, "ingest", None)
    second = machine("second")
    kinds = [e["kind"] for e in run_events(second, RUN) if e.get("step") == "ingest"]
    assert kinds == ["step-started", "step-done"]


def test_a_run_of_before_scenes_were_fetched_has_no_step_for_it(paths: DeploymentPaths) -> None:
    begin(RUN)
    assert "fetch_scenes" in states(paths), "it has not come to its drops"
    act(RUN, "ingest")
    assert "fetch_scenes" not in states(paths)
    act(RUN, "fetch_scenes")
    assert states(paths)["fetch_scenes"] == "done"
