"""The demo's question to the endpoint, made from clean tables."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from pipelines.config import DeploymentPaths
from pipelines.data.tables import Tables
from pipelines.local.question import question_for
from pipelines.storage import write_json
from pipelines.weeks import CDC
from serving.schemas import PredictionRequest

ORIGIN = "2018-w48"


@pytest.fixture
def paths(tmp_path: Path) -> DeploymentPaths:
    """One municipality: 60 weeks to the origin and 4 after it, one revised, one missing."""
    last = CDC.week_no(ORIGIN)
    weeks = np.arange(last - 59, last + 5, dtype="int32")
    cases = pd.DataFrame(
        {
            "unit_id": "05001",
            "week_no": weeks,
            "cases": weeks % 7 * 1.0,
            "received_date": date(2018, 12, 4),
        }
    )
    cases.loc[cases["week_no"] == last - 1, "cases"] = np.nan
    revised = pd.DataFrame(
        {
            "unit_id": ["05001"],
            "week_no": np.array([last - 2], "int32"),
            "cases": [99.0],
            "received_date": [date(2018, 12, 11)],
        }
    )
    months = pd.DataFrame(
        {
            "unit_id": "05001",
            "year": 2018,
            "month": range(7, 13),
            "temp_mean_c": 21.0,
            "rainfall_mm": 100.0,
        }
    )
    months["available_date"] = [
        date(2018, 7, 31),
        date(2018, 8, 31),
        date(2018, 9, 30),
        date(2018, 10, 31),
        date(2018, 11, 30),
        date(2018, 12, 31),
    ]
    tables = Tables(
        cases=pd.concat([cases, revised]),
        climate=months,
        units=pd.DataFrame(
            {
                "unit_id": ["05001"],
                "name": ["Medellín"],
                "population_2018": [2.4e6],
                "households_without_water_pct": [3.1],
                "houses_per_km2": [np.nan],
            }
        ),
        scenes=pd.DataFrame(
            columns=[
                "unit_id",
                "scene_date",
                "uri",
                "sha256",
                "content_sha256",
                "quality",
                "dark_share",
                "saturated_share",
                "std_grey",
                "available_date",
                "first_seen_available_date",
                "synthetic",
            ]
        ),
    )
    dataset = tmp_path / "artifacts/datasets/d1"
    tables.save(dataset / "tables")
    write_json(dataset / "dataset.json", {"week": {"numbering": "cdc", "starts": None}})
    return DeploymentPaths(home=tmp_path)


def test_the_question_holds_what_was_known_and_nothing_later(paths: DeploymentPaths) -> None:
    row = {
        "municipality_code": "05001",
        "municipality": "Medellín",
        "origin_week": ORIGIN,
        "horizon_weeks": 4,
        "dataset_version": "d1",
    }
    question = question_for(paths, row)
    newest = CDC.week_no(ORIGIN)
    assert len(question["recent_cases"]) == 53
    assert question["recent_cases"][-3:] == [99.0, None, float(newest % 7)]
    assert question["climate_month"] == "2018-11"
    assert len(question["climate"]) == 3
    assert (question["population"], question["houses_per_km2"]) == (2.4e6, None)
    assert PredictionRequest.model_validate({"rows": [question]})
