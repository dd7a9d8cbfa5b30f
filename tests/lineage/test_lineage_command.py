"""`denguard trace` as a person and a program use it."""

from __future__ import annotations

import json
import shutil

import pytest
from lineage.planted import FIRST_TRACE, Store
from typer.testing import CliRunner

from pipelines.cli import app


def test_a_person_reads_both_trees_within_100_columns(store: Store) -> None:
    done = CliRunner().invoke(app, ["trace", FIRST_TRACE])
    assert done.exit_code == 0, done.output
    assert f"prediction {FIRST_TRACE}" in done.output
    assert "It rests on" in done.output
    assert "drop 2018-12-04  content" in done.output
    assert f"artifacts/datasets/{store.datasets['first']}" in done.output
    assert max(len(line) for line in done.output.splitlines()) <= 100


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
    (store.places.home / "artifacts" / "decisions" / "first.json").unlink()
    done = CliRunner().invoke(app, ["trace", "2018-w48", *flags])
    assert done.exit_code == 1
    assert "decision of run first is gone" in done.output
    assert "artifacts/decisions/first.json" in done.output
    assert ("<< broken, see below" in done.output) == (flags == [])


def test_many_runs_of_one_dataset_are_counted_not_listed(store: Store) -> None:
    runs = store.places.artifacts / "runs"
    for number in range(20):
        shutil.copytree(runs / "second", runs / f"weekly-{number:02d}")
    done = CliRunner().invoke(app, ["trace", store.datasets["first"], "--up"])
    assert "more of the kind validation report; --json lists all" in done.output
    assert len(done.output.splitlines()) < 60
