"""What Great Expectations is handed."""

from __future__ import annotations

import pandas as pd
import pytest
from great_expectations.execution_engine import PandasExecutionEngine

from pipelines.cell_limits import TEMP_C
from pipelines.data import expectations
from pipelines.data.suite import Suite


def test_columns_that_no_rule_asks_about_are_not_handed_over(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    handed: list[list[str]] = []
    load = PandasExecutionEngine.load_batch_data

    def seen(engine: PandasExecutionEngine, batch_id: str, batch_data: pd.DataFrame) -> None:
        handed.append(list(batch_data.dataframe.columns))
        load(engine, batch_id, batch_data)

    monkeypatch.setattr(PandasExecutionEngine, "load_batch_data", seen)
    frame = pd.DataFrame(
        {
            "file": ["f", "f"],
            "value": ["20", "99"],
            "number": [20.0, TEMP_C[1] + 1],
            "withdrawn": False,
            "name": "x",
        }
    )

    (finding,) = Suite().run("temperature", frame, expectations.temperature_rules())

    assert handed == [["number", "value", "withdrawn"]]
    assert list(finding.rows["file"]) == ["f"]
