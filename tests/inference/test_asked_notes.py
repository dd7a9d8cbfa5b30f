"""Notes of a row in plain fields: the prompt of the sample table, and nothing told too early."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from pipelines.data.note_text import MASK
from pipelines.data.prompts import load_template
from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.rows import prompt_of
from pipelines.place_config import shipped_notes_prompts
from pipelines.weeks import CDC

ORIGIN = CDC.week_no("2018-w30")
NOTED = shipped_notes_prompts()["es"]


@pytest.fixture(scope="module")
def bundle(make_examples, make_bundle) -> Bundle:
    """Of a model whose prompts hold at most two notes of four weeks."""
    policy = {"max_age_weeks": 4, "max_notes": 2, "max_characters": 60}
    made = make_bundle(
        make_examples(units=2),
        prompt_template_id=load_template("es", NOTED).template_id,
        recipe={"notes": policy},
    )
    return replace(made, prompt_file=NOTED)


def asked(*notes: dict[str, Any]) -> PredictionRow:
    return PredictionRow(
        municipality_code="05001",
        municipality_name="Medellín",
        origin_week="2018-w30",
        horizon_weeks=4,
        recent_cases=[1.0, 2.0, 3.0, 4.0],
        notes=[{"text": "Sube."} | note for note in notes],
    )


def told(bundle: Bundle, *notes: dict[str, Any]) -> str:
    return str(prompt_of(bundle, asked(*notes))).partition("Notas: ")[2]


def test_notes_of_a_row_are_those_of_its_prompt_newest_first(bundle: Bundle) -> None:
    notes = ({"week": f"2018-w{w}", "text": f"Semana {w}."} for w in (26, 28, 29, 30))
    assert told(bundle, *notes) == "Semana 30. Semana 29."


def test_a_row_without_notes_says_that_there_is_none(bundle: Bundle) -> None:
    assert told(bundle) == "ninguna"


def test_old_notes_of_a_row_stay_away(bundle: Bundle) -> None:
    assert told(bundle, {"week": "2018-w26"}) == "ninguna"


def test_notes_of_a_row_are_masked_and_bounded(bundle: Bundle) -> None:
    long = {"week": "2018-w29", "text": "larga " * 50}
    text = told(bundle, {"week": "2018-w30", "text": "Cédula 1020345678."}, long)
    assert text.startswith(f"Cédula {MASK}.") and len(text) <= 60


@pytest.mark.parametrize(
    "note",
    [{"week": "2018-w31"}, {"week": "2018-w30", "known": str(CDC.week_end(ORIGIN) + timedelta(1))}],
)
def test_a_note_that_the_origin_did_not_know_is_refused(
    bundle: Bundle, note: dict[str, Any]
) -> None:
    with pytest.raises(ConfigError, match="not known in 2018-w30"):
        prompt_of(bundle, asked(note))


def test_a_note_known_on_the_origins_last_day_is_taken(bundle: Bundle) -> None:
    assert told(bundle, {"week": "2018-w30", "known": str(CDC.week_end(ORIGIN))}) == "Sube."


@pytest.mark.parametrize("day", ["2018-02-30", "yesterday", "30/07/2018"])
def test_a_day_that_is_none_is_refused_as_a_field(day: str) -> None:
    with pytest.raises(ValidationError, match="known"):
        asked({"week": "2018-w30", "known": day})


def test_a_model_whose_template_asks_for_none_ignores_notes(make_examples, make_bundle) -> None:
    plain = make_bundle(make_examples(units=2), prompt_template_id=load_template("es").template_id)
    assert prompt_of(plain, asked({"week": "2018-w30"})) == prompt_of(plain, asked())
