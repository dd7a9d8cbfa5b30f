"""`denguard trace` as a person and a program use it."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest
from support.planted_lineage import FIRST_TRACE, FORECAST_TRACE, Store
from typer.testing import CliRunner

from pipelines import lineage
from pipelines.cli import app
from pipelines.lineage import render


def test_a_person_reads_both_trees_within_100_columns(store: Store) -> None:
    done = CliRunner().invoke(app, ["trace", FIRST_TRACE])
    assert done.exit_code == 0, done.output
    assert f"prediction {FIRST_TRACE}" in done.output
    assert "It rests on" in done.output
    assert "drop 2018-12-04  content" in done.output
    assert f"artifacts/datasets/{store.datasets['first']}" in done.output
    assert max(len(line) for line in done.output.splitlines()) <= 100


def test_an_answer_from_a_forecast_names_its_version(store: Store) -> None:
    done = CliRunner().invoke(app, ["trace", FORECAST_TRACE])
    version = store.forecasts["third"]
    assert f"1 rows, from forecast version {version}" in " ".join(done.output.split())
    assert f"artifacts/forecasts/{version}" in done.output


def test_a_program_reads_nodes_edges_and_broken_links(store: Store) -> None:
    done = CliRunner().invoke(app, ["trace", "version", "2", "--down", "--json"])
    answer = json.loads(done.output)
    assert done.exit_code == 0
    assert answer["broken"] == []
    assert answer["up"] == []
    keys = {node["key"] for node in answer["nodes"]}
    assert f"forecast:{store.forecasts['third']}" in keys
    assert {edge[end] for edge in answer["edges"] for end in ("parent", "child")} <= keys


@pytest.mark.parametrize("flags", [[], ["--json"]])
def test_a_broken_link_ends_with_exit_code_1(store: Store, flags: list[str]) -> None:
    (store.paths.home / "artifacts" / "decisions" / "first.json").unlink()
    done = CliRunner().invoke(app, ["trace", "2018-w48", *flags])
    assert done.exit_code == 1
    assert "decision of run first is missing" in done.output
    assert "artifacts/decisions/first.json" in done.output
    assert ("<< broken, see below" in done.output) == (flags == [])


def test_many_runs_of_one_dataset_are_counted_not_listed(store: Store) -> None:
    runs = store.paths.artifacts / "runs"
    for number in range(20):
        shutil.copytree(runs / "second", runs / f"weekly-{number:02d}")
    done = CliRunner().invoke(app, ["trace", store.datasets["first"], "--up"])
    assert "more of the kind validation report; --json lists all" in done.output
    assert len(done.output.splitlines()) < 60


def test_a_look_up_loads_no_torch_with_which_arrow_may_abort_at_the_end(store: Store) -> None:
    """A process that holds both and ends right after a read aborted in two of three calls."""
    row = f"{store.forecasts['first']}/05001/12"
    command = (
        "import sys; from typer.testing import CliRunner; from pipelines.cli import app; "
        f"CliRunner().invoke(app, ['trace', '{row}']); CliRunner().invoke(app, ['audit']); "
        "print(sorted({'torch', 'sklearn', 'mlflow'} & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", command], capture_output=True, text=True, timeout=60, check=True
    )
    assert done.stdout.strip() == "['mlflow']", done.stderr


def test_a_municipality_whose_zero_a_spreadsheet_took_is_found(store: Store) -> None:
    done = CliRunner().invoke(app, ["trace", f"{store.forecasts['first']}/5001/4"])
    assert done.exit_code == 0, done.exception
    assert "/05001/4" in done.output


def test_a_narrow_terminal_breaks_between_words_and_cuts_no_name(store: Store) -> None:
    found = lineage.trace("2018-12-04", store.paths, "down")
    wide, narrow = " ".join(render.lines(found)), " ".join(render.lines(found, 60))
    assert [w for w in narrow.split() if w not in "│├──└"] == [
        w for w in wide.split() if w not in "│├──└"
    ]
    assert max(len(line) for line in render.lines(found, 60)) < max(map(len, render.lines(found)))
