"""`denguard decisions, audit, rollback, promote` as a person meets them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner, Result

from pipelines.cli import app
from pipelines.cli.releases import local_endpoint
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, DenguardError, RegistryError
from pipelines.local.layout import Layout
from pipelines.local.processes import Recorded
from pipelines.local.services import State, save_state
from pipelines.registry.audit import append, audit_file
from pipelines.storage import write_json


def _run(*arguments: str) -> Result:
    return CliRunner().invoke(app, arguments)


@pytest.fixture
def decided(home: Path) -> Path:
    """Three decisions: an older week's was written last, and two of one week one after the
    other."""
    folder = home / "artifacts" / "decisions"
    champion = {"version": "2", "head": "linear"}
    for age, (run, week, verdict, then) in enumerate(
        [
            ("b", "2018-w50", "promote", None),
            ("c", "2018-w50", "keep", champion),
            ("a", "2018-w49", "none", None),
        ]
    ):
        path = write_json(
            folder / f"{run}.json",
            {
                "run_id": run,
                "as_of_week": week,
                "decision": verdict,
                "head": "linear",
                "champion": then,
                "reasons": ["First.", f"Because of\n{run}."],
            },
        )
        os.utime(path, (1_000_000 + age, 1_000_000 + age))
    return folder


def test_decisions_come_newest_first_one_line_each(decided: Path) -> None:
    lines = _run("decisions").output.splitlines()
    assert lines[0].split("\t") == ["run", "week", "decision", "head", "champion then", "why"]
    assert lines[1].split("\t") == [
        "c",
        "2018-w50",
        "keep",
        "linear",
        "2 (linear)",
        "Because of c.",
    ]
    assert [line.split("\t")[0] for line in lines[1:]] == ["c", "b", "a"]
    assert lines[3].split("\t")[2] == "none registered"


def test_a_damaged_decision_does_not_hide_the_others(decided: Path) -> None:
    (decided / "b.json").write_text("{")
    lines = _run("decisions").output.splitlines()
    assert len(lines) == 4
    assert any("unreadable" in line and "damaged" in line for line in lines)


def test_the_list_has_a_limit_and_says_so(decided: Path) -> None:
    output = _run("decisions", "--limit", "1").output
    assert "2 older ones are not shown" in output
    assert [
        d["run_id"] for d in json.loads(_run("decisions", "--json", "--limit", "2").output)
    ] == ["c", "b"]


def test_one_decision_is_told_in_words_and_in_full_as_json(decided: Path) -> None:
    lines = _run("decisions", "a").output.splitlines()
    assert lines[0] == "run a, origin week 2018-w49: none"
    assert "because: Because of a." in lines
    found = json.loads(_run("decisions", "a", "--json").output)
    assert found["reasons"] == ["First.", "Because of\na."]


@pytest.mark.parametrize("run", ["never", "../../secret"])
def test_a_run_without_a_decision_is_refused_with_what_to_do(decided: Path, run: str) -> None:
    assert isinstance(_run("decisions", run).exception, ConfigError)


def test_nothing_decided_yet_is_said(home: Path) -> None:
    assert _run("decisions").output.startswith("There is no decision yet")


def test_an_audit_that_was_changed_ends_red_and_names_the_line(home: Path) -> None:
    paths = DeploymentPaths(home=home)
    for version in ("1", "2"):
        append(
            paths,
            action="promote",
            model_name="denguard",
            from_version=None,
            to_version=version,
            bundle_id="b",
            run_id=None,
            by="Ana",
            reason="r",
        )
    path = audit_file(paths)
    path.write_bytes(path.read_bytes().replace(b"Ana", b"Eva", 1))

    found = _run("audit")

    assert found.exit_code == 1
    assert "line 1 was changed" in found.output
    assert len(json.loads(_run("audit", "--json").stdout)["entries"]) == 2


@pytest.mark.parametrize(
    "command", [["rollback"], ["promote", "1", "--by", "Ana", "--reason", "r"]]
)
def test_without_a_registry_a_person_is_told_so(home: Path, command: list[str]) -> None:
    found = _run(*command).exception
    assert isinstance(found, RegistryError)
    assert isinstance(found, DenguardError)
    assert found.fix


def test_the_services_that_up_started_are_found(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "")  # so that it is put back afterwards
    monkeypatch.delenv("MLFLOW_TRACKING_URI")
    layout = Layout(DeploymentPaths(home=home))
    this_process = Recorded(os.getpid(), psutil.Process().create_time())
    ports = {"airflow": 4001, "mlflow": 4002, "endpoint": 4003}
    assert local_endpoint() is None
    layout.make()
    save_state(layout, State(ports, {"endpoint": this_process, "mlflow": this_process}))
    assert local_endpoint() == "http://127.0.0.1:4003"
    assert os.environ["MLFLOW_TRACKING_URI"] == "http://127.0.0.1:4002"
    save_state(layout, State(ports, {"endpoint": Recorded(os.getpid(), 0.0)}))  # a recycled id
    assert local_endpoint() is None
