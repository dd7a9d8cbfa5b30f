"""What `denguard plan` counts, multiplies and advises."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import DeploymentPaths, load_profile
from pipelines.data.sources.sample import make_sample_drop
from pipelines.errors import ConfigError, DropError
from pipelines.ops.planning import estimate as estimating
from pipelines.ops.planning import plan as planning
from pipelines.ops.planning.estimate import Reference, StepReference, estimate
from pipelines.ops.planning.plan import plan_run, seconds_of
from pipelines.ops.planning.probes import Encoding, Probes
from pipelines.ops.planning.shrink import savings
from pipelines.ops.planning.work import Work, batches, count_work
from pipelines.steps.runner import STEPS

WORK = Work(
    units=10,
    weeks=100,
    horizons=4,
    scenes=200,
    prompts=1_000,
    scene_shards=1,
    prompt_shards=2,
    vector_rows=1_000,
    batches={"early": 1_000},
    test_years=2,
)
PROBES = Probes(
    pace=2.0,
    scene=0.01,
    image=Encoding(3.0, 0.02, 500, 4),
    text=Encoding(4.0, 0.01, 900, 4),
    batch={"early": 0.001, "late_joint": 0.001},
    disk_write=1e9,
    seconds=20.0,
)
KNOWN = Reference(
    pace=1.0,
    steps={
        "validate": StepReference(seconds=5.0),
        "embed": StepReference(seconds=1.0, memory_bytes=100),
        "features": StepReference(seconds=1.0, row_seconds=0.001, row_memory_bytes=2.0),
        "train": StepReference(seconds=3.0),
        "backtest": StepReference(seconds=0.0),
    },
)


@pytest.fixture
def made_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine and recorded runs of round numbers."""
    monkeypatch.setattr(planning, "measure", lambda *_: PROBES)
    monkeypatch.setattr(estimating, "reference", lambda: KNOWN)


@pytest.fixture(scope="module")
def drop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_sample_drop(tmp_path_factory.mktemp("drops"))


def seconds(work: Work, probes: Probes = PROBES) -> dict[str, float]:
    return {step.name: step.seconds for step in estimate(work, probes, KNOWN)}


def test_recorded_seconds_go_by_the_pace_and_measured_ones_by_what_was_measured() -> None:
    assert seconds(WORK) == {
        "validate": pytest.approx(2 * 5.0 + 200 * 0.01),
        "embed": pytest.approx(2 * 1.0 + 3.0 + 200 * 0.02 + 2 * 4.0 + 1_000 * 0.01),
        "features": pytest.approx(2 * (1.0 + 4_000 * 0.001)),
        "train": pytest.approx(2 * 3.0 + 1_000 * 0.001),
        "backtest": pytest.approx(1.0),
    }


def test_without_inputs_no_encoder_starts() -> None:
    bare = replace(WORK, scenes=0, prompts=0, scene_shards=0, prompt_shards=0)
    assert seconds(bare)["embed"] == pytest.approx(2.0)


def test_memory_is_that_of_the_process_that_needs_most() -> None:
    found = {step.name: step.memory_bytes for step in estimate(WORK, PROBES, KNOWN)}
    assert (found["embed"], found["features"]) == (900, 8_000)


def test_the_sample_drop_is_counted_as_its_run_counts_it(drop: Path) -> None:
    work = count_work(load_profile("ci"), drop)
    assert (work.scenes, work.horizons, work.test_years) == (710, 4, 4)
    assert work.units == 139  # as its dataset says
    assert work.prompts == pytest.approx(200, rel=0.05)
    assert work.rows == pytest.approx(171_804, rel=0.15)


def test_without_encoders_nothing_is_embedded(drop: Path) -> None:
    bare = load_profile("ci").model_copy(update={"embed": None})
    work = count_work(bare, drop)
    assert (work.scenes, work.prompts, work.vector_rows) == (0, 0, 0)


def test_a_folder_that_is_no_drop_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DropError):
        count_work(load_profile("ci"), tmp_path)


def test_more_lambdas_are_more_batches() -> None:
    train = load_profile("sample").train
    few = batches(train.model_copy(update={"lambda_grid": (0.0,)}), 1_000, 4)
    assert few["early"] < batches(train, 1_000, 4)["early"]


@pytest.mark.usefixtures("made_up")
def test_what_saves_most_comes_first() -> None:
    found = savings(load_profile("sample"), replace(WORK, prompts=50_000), PROBES)
    assert found[0].setting == "data.text_window"
    assert [one.seconds for one in found] == sorted((s.seconds for s in found), reverse=True)


def test_the_recorded_runs_name_the_steps_of_a_run() -> None:
    assert list(estimating.reference().steps) == list(STEPS)


@pytest.mark.parametrize(("text", "expected"), [("45m", 2700), ("2h", 7200), ("1h30m", 5400)])
def test_a_deadline_is_read_as_people_write_it(text: str, expected: int) -> None:
    assert seconds_of(text) == expected


@pytest.mark.parametrize("text", ["", "2", "soon", "-1h"])
def test_other_deadlines_are_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        seconds_of(text)


@pytest.mark.usefixtures("made_up")
def test_a_missed_deadline_says_what_shortens_the_run(drop: Path, tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    kept = plan_run(load_profile("sample"), paths, drop, 1e6)
    missed = plan_run(load_profile("sample"), paths, drop, 1.0)
    assert "keeps the deadline" in "\n".join(kept.words())
    assert "train.lambda_grid: [0.0] saves" in "\n".join(missed.words())


@pytest.mark.usefixtures("made_up")
def test_the_command_prints_each_step(drop: Path) -> None:
    said = CliRunner().invoke(app, ["plan", "ci", str(drop)])
    assert said.exit_code == 0, said.output
    assert "whole run\t" in said.output
    told = json.loads(CliRunner().invoke(app, ["plan", "ci", str(drop), "--json"]).output)
    assert [step["name"] for step in told["steps"]] == list(KNOWN.steps)
