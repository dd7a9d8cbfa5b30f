"""Which units a dataset version says are held, unconfirmed or did not report."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.killed import dies_at
from support.municipal import DROPS

from pipelines.config import DeploymentPaths, Profile, load_profile
from pipelines.data.plausible.doubts import DOUBT_COLUMNS
from pipelines.data.samples import STATES_FILE, UNCONFIRMED_FILE, build_dataset
from pipelines.data.tables import Tables, ordered
from pipelines.ops.prune.leftovers import leftovers
from pipelines.storage import manifest_of, read_json
from pipelines.weeks import CDC

AS_OF, UNIT = CDC.week_no("2018-w48"), "05001"


@pytest.fixture
def short() -> Profile:
    return load_profile("sample", **{"data.first_week": "2018-w40"})


def doubt(tables: Tables, direction: str, number: float, answer: str = "") -> Tables:
    """The tables in which the unit's newest count is set aside."""
    cases = tables.cases
    at = (cases["unit_id"] == UNIT) & (cases["week_no"] == AS_OF)
    row = (
        UNIT,
        "week",
        "",
        AS_OF,
        number,
        date(2019, 1, 2),
        "2019-01-02",
        "a-rule",
        "hold",
        direction,
        "1a2b3c4d",
        answer,
        True,
    )
    doubts = pd.DataFrame([row], columns=list(DOUBT_COLUMNS))
    known = cases[cases["week_no"] <= AS_OF]
    return replace(
        tables,
        cases=known.assign(cases=known["cases"].mask(at)),
        doubts=ordered("doubts", doubts),
    )


def states(folder: Path) -> dict[tuple[str, int], str]:
    found = pd.read_parquet(folder / STATES_FILE)
    return {(r.unit_id, r.horizon_weeks): r.state for r in found.itertuples()}


def test_a_unit_whose_newest_count_is_held_is_named_with_its_cause(ten_tables, short, tmp_path):
    folder = build_dataset(doubt(ten_tables, "missing", 0.0), short, "2018-w48", DROPS, tmp_path)
    assert states(folder) == {(UNIT, h): "held" for h in short.evaluate.horizons_weeks}
    assert set(pd.read_parquet(folder / STATES_FILE)["why"]) == {"a-rule (cause 1a2b3c4d)"}
    assert read_json(folder / "dataset.json")["held"] == {
        "values": 1,
        "causes": {"1a2b3c4d": "open"},
    }
    assert not (folder / UNCONFIRMED_FILE).exists()


def test_a_unit_that_did_not_report_is_told_from_one_that_is_held(ten_tables, short, tmp_path):
    silent = doubt(ten_tables, "missing", 0.0)
    silent = replace(silent, doubts=silent.doubts.iloc[:0])
    folder = build_dataset(silent, short, "2018-w48", DROPS, tmp_path)
    assert set(states(folder).values()) == {"not reported"}


def test_rows_of_an_unconfirmed_count_have_it_in_force(ten_tables, short, tmp_path):
    folder = build_dataset(doubt(ten_tables, "high", 500.0), short, "2018-w48", DROPS, tmp_path)
    assert set(states(folder).values()) == {"unconfirmed"}
    rows = pd.read_parquet(folder / UNCONFIRMED_FILE)
    assert set(rows["unit_id"]) == {UNIT} and set(rows["origin_week"]) == {"2018-w48"}
    assert np.allclose(rows["log1p_cases_lag00"], np.log1p(500.0))
    whole = pd.read_parquet(folder / "samples")
    mine = whole[(whole["unit_id"] == UNIT) & (whole["origin_week"] == "2018-w48")]
    assert mine["log1p_cases_lag00"].isna().all()  # nothing is trained on it


def test_a_rejected_rise_is_held_and_no_longer_published_both_ways(ten_tables, short, tmp_path):
    tables = doubt(ten_tables, "high", 500.0, answer="rejected")
    folder = build_dataset(tables, short, "2018-w48", DROPS, tmp_path)
    assert set(states(folder).values()) == {"held"}
    why = pd.read_parquet(folder / STATES_FILE)["why"]
    assert set(why) == {"a-rule (cause 1a2b3c4d, rejected)"}


def test_an_answer_makes_another_dataset_version(ten_tables, short, tmp_path):
    waiting = build_dataset(doubt(ten_tables, "missing", 0.0), short, "2018-w48", DROPS, tmp_path)
    answered = doubt(ten_tables, "missing", 0.0, answer="rejected")
    assert build_dataset(answered, short, "2018-w48", DROPS, tmp_path).name != waiting.name


@pytest.mark.parametrize("write", [STATES_FILE, UNCONFIRMED_FILE, "doubts.parquet", "dataset"])
def test_a_dataset_that_is_cut_off_by_kill_is_whole_when_built_again_and_leaves_nothing(
    write: str, ten_tables: Tables, short: Profile, tmp_path: Path
) -> None:
    paths, tables = DeploymentPaths(home=tmp_path), doubt(ten_tables, "high", 500.0)

    def build(room: Path) -> Path:
        return build_dataset(tables, short, "2018-w48", DROPS, room)

    room = paths.artifacts / "datasets"
    assert dies_at(write, lambda: build(room))
    (begun,) = room.iterdir()
    found = leftovers(paths, datetime.now(UTC) + timedelta(days=2))
    assert [paths.home / item.name for item in found] == [begun]
    assert manifest_of(build(room)) == manifest_of(build(tmp_path / "whole"))
