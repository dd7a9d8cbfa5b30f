"""Notes from a ministry's file to the rows of a dataset, with sentences that tell the outcome."""

from __future__ import annotations

import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from support.declared_place import CASES, LAST, UNITS, Place, cases_csv, profile_of

from pipelines.config import load_profile
from pipelines.data.tables import Tables
from pipelines.weeks import CDC

NOTES = {
    "table": "notes",
    "file": "notes.csv",
    "columns": {"unit": "u", "year": "y", "week": "w", "written": "d", "text": "t"},
    "optional": True,
}
FIRST_TOLD = LAST - 20
LATE = date(2018, 12, 11)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    """Each week's note is written a week later, when its outcome is known; the last four weeks'
    notes come in a later drop without a day, and that drop corrects the oldest one."""
    embed = load_profile("sample").model_dump(mode="json")["embed"]
    profile = profile_of(CASES, NOTES, embed=embed, place={"language": "pt"})
    made = Place(tmp_path_factory.mktemp("noted"), profile)
    told = [note(u, w, f"Desfecho {w}.", CDC.week_end(w + 1)) for u in UNITS for w in weeks()]
    made.drop(cases_csv=cases_csv(), notes_csv="u,y,w,d,t\n" + "".join(told))
    late = [note(u, w, f"Tardia {w}.", None) for u in UNITS for w in range(LAST - 3, LAST + 1)]
    late += [note(UNITS[0], FIRST_TOLD, "Corrigida.", CDC.week_end(FIRST_TOLD))]
    more = cases_csv() + "".join(f"{u},2018,49,20,0,60,,\n" for u in UNITS)
    made.drop(LATE, cases_csv=more, notes_csv="u,y,w,d,t\n" + "".join(late))
    return made


def weeks() -> range:
    return range(FIRST_TOLD, LAST - 3)


def note(unit: str, week: int, text: str, day: date | None) -> str:
    return f"{unit},{CDC.epi_year(week)},{CDC.week_of_year(week)},{day or ''},{text}\n"


@pytest.fixture(scope="module")
def dataset(place: Place) -> Path:
    return place.dataset()


@pytest.fixture(scope="module")
def prompts(dataset: Path) -> pd.DataFrame:
    rows = pd.read_parquet(dataset / "samples")
    return rows[rows["origin_week_no"] >= FIRST_TOLD - 2]


def test_rows_of_a_dataset_hold_the_notes_of_its_drops(prompts: pd.DataFrame) -> None:
    row = prompts[(prompts["unit_id"] == "U01") & (prompts["origin_week_no"] == FIRST_TOLD + 3)]
    told = " ".join(f"Desfecho {FIRST_TOLD + age}." for age in (2, 1, 0))
    assert row["text"].iloc[0].endswith(f"Notas: {told}")


def test_no_row_tells_what_was_written_after_its_origin(prompts: pd.DataFrame) -> None:
    for origin, text in zip(prompts["origin_week_no"], prompts["text"], strict=True):
        assert all(f"Desfecho {week}." not in text for week in range(origin, LAST + 1))


def test_no_row_tells_what_came_without_a_day_before_its_receipt(prompts: pd.DataFrame) -> None:
    early = prompts["origin_week_no"].map(CDC.week_end) < LATE
    assert early.any() and not prompts.loc[early, "text"].str.contains("Tardia|Corrigida").any()


def test_the_dataset_keeps_every_version_with_its_day(dataset: Path) -> None:
    notes = Tables.load(dataset / "tables").notes
    first = notes[(notes["unit_id"] == UNITS[0]) & (notes["week_no"] == FIRST_TOLD)]
    days = dict(zip(first["text"], first["known_date"], strict=True))
    assert days == {f"Desfecho {FIRST_TOLD}.": CDC.week_end(FIRST_TOLD + 1), "Corrigida.": LATE}


def test_a_dataset_made_before_the_second_drop_has_the_same_prompts(
    place: Place, prompts: pd.DataFrame, tmp_path: Path
) -> None:
    """What a backtest reads of a past origin is what was published then."""
    before = Place(tmp_path, place.profile)
    shutil.copytree(place.paths.drops / "2018-12-04", before.paths.drops / "2018-12-04")
    then = pd.read_parquet(before.dataset() / "samples")
    both = then.merge(prompts, on="sample_id", suffixes=("", "_now"))
    assert len(both) > 100 and both["text"].equals(both["text_now"])
