"""Field cases 02, 03 and 08, as their files are read: what people of this job reported is named."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from pipelines.config import load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.sources import context_of
from pipelines.data.sources.satellitebench import bring, read_raw
from pipelines.data.validate import validate_drops
from pipelines.data.validation_result import ValidationResult

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def cases(real_data: Path) -> Path:
    return real_data / "field-cases"


def validated(tmp_path: Path, *files: tuple[Path, date]) -> ValidationResult:
    """Drops of these files, in their order."""
    context, raws = context_of(load_profile("sample")), []
    for path, received in files:
        info = DropInfo(received_date=received, scene_period="week")
        folder = tmp_path / received.isoformat()
        folder.mkdir()
        bring([path], folder, info, None, context)
        raws.append(read_raw(Drop(folder, info), context))
    scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
    return validate_drops(raws, scenes, context, None, None)


def codes(result: ValidationResult) -> set[str]:
    return {i.code for i in result.issues}


def test_02_zeros_of_three_of_five_are_named_and_stop_the_drop(cases, tmp_path):
    case = cases / "02-unreported-week-as-zero"
    result = validated(
        tmp_path, (case / "drop1.csv", date(2018, 11, 27)), (case / "drop2.csv", date(2018, 12, 4))
    )
    assert {"fell-to-zero", "too-much-held"} <= codes(result)
    assert (result.tables.doubts["rule"] == "fell-to-zero").sum() == 3


def test_03_a_count_of_4000_is_held_as_too_high(cases, tmp_path):
    case = cases / "03-outlier-and-no-way-back"
    result = validated(
        tmp_path, (case / "drop1.csv", date(2018, 11, 27)), (case / "drop2.csv", date(2018, 12, 4))
    )
    doubts = result.tables.doubts
    assert doubts.loc[doubts["rule"] == "far-above-maximum", "number"].tolist() == [4000.0]
    assert "too-much-held" not in codes(result)


def test_08_sums_since_january_stop_a_first_drop(cases, tmp_path):
    result = validated(tmp_path, (cases / "08-cumulative-counts" / "drop.csv", date(2018, 12, 4)))
    assert {"cumulative-year", "too-much-held"} <= codes(result)
    assert set(result.tables.doubts["direction"]) == {"wrong"}
