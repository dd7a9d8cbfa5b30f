"""`denguard doctor` as a whole: every check has its say, in time, with an exit code."""

from __future__ import annotations

import json
import threading
from pathlib import Path

import pytest
from support.installation import new_folder
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.deploy.doctor.finding import Finding, Scene
from pipelines.deploy.doctor.run import CHECKS, examine, exit_code
from pipelines.errors import ConfigError

from .conftest import MakeScene


def says(level: str) -> Finding:
    return Finding(level, "it", "so")  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("levels", "code"),
    [([], 0), (["ok", "skip"], 0), (["ok", "warn"], 1), (["warn", "fail", "ok"], 2)],
)
def test_the_exit_code_is_that_of_the_worst(levels: list[str], code: int) -> None:
    assert exit_code([says(level) for level in levels]) == code


def test_every_check_has_its_say_where_nothing_runs(scene: MakeScene) -> None:
    found = examine(scene())
    abouts = {finding.about for finding in found}
    assert len(abouts) >= len(CHECKS) - 1  # several may speak of one thing
    assert [f for f in found if f.level in {"warn", "fail"} and not f.fix] == []
    assert [f for f in found if "the check itself failed" in f.said] == []


def test_a_check_that_hangs_is_a_finding(scene: MakeScene) -> None:
    never = threading.Event()

    def hangs(_: Scene) -> list[Finding]:
        never.wait()
        return []

    found = examine(scene(), {"slow": hangs, "quick": lambda _: [says("ok")]}, limit_s=0.2)
    never.set()
    assert [(f.level, f.about) for f in found] == [("fail", "slow"), ("ok", "it")]


def test_a_check_that_breaks_hides_no_other_and_shows_no_value(scene: MakeScene) -> None:
    def breaks(_: Scene) -> list[Finding]:
        raise ValueError("postgresql://airflow:sesame@postgres")

    def refuses(_: Scene) -> list[Finding]:
        raise ConfigError("it is refused", fix="correct it")

    checks = {"one": breaks, "two": refuses, "three": lambda _: [says("ok")]}
    one, two, three = examine(scene(), checks)
    assert (one.level, two.level, three.level) == ("fail", "fail", "ok")
    assert "ValueError" in one.said and "sesame" not in one.said
    assert two.fix == "correct it"


def test_the_command_ends_with_the_code_and_one_line_a_finding(folder: Path) -> None:
    arguments = ["doctor", "--into", str(folder)]
    table, listed = (CliRunner().invoke(app, [*arguments, *end]) for end in ([], ["--json"]))
    parsed = json.loads(listed.stdout)
    assert table.exit_code == listed.exit_code == parsed["exit_code"] >= 1  # nobody is told yet
    assert len(table.stdout.splitlines()) == len(parsed["findings"]) + 1


def test_on_a_host_without_a_deployment_it_skips_with_words(tmp_path: Path) -> None:
    done = CliRunner().invoke(app, ["doctor", "--into", str(tmp_path), "--json"])
    skipped = [f for f in json.loads(done.stdout)["findings"] if f["level"] == "skip"]
    assert {"settings", "folders", "database", "MLflow"} <= {f["about"] for f in skipped}
    assert all(f["said"] for f in skipped)


def test_init_ends_with_its_code_and_says_where_passwords_lie(tmp_path: Path) -> None:
    folder = new_folder(tmp_path / "here")
    arguments = ["init", "--into", str(folder)]
    first = CliRunner().invoke(app, arguments)
    assert "shown this once" in first.stdout and "secrets/airflow_admin_password" in first.stdout
    again = CliRunner().invoke(app, arguments)
    assert "shown this once" not in again.stdout and "nothing to write" in again.stdout
    with (folder / ".env").open("a") as env:
        env.write("DENGUARD_PROFILE=nope\n")
    refused = CliRunner().invoke(app, [*arguments, "--check-only"])
    assert refused.exit_code == 2 and ".env, DENGUARD_PROFILE" in refused.stderr
