"""The command: in a pipe, at a terminal, twice, beside others; what it writes and what it never
overwrites.
"""

from __future__ import annotations

import json
import logging
import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from support.onboarding import counts, csv, note_of, onboarded
from typer.testing import CliRunner

from pipelines.cli import app
from pipelines.config import load_profile
from pipelines.errors import ConfigError

SHORT = ("2022-w01", "2026-w45")
FLAGS = ("--numbering", "cdc", "--received", "2026-11-16", "--yes")


@pytest.fixture
def file(home, tmp_path) -> Path:
    return csv(tmp_path / "cases.csv", counts(*SHORT))


def entered(*command: str | Path):
    return CliRunner().invoke(app, ["onboard", *map(str, command)])


def test_in_a_pipe_it_refuses_by_the_flags_name(file):
    done = entered(file, "--numbering", "cdc")
    assert isinstance(done.exception, ConfigError) and "--rule" in done.exception.fix


def test_a_dry_run_and_json_write_nothing(file, home):
    done = entered(file, *FLAGS, "--dry-run", "--json")
    found = json.loads(done.output)
    assert found["command"] == "denguard run --profile cases --run-id first"
    assert found["findings"]["judged"]["serves"] == "provisional" and found["written"] is None
    assert {r["rule"]["kind"] for r in found["findings"]["rules"]} == {
        "rolling_quantile",
        "quantile",
        "endemic_channel",
    }
    assert not (home / "profiles").exists() and not (home / "data").exists()


def test_again_is_a_no_op_and_another_is_never_overwritten(file, home):
    assert entered(file, *FLAGS).exit_code == 0
    before = (home / "profiles" / "cases.yaml").read_text()
    assert load_profile("cases").data.inputs[0].file == "cases.csv"
    assert entered(file, *FLAGS).exit_code == 0
    other = entered(file, *FLAGS, "--rule", "quantile")
    assert isinstance(other.exception, ConfigError) and "never overwritten" in str(other.exception)
    assert (home / "profiles" / "cases.yaml").read_text() == before
    beside = entered(
        csv(home / "more.csv", counts(*SHORT, units=("X", "Y"))), *FLAGS[:3], "2026-11-17", "--yes"
    )
    assert "--line more" in str(beside.exception)


def test_what_it_silences_while_it_looks_speaks_again_afterwards(file, caplog):
    caplog.set_level(logging.INFO, "pipelines")
    entered(file, *FLAGS, "--dry-run")
    assert logging.getLogger("pipelines").level == logging.INFO


def test_names_that_denguard_brings_are_refused(file):
    assert "of its own" in str(entered(file, *FLAGS, "--name", "sample").exception)


def test_at_a_terminal_it_asks(file, home):
    ours, theirs = pty.openpty()
    command = [
        sys.executable,
        "-m",
        "pipelines.cli",
        "onboard",
        str(file),
        "--received",
        "2026-11-16",
        "--dry-run",
        "--numbering",
        "cdc",
    ]
    done = subprocess.Popen(
        command,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "COLUMNS": "200"},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    )
    os.close(theirs)
    os.write(ours, b"median\nendemic_channel\n")
    output = b""
    try:
        while chunk := os.read(ours, 65536):
            output += chunk
    except OSError:  # how a terminal ends on Linux
        pass
    os.close(ours)
    assert done.wait(60) == 0
    shown = output.decode()
    assert "that is none of them" in shown and "kind: endemic_channel" in shown


def test_titles_above_other_letters_and_totals(home, tmp_path):
    rows = [*counts(*SHORT, units=("Núñez", "B")), ("Total", 2026, 45, 60)]
    file = csv(tmp_path / "c.csv", rows, "Ministerio\nCasos;;;\ndistrito;año;semana;casos")
    file.write_bytes(file.read_text(encoding="utf-8").encode("latin-1"))
    made = onboarded(file, numbering="cdc")
    entry = made.profile.data.inputs[0]
    assert (entry.header_row, entry.encoding) == (3, "cp1252")
    assert "Windows-1252" in note_of(made, "c.csv")
    assert "'Total' looks like a sum" in note_of(made, "units")
    left = onboarded(file, numbering="cdc", leave_out=["distrito=Total"])
    assert "2 units" in note_of(left, "history")


def test_a_header_that_is_said(home, tmp_path):
    file = csv(tmp_path / "c.csv", counts(*SHORT), "Report\nwhere,year,week,cases")
    made = onboarded(file, numbering="cdc", header_row=["2"], columns={"unit": ["where"]})
    assert made.profile.data.inputs[0].header_row == 2


def test_weeks_without_a_year_and_climate_without_a_unit(home, tmp_path):
    rows = [(u, w, n, 3, y) for u, y, w, n in counts(*SHORT)]
    file = csv(tmp_path / "c.csv", rows, "district,week,cases,rain,jahr")
    with pytest.raises(ConfigError, match=r"--year"):
        onboarded(file, numbering="cdc")
    made = onboarded(file, numbering="cdc", columns={"year": ["jahr"]})
    assert "'rain' may be climate" in note_of(made, "c.csv")
    assert "not read:" not in note_of(made, "c.csv")
    wider = csv(
        tmp_path / "w.csv", [(*row, "x") for row in rows], "district,week,cases,T. media,year,obs"
    )
    assert "not read: 'T. media', 'obs'" in note_of(onboarded(wider, numbering="cdc"), "w.csv")
    both = onboarded(file, numbering="cdc", columns={"year": ["jahr"], "rainfall_mm": ["rain"]})
    assert "climate of 3 units" in note_of(both, "climate")
