"""The command used wrong: one sentence with what to do, exit code 2, and no traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app, main
from pipelines.config import DeploymentPaths
from pipelines.run.events import read_events

ROOT = Path(__file__).parents[2]
WRONG = {
    "run --profile nope --run-id x": "use one of",
    "run --profile sample --run-id ../x": "not a usable run id",
    "run --profile sample --as-of 2018-w60 --run-id x": "not an epidemiological week",
    "run --profile sample --horizon 99 --run-id x": "less than or equal to 12",
    "step fly --run-id x": "use start, or one of fetch_scenes",
    "step validate --run-id never": "run the earlier step again",
    "drop --table gone.csv --received 2018-12-04": "name the metadata.csv file",
    "drop --table README.md --received 2018-12-04": "it is not a municipal table",
    "drop --table gone.csv --received yesterday": "%Y-%m-%d",
    "drop --table gone.csv --received 2018-12-04 --scene-period year": "'week', 'month'",
    "drop --table gone.csv --received 2018-12-04 --scene-latency-days -1": "than or equal to 0",
}


@pytest.mark.parametrize("arguments", WRONG)
def test_a_mistake_is_answered_with_what_to_do(
    arguments: str,
    home: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(ROOT)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setattr("sys.argv", ["denguard", *arguments.split()])
    with pytest.raises(SystemExit) as ended:
        main()
    error = capsys.readouterr().err
    assert ended.value.code == 2, error
    assert WRONG[arguments] in error
    assert "Traceback" not in error
    assert not any((home / "data").glob("drops/[0-9]*"))


def test_a_process_of_its_own_ends_like_that(home: Path) -> None:
    arguments = "step validate --run-id never"
    command = [sys.executable, "-m", "pipelines.cli", *arguments.split()]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=200)
    assert done.returncode == 2, done.stderr
    assert WRONG[arguments] in " ".join(done.stderr.split())
    assert "Traceback" not in done.stderr


SLIPS = (
    "run --profil sample --run-id x",
    "run --profile nope --run-id x",
    "run --profile gone.yaml --run-id x",
    "run --run-id x --as-of 2018-w60",
    "step start --profile nope --run-id x",
)


@pytest.mark.parametrize("arguments", SLIPS)
def test_nobody_is_told_of_a_slip_at_the_terminal(arguments: str, home: Path) -> None:
    done = CliRunner().invoke(app, arguments.split())
    assert done.exit_code != 0
    assert not (home / "artifacts").exists()


def test_a_profile_that_is_there_and_cannot_be_read_is_a_failure_that_people_are_told_of(
    home: Path,
) -> None:
    (home / "profiles").mkdir(parents=True)
    (home / "profiles" / "ours.yaml").write_text("profile: [")
    assert CliRunner().invoke(app, ["run", "--profile", "ours", "--run-id", "x"]).exit_code != 0
    assert [one["kind"] for one in read_events(DeploymentPaths(home=home), "step-failed")] == [
        "step-failed"
    ]
