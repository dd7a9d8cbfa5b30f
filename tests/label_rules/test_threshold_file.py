"""Thresholds as a bundle's file: the same bytes for the same thresholds, and nothing else
is read."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from pipelines.data.threshold_file import SCHEMA, read_thresholds, write_thresholds
from pipelines.data.threshold_lookup import Thresholds
from pipelines.errors import StoreError
from pipelines.weeks import CDC

BY_YEAR = Thresholds(("a", "b"), (2017, 2018), np.array([[[2.0], [3.0]], [[np.nan], [0.5]]]), CDC)
BY_SEASON = Thresholds(("a",), (), np.arange(1.0, 53.0).reshape(1, 1, 52), CDC)
BY_BOTH = Thresholds(
    ("a",), (2018,), np.where(np.arange(52) == 9, np.nan, 4.25).reshape(1, 1, 52), CDC
)
GOOD = {
    "unit_id": ["a", "a"],
    "origin_year": [2017, 2018],
    "season_week": [None, None],
    "threshold_cases": [2.0, 3.0],
}


@pytest.mark.parametrize("given", [BY_YEAR, BY_SEASON, BY_BOTH])
def test_thresholds_come_back_from_their_file(given: Thresholds, tmp_path: Path) -> None:
    found = read_thresholds(write_thresholds(given, tmp_path / "t.parquet"), CDC)
    assert (found.unit_ids, found.origin_years) == (given.unit_ids, given.origin_years)
    np.testing.assert_array_equal(found.cases, given.cases)


def test_the_same_thresholds_are_the_same_bytes(tmp_path: Path) -> None:
    first = write_thresholds(BY_YEAR, tmp_path / "first").read_bytes()
    again = write_thresholds(read_thresholds(tmp_path / "first", CDC), tmp_path / "again")
    assert again.read_bytes() == first


def _write(path: Path, rows: dict[str, Any], schema: pa.Schema = SCHEMA) -> Path:
    pq.write_table(
        pa.Table.from_pandas(
            pd.DataFrame(rows), schema, preserve_index=False
        ).replace_schema_metadata(None),
        path,
    )
    return path


@pytest.mark.parametrize(
    ("column", "cells", "message"),
    [
        ("unit_id", [None, "a"], "a row without a unit"),
        ("threshold_cases", [float("nan"), 3.0], "no number of cases"),
        ("threshold_cases", [float("inf"), 3.0], "no number of cases"),
        ("threshold_cases", [-1.0, 3.0], "no number of cases"),
        ("origin_year", [2018, 2018], "two rows for one unit, year and season"),
        ("origin_year", [None, 2018], "in some rows alone"),
        ("origin_year", [2018, 900_000_000], "a year or season that there is none of"),
        ("season_week", [1, 53], "a year or season that there is none of"),
        ("season_week", [1, None], "in some rows alone"),
    ],
)
def test_what_no_rule_gives_is_refused(
    column: str, cells: list[Any], message: str, tmp_path: Path
) -> None:
    read_thresholds(_write(tmp_path / "good", GOOD), CDC)
    with pytest.raises(StoreError, match=message):
        read_thresholds(_write(tmp_path / "bad", {**GOOD, column: cells}), CDC)


def test_a_file_without_rows_or_of_other_columns_or_none_at_all_is_refused(tmp_path: Path) -> None:
    nothing: dict[str, list[Any]] = {name: [] for name in GOOD}
    with pytest.raises(StoreError, match="name no unit"):
        read_thresholds(_write(tmp_path / "empty", nothing), CDC)
    wider = SCHEMA.append(pa.field("in_pool", pa.bool_()))
    with pytest.raises(StoreError, match="must have the columns"):
        read_thresholds(_write(tmp_path / "wider", {**GOOD, "in_pool": [True, True]}, wider), CDC)
    (tmp_path / "torn").write_bytes((tmp_path / "wider").read_bytes()[:200])
    for name in ("torn", "absent"):
        with pytest.raises(StoreError, match="cannot be read"):
            read_thresholds(tmp_path / name, CDC)
