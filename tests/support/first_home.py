"""A deployment of the first version, unpacked for a test, and the command that works in it."""

from __future__ import annotations

import sqlite3
import tarfile
from contextlib import closing
from pathlib import Path

import pytest
from typer.testing import CliRunner

from pipelines.cli import app

HERE = Path(__file__).parents[1] / "homes"
ARCHIVE = HERE / "first.tar.xz"
MADE_IN = "/srv/denguard"
ELSEWHERE = (
    "MLFLOW_TRACKING_URI",
    "DENGUARD_ENDPOINT_URL",
    "DENGUARD_ARTIFACTS_URI",
    "DENGUARD_DVC_REMOTE",
    "DENGUARD_PROFILE",
)


def unpack_first_home(folder: Path) -> Path:
    """Unpack the home. MLflow's absolute addresses are rewritten, as whoever moves a home has to;
    DVC's are brought up to date by denguard itself."""
    with tarfile.open(ARCHIVE) as packed:
        packed.extractall(folder, filter="data")
    with closing(sqlite3.connect(folder / "artifacts" / "mlflow" / "mlflow.db")) as database:
        new = {"made_in": MADE_IN, "here": str(folder)}
        database.execute(
            "UPDATE experiments SET artifact_location = replace(artifact_location, :made_in, "
            ":here)",
            new,
        )
        database.execute(
            "UPDATE runs SET artifact_uri = replace(artifact_uri, :made_in, :here)", new
        )
        database.commit()
    return folder


def live_in(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Make the home this process's deployment, as a shell that was opened in it."""
    for name in ELSEWHERE:
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("DENGUARD_HOME", str(home))
    monkeypatch.chdir(home)  # its runs name their profile as it was typed: profile.yaml


def denguard(*arguments: str) -> str:
    """What a command says; one that fails fails the test."""
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, f"{arguments}: {done.output[-3000:]} {done.exception!r}"
    return done.output
