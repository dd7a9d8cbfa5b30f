"""Cells of a new drop are checked alone, and the result is that of a check of all cells."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pytest

from pipelines.contracts import Level
from pipelines.data import suite as suites
from pipelines.data.suite import Rule, Suite, between


def rules() -> tuple[Rule, ...]:
    text = gxe.ExpectColumnValuesToMatchRegex(column="value", regex="^[0-9]$")
    kept = gxe.ExpectColumnValuesToBeInSet(column="withdrawn", value_set=[False])
    return (
        Rule(text, "no-number", Level.ERROR, "m", "f", quarantine=True),
        Rule(between("number", 0, 5), "high", Level.WARNING, "m", "f"),
        Rule(kept, "withdrawn", Level.WARNING, "m", "f"),
    )


def cells(*values: str | None) -> pd.DataFrame:
    number = pd.to_numeric(pd.Series(values, dtype=object), errors="coerce").astype("float64")
    return pd.DataFrame(
        {"value": pd.Series(values, dtype=object), "number": number, "withdrawn": False}
    )


class Asked:
    """How many rows each check of GX was about."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.rows, make = list[int](), suites.validator_of

        def counted(batch: Any, asked: pd.DataFrame, expectations: Sequence[Any]) -> Any:
            self.rows.append(len(asked))
            return make(batch, asked, expectations)

        monkeypatch.setattr(suites, "validator_of", counted)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def found(suite: Suite, frame: pd.DataFrame, n_before: int, out: Path) -> list[Any]:
    misses = suite.run("cells", frame, rules(), n_before)
    suite.write(out)
    return [(one.rule.code, one.rows.index.tolist()) for one in misses]


def facts(kept: Path, n_rows: int) -> tuple[Any, Any, Any]:
    """What is kept of the check of so many rows, but for its times."""
    for path in kept.glob("*/result.json"):
        result = json.loads(path.read_text())
        if result["results"][0]["result"]["element_count"] == n_rows:
            return result["success"], result["statistics"], result["results"]
    raise AssertionError(f"nothing is kept of {n_rows} rows")


BEFORE = {
    "good": ("1", "2", None),
    "text": ("1", "x", None),
    "high": ("9", "2", "3"),
    "empty": (None, None, None),
}
NEW = {"good": ("3", None), "text": ("y", "3"), "high": ("3", "8"), "empty": (None,)}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("new", NEW)
def test_the_result_is_that_of_a_check_of_all_cells(tmp_path: Path, before: str, new: str) -> None:
    old, every = cells(*BEFORE[before]), cells(*BEFORE[before], *NEW[new])
    found(Suite(tmp_path / "kept"), old, 0, tmp_path / "week before")
    added = found(Suite(tmp_path / "kept"), every, len(old), tmp_path / "added")
    whole = found(Suite(tmp_path / "alone"), every, 0, tmp_path / "whole")
    assert added == whole
    one, other = (tmp_path / name / "gx_results.json" for name in ("added", "whole"))
    assert one.read_bytes() == other.read_bytes()
    n = len(every)
    assert facts(tmp_path / "kept", n) == facts(tmp_path / "alone", n)


def test_cells_that_were_checked_before_are_not_asked_about_again(
    tmp_path: Path, asked: Asked
) -> None:
    old, every = cells("1", "2", "3"), cells("1", "2", "3", "4")
    found(Suite(tmp_path / "kept"), old, 0, tmp_path / "out")
    found(Suite(tmp_path / "kept"), every, 3, tmp_path / "out")
    found(Suite(tmp_path / "kept"), every, 3, tmp_path / "out")
    assert asked.rows == [3, 1]


def test_of_a_rule_that_is_missed_every_cell_is_named(tmp_path: Path, asked: Asked) -> None:
    found(Suite(tmp_path / "kept"), cells("x", "2", "3"), 0, tmp_path / "out")
    every = cells("x", "2", "3", "4")
    misses = found(Suite(tmp_path / "kept"), every, 3, tmp_path / "out")
    assert misses == [("no-number", [0])]
    assert asked.rows == [3, 1, 4]  # of the four only about the rule that is missed


def test_where_the_cells_before_are_others_every_cell_is_asked_about(
    tmp_path: Path, asked: Asked
) -> None:
    found(Suite(tmp_path / "kept"), cells("1", "2", "3"), 0, tmp_path / "out")
    found(Suite(tmp_path / "kept"), cells("1", "2", "4", "5"), 3, tmp_path / "out")
    found(Suite(None), cells("1", "2", "3", "5"), 3, tmp_path / "out")
    assert asked.rows == [3, 4, 4]


def test_a_number_that_stands_for_none_is_not_taken_for_one_checked_before(tmp_path: Path) -> None:
    old = cells("1", "2", "3")
    found(Suite(tmp_path / "kept"), old, 0, tmp_path / "out")
    every = cells("1", "2", "3", "4").assign(number=[1.0, np.nan, 3.0, 9.0])
    misses = found(Suite(tmp_path / "kept"), every, 3, tmp_path / "out")
    assert misses == [("high", [3])]
