"""A dataset is taken from an earlier run of the same tables and settings, and from no other."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.municipal import municipal_tables

from pipelines import steps
from pipelines.contracts import LABEL_RULES
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.data.tables import Tables
from pipelines.errors import StoreError
from pipelines.run import open_run
from pipelines.steps.kept_dataset import dataset_folder
from pipelines.storage import write_atomic

BEFORE = "was built of these tables before"
DROPS: list[Mapping[str, Any]] = [{"received_date": "2019-01-02", "sha256": "a"}]


@pytest.fixture(scope="module")
def ten() -> Tables:
    """The real counts and climate of ten municipalities."""
    tables = municipal_tables(package_table())
    own = {
        name: frame[frame["unit_id"].isin(TEN_MUNICIPALITIES)].reset_index(drop=True)
        for name in ("cases", "climate", "units")
        for frame in (getattr(tables, name),)
    }
    return replace(tables, **own)


@pytest.fixture
def tables(ten: Tables, home: Path) -> Path:
    return ten.save(home / "artifacts" / "tables")


class Runs:
    """Datasets of runs, and how many of them were built."""

    def __init__(self, log: pytest.LogCaptureFixture) -> None:
        self._log, self._runs = log, 0

    def dataset(
        self, tables: Path, drops: Sequence[Mapping[str, Any]] = DROPS, **conf: object
    ) -> Path:
        self._runs += 1
        run_id = f"run{self._runs}"
        steps.start(run_id, {"profile": "ci", **conf})
        return dataset_folder(open_run(run_id), tables, drops)

    @property
    def built(self) -> int:
        return self._runs - sum(BEFORE in message for message in self._log.messages)


@pytest.fixture
def runs(caplog: pytest.LogCaptureFixture) -> Runs:
    caplog.set_level(logging.INFO)
    return Runs(caplog)


def test_the_second_run_of_the_same_tables_has_the_same_dataset_and_builds_nothing(
    runs: Runs, tables: Path
) -> None:
    assert runs.dataset(tables) == runs.dataset(tables)
    assert runs.built == 1


def _held(ten: Tables) -> Tables:
    """A count that is held, as an answer or its release changes it."""
    doubt = pd.DataFrame(
        {
            "unit_id": [TEN_MUNICIPALITIES[0]],
            "kind": ["cases"],
            "clean": ["cases"],
            "when": [int(ten.cases["week_no"].max())],
            "number": [900.0],
            "received_date": [date(2019, 1, 2)],
            "drop": ["2019-01-02"],
            "rule": ["sudden-level"],
            "outcome": ["held"],
            "direction": ["up"],
            "cause_id": ["c1"],
            "answer": [""],
            "held": [True],
        }
    )
    return replace(ten, doubts=doubt)


def _one_more_case(ten: Tables) -> Tables:
    more = (ten.cases.index == 0).astype(float)
    return replace(ten, cases=ten.cases.assign(cases=ten.cases["cases"] + more))


@pytest.mark.parametrize("other", [_held, _one_more_case])
def test_other_tables_are_built_anew(
    runs: Runs, ten: Tables, tables: Path, other: Callable[[Tables], Tables]
) -> None:
    first = runs.dataset(tables)
    assert runs.dataset(other(ten).save(tables.parent / "others")) != first
    assert runs.built == 2


@pytest.mark.parametrize(
    ("drops", "conf", "same"),
    [
        ([{"received_date": "2019-01-02", "sha256": "b"}], {}, False),
        (DROPS, {"as_of": "2018-w40"}, False),
        (DROPS, {"horizons": [4, 8]}, False),
        (DROPS, {"force": True}, True),
    ],
)
def test_other_drops_weeks_and_settings_are_built_anew(
    runs: Runs,
    tables: Path,
    drops: Sequence[Mapping[str, Any]],
    conf: Mapping[str, Any],
    same: bool,
) -> None:
    first = runs.dataset(tables)
    assert (runs.dataset(tables, drops, **conf) == first) == same
    assert runs.built == 2


def test_a_dataset_that_was_deleted_is_built_again(runs: Runs, tables: Path) -> None:
    first = runs.dataset(tables)
    first.rename(first.with_name("away"))
    assert runs.dataset(tables) == first
    assert runs.built == 2


def test_a_damaged_dataset_is_refused_as_before(runs: Runs, tables: Path) -> None:
    part = next((runs.dataset(tables) / "samples").rglob("*.parquet"))
    write_atomic(part, b"damaged")
    with pytest.raises(StoreError, match="the dataset folder of this version is damaged"):
        runs.dataset(tables)


def test_a_damaged_record_costs_a_build_and_no_more(runs: Runs, tables: Path, home: Path) -> None:
    first = runs.dataset(tables)
    (record,) = (home / "artifacts" / "cache" / "snapshots").glob("*/about.json")
    write_atomic(record, "{")
    assert [runs.dataset(tables) for _ in range(2)] == [first, first]
    assert runs.built == 2


def test_where_another_distribution_brings_the_label_rule_nothing_is_taken(
    runs: Runs, tables: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(LABEL_RULES), "built_in", lambda *_: False)
    assert runs.dataset(tables) == runs.dataset(tables)
    assert runs.built == 2
