"""The notes that a benchmark plants hold news at the strength that they are said to have."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from support.planted_notes import AHEAD, phrasing_of, planted_notes, tone_of

from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.data.tables import Tables, latest_cases
from pipelines.weeks import CDC

WEEKS = (CDC.week_no("2012-w01"), CDC.week_no("2018-w40"))


def notes_of(tables: Tables, strength: float, seed: int = 1) -> pd.DataFrame:
    return planted_notes(tables, TEN_MUNICIPALITIES, WEEKS, strength, seed, CDC).notes


def agreement(tables: Tables, strength: float) -> float:
    """Mean over units of the correlation of a note's tone with the log of the cases to come."""
    cases, found = latest_cases(tables), []
    for unit, notes in notes_of(tables, strength).groupby("unit_id"):
        own = cases[cases["unit_id"] == unit].set_index("week_no")["cases"]
        telling = [
            (w, t)
            for w, x in zip(notes["week_no"], notes["text"], strict=True)
            if (t := tone_of(x)) is not None
        ]
        later = [np.log(own.reindex([w + n for n in AHEAD]).mean() + 2) for w, _ in telling]
        found.append(np.corrcoef(later, [tone for _, tone in telling])[0, 1])
    return float(np.mean(found))


@pytest.mark.parametrize(
    ("strength", "low", "high"), [(0.0, -0.15, 0.15), (0.5, 0.3, 0.6), (0.9, 0.7, 0.95)]
)
def test_tones_agree_with_cases_to_come_at_the_strength_said(
    ten_tables: Tables, strength: float, low: float, high: float
) -> None:
    assert low < agreement(ten_tables, strength) < high


def test_most_notes_say_nothing_and_the_rest_have_a_few_dozen_phrasings(ten_tables: Tables) -> None:
    texts = notes_of(ten_tables, 0.5)["text"]
    told = [phrasing_of(text) for text in texts]
    assert 0.35 < np.mean([one is not None for one in told]) < 0.45
    assert len({one for one in told if one}) == 35


def test_planted_notes_are_known_at_the_end_of_their_week_and_made_alike_again(
    ten_tables: Tables,
) -> None:
    notes = notes_of(ten_tables, 0.9)
    assert (notes["known_date"] == [CDC.week_end(w) for w in notes["week_no"]]).all()
    assert notes.equals(notes_of(ten_tables, 0.9)) and not notes.equals(
        notes_of(ten_tables, 0.9, 2)
    )
