"""The report's section on weeks that are still being reported and on what delays cost."""

from __future__ import annotations

from typing import Any

from pipelines.evaluate.report import templates
from pipelines.evaluate.report_filling import filling

ROW = {
    "unit_id": "05001",
    "week": "2018-w48",
    "age_weeks": 0,
    "reported": 11.0,
    "share": 0.55,
    "nowcast": 19.6,
    "low": 15.0,
    "high": 24.0,
}
TABLE = {
    "made_on": "2018-01-08",
    "test_years": [2016, 2017],
    "units": 139,
    "delays_weeks": [0, 1, 2, 4],
    "brier": {"4": [0.1, 0.11, 0.12, 0.15]},
    "recipe_id": "now",
}


def page(record: dict[str, Any]) -> str:
    shown = filling(record, {"05001": "<b>Medellín</b>"})
    return templates().get_template("filling.html.j2").render(filling=shown)


def test_reported_and_expected_cases_stand_beside_each_other_with_the_interval() -> None:
    older = {**ROW, "week": "2018-w47", "age_weeks": 1, "share": 0.85}
    html = page(
        {
            "maturity": {"why": "nowcast with shares learned from 104 past weeks"},
            "nowcast": [ROW, older],
        }
    )
    assert "<td>11</td><td>55 %</td><td>19.6</td><td>15 to 24</td>" in html
    assert html.index("2018-w48") < html.index("2018-w47") and "104 past weeks" in html
    assert "&lt;b&gt;Medellín" in html and "<b>Medellín" not in html


def test_the_last_delay_table_is_shown_with_its_date() -> None:
    html = page({"delay_table": TABLE, "recipe_id": "now"})
    assert "made on 2018-01-08" in html and "10 %, 20 %, 50 %" in html and "0.1500" in html
    assert "earlier recipe" not in html
    assert "earlier recipe" in page({"delay_table": TABLE, "recipe_id": "other"})


def test_why_nothing_is_nowcast_is_said() -> None:
    assert "nothing is nowcast: 3 past weeks" in page(
        {"maturity": {"why": "nothing is nowcast: 3 past weeks"}}
    )


def test_a_unit_without_a_report_is_no_row_of_zero() -> None:
    unknown = {
        **ROW,
        "unit_id": "05002",
        "reported": None,
        "nowcast": None,
        "low": None,
        "high": None,
    }
    shown = filling({"nowcast": [ROW, unknown]}, {})
    assert [place["code"] for place in shown["places"]] == ["05001"]
    assert shown["weeks"][0]["places"] == "1"


def test_where_nothing_fills_there_is_no_section() -> None:
    assert "section" not in page({"maturity": None, "nowcast": [], "delay_table": None})
