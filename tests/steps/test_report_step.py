"""What the report step gathers of a run: a map, and rises where nothing is forecast."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest
from support.homes import Home
from support.shapes import grid, written

from pipelines.config import load_profile
from pipelines.data.samples import STATES_FILE
from pipelines.data.usable import HELD, STATE_SCHEMA, UNCONFIRMED
from pipelines.evaluate.report import build_report
from pipelines.run import Run, open_run
from pipelines.run.outputs import SnapshotOutput
from pipelines.steps.bulletin import gather
from pipelines.steps.report_inputs import rises_among


@pytest.fixture
def run(tabular: Home, monkeypatch: pytest.MonkeyPatch) -> Run:
    """The walked run of 45 units; nothing in it is changed."""
    monkeypatch.setenv("DENGUARD_HOME", str(tabular.path))
    return open_run("first")


def declaring(run: Run, boundaries: Path) -> Run:
    profile = load_profile(run.params.profile, **{"place.boundaries": str(boundaries)})
    return replace(run, profile=profile)


def test_a_run_whose_place_has_boundaries_reports_with_a_map(run: Run, tmp_path: Path) -> None:
    units = pd.read_parquet(
        run.path(run.output(SnapshotOutput).dataset) / "tables" / "units.parquet"
    )["unit_id"]
    shapes = written(tmp_path / "f.geojson", grid(list(units)))
    context = gather(declaring(run, shapes))
    assert context.shapes is not None and set(context.shapes.of_units) == set(units)
    assert 'alt="Map of' in build_report(context, tmp_path).read_text(encoding="utf-8")
    assert 'alt="Map of' not in build_report(gather(run), tmp_path).read_text(encoding="utf-8")


def test_boundaries_that_cannot_be_read_any_more_cost_the_map_and_not_the_report(
    run: Run, tmp_path: Path
) -> None:
    context = gather(declaring(run, tmp_path / "gone.geojson"))
    assert context.shapes is None
    assert build_report(context, tmp_path).is_file()


def test_a_rise_outside_the_forecast_is_gathered_and_one_inside_it_is_not(
    run: Run, tmp_path: Path
) -> None:
    states = [("05001", 4, UNCONFIRMED), ("05002", 4, UNCONFIRMED), ("05004", 4, HELD)]
    rows = [(*row, "2018-w48", "jumped (cause 1a2b3c4d)") for row in states]
    pd.DataFrame(rows, columns=STATE_SCHEMA.names).to_parquet(tmp_path / STATES_FILE)
    assert rises_among(tmp_path, ["05002", "05004", "05030"]) == ["05002"]
    assert gather(run).rises_not_forecast == []
