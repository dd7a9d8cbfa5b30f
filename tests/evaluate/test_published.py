"""Past forecasts as one table: units without a probability have no row in it."""

from __future__ import annotations

from pathlib import Path

from support.published import forecast_rows

from pipelines.evaluate.published import published_rows
from pipelines.inference.forecast import publish_forecast
from pipelines.weeks import CDC


def test_a_unit_that_was_held_has_no_row_and_the_others_keep_theirs(tmp_path: Path) -> None:
    table = forecast_rows("b" * 16, "2018-w48", 0.3)
    table["target_week"], table["threshold_cases"] = "2018-w52", 5.0
    held = table["municipality_code"] == "05360"
    table["probability"] = table["probability"].mask(held)
    table["outbreak_expected"] = table["outbreak_expected"].astype("boolean").mask(held)
    folder = publish_forecast(table.assign(state=held.map({True: "held", False: ""})), tmp_path)
    rows = published_rows([folder], CDC, CDC.week_no("2018-w01"))
    assert rows["unit_id"].tolist() == ["05001", "05001"]
    assert rows["alarm"].tolist() == [False, False]
