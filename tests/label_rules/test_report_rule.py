"""The report prints outbreak weeks by year and what thresholds rest on, of fixed and
moving rules."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from support.rule_worlds import Prepared

from pipelines.evaluate import report_rule
from pipelines.evaluate.report import ReportContext, build_report
from pipelines.storage import read_json

DECISION: dict[str, Any] = {
    "decision": "none",
    "head": None,
    "first_line": "Nothing serves.",
    "reasons": [],
    "primary_horizon_weeks": 4,
    "confidence": 0.95,
    "comparisons": [],
    "sanity": {},
    "champion": None,
}


@pytest.fixture(scope="session")
def thresholds(prepared: Prepared) -> pd.DataFrame:
    return pd.read_parquet(prepared.dataset / "thresholds.parquet")


def _report(out: Path, thresholds: pd.DataFrame, **more: Any) -> tuple[str, dict[str, Any]]:
    context = ReportContext("run", "small", "2018-w48", DECISION, thresholds=thresholds, **more)
    page = build_report(context, out)
    return page.read_text(encoding="utf-8"), read_json(out / "report.json")


def test_each_year_has_its_rate_and_the_years_behind(
    prepared: Prepared, thresholds: pd.DataFrame
) -> None:
    rates = read_json(prepared.features / "features.json")["outbreak_rates"]
    rows = report_rule.by_year(rates, thresholds, {"test_years": [2018]})
    assert [row["year"] for row in rows] == sorted(rates)
    assert {row["year"]: row["years"] for row in rows}["2018"] == "3"
    assert {row["year"]: row["years"] for row in rows}["2014"] == "2"
    assert [row["year"] for row in rows if row["judged"]] == ["2018"]


def test_a_moving_rule_is_not_called_hindsight(
    tmp_path: Path, prepared: Prepared, thresholds: pd.DataFrame
) -> None:
    rates = read_json(prepared.features / "features.json")["outbreak_rates"]
    page, record = _report(
        tmp_path,
        thresholds,
        label_rule_id="channel_median3_hw1",
        fixed_rule=False,
        outbreak_rates=rates,
    )
    assert "Outbreak weeks by year" in page
    assert "The thresholds move with the years" in page
    assert "thresholds are hindsight" not in page
    assert record["outbreak_rates"] == rates
    assert {row["origin_year"] for row in record["thresholds"]} == {2018}


def test_a_fixed_rule_is_still_called_hindsight(tmp_path: Path) -> None:
    table = pd.DataFrame(
        {
            "unit_id": ["a", "b"],
            "origin_year": [float("nan")] * 2,
            "season_week": [float("nan")] * 2,
            "threshold_cases": [4.0, 0.0],
            "reference_weeks": [104, 104],
            "reference_years": [2.0, 2.0],
            "reference_cases": [400.0, 3.0],
            "in_pool": [True, False],
            "refused_reason": [None, "fewer than 100 cases in the reference range"],
        }
    )
    page, record = _report(tmp_path, table, outbreak_rates={"2017": 0.25})
    assert "thresholds are hindsight" in page
    assert "1 from 2 reference years (104 weeks)." in " ".join(page.split())
    assert "1 municipalities are refused: fewer than 100 cases" in page
    assert [row["unit_id"] for row in record["thresholds"]] == ["a"]
    assert report_rule.by_year({"2017": 0.25}, table, {}) == [
        {"year": "2017", "rate": "25 %", "judged": False, "places": "1", "years": "2"}
    ]


def test_a_page_without_thresholds_has_no_table(tmp_path: Path) -> None:
    context = ReportContext("run", "small", "2018-w48", DECISION)
    page = build_report(context, tmp_path).read_text(encoding="utf-8")
    assert "Outbreak weeks by year" not in page
    json.loads((tmp_path / "report.json").read_text(encoding="utf-8"))
