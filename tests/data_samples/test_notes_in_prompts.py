"""Notes in prompts: what a prompt says of them, and that none knows what its origin did not."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from pipelines.config import Profile, load_profile
from pipelines.data import known_notes, prompt_rows
from pipelines.data.known_notes import KnownNotes, Note, guard_notes
from pipelines.data.raw import EVERY_UNIT
from pipelines.data.rows import sample_rows
from pipelines.data.tables import Tables, ordered
from pipelines.errors import LeakageError
from pipelines.weeks import CDC

UNITS = ("05001", "08001", "41001")
ORIGIN = CDC.week_no("2016-w20")
INPUT = {
    "table": "notes",
    "file": "notes.csv",
    "columns": {"unit": "u", "date": "d", "text": "t"},
}
SECRET = "DESENLACE"  # stands for a sentence that tells how the next week turned out


def profile_of(**policy: Any) -> Profile:
    return load_profile("sample", **{"data.inputs": [INPUT], "data.notes": policy})


def with_notes(tables: Tables, *notes: tuple[str, int, str, date] | tuple[Any, ...]) -> Tables:
    """(unit, week, text, known day), perhaps a kind."""
    rows = [(u, w, k[0] if k else "", text, day, day) for u, w, text, day, *k in notes]
    return replace(tables, notes=ordered("notes", pd.DataFrame(rows, columns=_columns())))


def _columns() -> list[str]:
    return list(Tables.empty().notes.columns)


def prompts(
    tables: Tables, profile: Profile, origins: tuple[int, int]
) -> dict[tuple[str, int], str]:
    """(unit, origin) -> prompt at the horizon of four weeks."""
    rows = sample_rows(tables, profile, UNITS, origins[1], first_origin=origins[0])
    rows = rows[rows["horizon_weeks"] == profile.evaluate.primary_horizon_weeks]
    return {
        (u, o): text
        for u, o, text in zip(rows["unit_id"], rows["origin_week_no"], rows["text"], strict=True)
    }


def of_one(tables: Tables, *notes: tuple[Any, ...], **policy: Any) -> str:
    """The prompt of one unit and origin that has these notes."""
    found = prompts(with_notes(tables, *notes), profile_of(**policy), (ORIGIN, ORIGIN))
    return found["05001", ORIGIN].partition("Notas: ")[2]


def end(weeks: int = 0) -> date:
    return CDC.week_end(ORIGIN + weeks)


def test_a_prompt_ends_with_the_notes_newest_first(ten_tables: Tables) -> None:
    notes = (("05001", ORIGIN - 2, "Dos antes.", end(-2)), ("05001", ORIGIN, "De hoy.", end()))
    assert of_one(ten_tables, *notes) == "De hoy. Dos antes."


def test_a_prompt_without_a_note_says_so(ten_tables: Tables) -> None:
    other = ("08001", ORIGIN, "De otro.", end())
    assert of_one(ten_tables, other) == "ninguna"


def test_a_note_about_all_units_is_in_every_prompt(ten_tables: Tables) -> None:
    notes = ((EVERY_UNIT, ORIGIN, "De todos.", end()), ("05001", ORIGIN, "De aquí.", end()))
    assert of_one(ten_tables, *notes) == "De aquí. De todos."
    assert of_one(ten_tables, notes[0]) == "De todos."


def test_old_notes_and_more_than_are_asked_for_stay_away(ten_tables: Tables) -> None:
    notes = [("05001", ORIGIN - age, f"Hace {age}.", end(-age)) for age in range(6)]
    assert of_one(ten_tables, *notes, max_notes=2) == "Hace 0. Hace 1."
    assert of_one(ten_tables, *notes[3:], max_age_weeks=4) == "Hace 3."


def test_notes_of_a_prompt_are_bounded_together(ten_tables: Tables) -> None:
    notes = [("05001", ORIGIN - age, "palabra " * 20, end(-age)) for age in range(3)]
    text = of_one(ten_tables, *notes, max_characters=100)
    assert len(text) <= 100 and text.endswith("[...]")


def test_braces_in_a_note_are_text(ten_tables: Tables) -> None:
    assert of_one(ten_tables, ("05001", ORIGIN, "{label} {0}", end())) == "{label} {0}"


def test_of_versions_the_one_known_last_counts(ten_tables: Tables) -> None:
    first = ("05001", ORIGIN - 3, "Primera.", end(-3))
    corrected = ("05001", ORIGIN - 3, "Corregida.", end(-1))
    later = ("05001", ORIGIN - 3, "Después.", end(1))
    assert of_one(ten_tables, first, corrected, later) == "Corregida."


def test_a_correction_is_not_undone_by_what_it_corrects(ten_tables: Tables) -> None:
    """The first version had a latency, and became known after its own correction."""
    tables = with_notes(
        ten_tables,
        ("05001", ORIGIN - 3, "Primera.", end(-1)),
        ("05001", ORIGIN - 3, "Corregida.", end(-2)),
    )
    received = [end(-3), end(-2)] if tables.notes["text"][0] == "Primera." else [end(-2), end(-3)]
    tables = replace(tables, notes=tables.notes.assign(received_date=received))
    found = prompts(tables, profile_of(), (ORIGIN, ORIGIN))
    assert found["05001", ORIGIN].endswith("Notas: Corregida.")


def test_a_note_taken_back_is_gone_from_then_on(ten_tables: Tables) -> None:
    first, back = ("05001", ORIGIN - 3, "Sí.", end(-3)), ("05001", ORIGIN - 3, "", end(-1))
    found = prompts(with_notes(ten_tables, first, back), profile_of(), (ORIGIN - 2, ORIGIN))
    assert [t.endswith("Sí.") for (u, _), t in sorted(found.items()) if u == "05001"] == [
        True,
        False,
        False,
    ]


def outcomes(tables: Tables, known_weeks_later: int, of_week: int) -> Tables:
    """For every unit and week a note that tells how the week after an origin turned out."""
    weeks = range(ORIGIN - 10, ORIGIN + 10)
    return with_notes(
        tables,
        *(
            (
                unit,
                week + of_week,
                f"{SECRET} {week}",
                CDC.week_end(week) + timedelta(weeks=known_weeks_later),
            )
            for unit in UNITS
            for week in weeks
        ),
    )


def told_too_early(found: dict[tuple[str, int], str], known_weeks_later: int) -> list[str]:
    """Prompts that hold what was told of a week before it was known."""
    return [
        f"{unit} {origin}: {text}"
        for (unit, origin), text in found.items()
        for word in text.split(SECRET)[1:]
        if int(word.split()[0]) + known_weeks_later > origin
    ]


@pytest.mark.parametrize(("known_weeks_later", "of_week"), [(1, 0), (1, 1), (0, 1), (3, -2)])
def test_no_prompt_of_an_earlier_origin_holds_what_was_told_after_it(
    ten_tables: Tables, known_weeks_later: int, of_week: int
) -> None:
    tables = outcomes(ten_tables, known_weeks_later, of_week)
    found = prompts(tables, profile_of(), (ORIGIN - 10, ORIGIN + 6))
    assert sum(SECRET in text for text in found.values()) > 20
    assert told_too_early(found, max(known_weeks_later, of_week)) == []


def test_a_look_back_says_of_an_origin_what_the_origin_itself_said(ten_tables: Tables) -> None:
    """What a backtest trains and tests on is what could have been said at the time."""
    tables, profile = outcomes(ten_tables, 1, 0), profile_of()
    then = prompts(tables, profile, (ORIGIN, ORIGIN))
    only_then = replace(
        tables, notes=tables.notes[[d <= end() for d in tables.notes["known_date"]]]
    )
    looked_back = prompts(tables, profile, (ORIGIN, ORIGIN + 8))
    for key, text in then.items():
        assert looked_back[key] == text == prompts(only_then, profile, (ORIGIN, ORIGIN))[key]


def test_a_rule_that_is_a_week_too_generous_is_caught_by_days(
    ten_tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_rows, "_GUARD_ORIGINS", 0)  # the noise is not asked
    too_early = known_notes.known_notes
    monkeypatch.setattr(
        "pipelines.data.availability.known_notes", lambda n, u, weeks: too_early(n, u, weeks - 1)
    )
    with pytest.raises(LeakageError, match="known since"):
        prompts(outcomes(ten_tables, 1, 0), profile_of(), (ORIGIN, ORIGIN + 3))


def test_a_note_of_the_next_week_is_caught_by_days(
    ten_tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_rows, "_GUARD_ORIGINS", 0)
    right = KnownNotes.newest
    monkeypatch.setattr(
        KnownNotes,
        "newest",
        lambda self, unit, origin, policy: right(self, unit, origin + 1, policy),
    )
    with pytest.raises(LeakageError, match="known since"):
        prompts(outcomes(ten_tables, -1, 0), profile_of(), (ORIGIN, ORIGIN + 3))


def test_noise_for_a_future_finds_notes_that_the_days_do_not(
    ten_tables: Tables, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prompt_rows, "guard_notes", lambda *_: None)
    right = KnownNotes.newest
    monkeypatch.setattr(
        KnownNotes,
        "newest",
        lambda self, unit, origin, policy: right(self, unit, origin + 1, policy),
    )
    with pytest.raises(LeakageError, match="when the future is noise"):
        prompts(outcomes(ten_tables, 0, 0), profile_of(), (ORIGIN, ORIGIN + 3))


def test_the_guard_passes_a_note_of_the_origins_last_day_and_no_later_one() -> None:
    guard_notes([Note(ORIGIN, end(), "x")], ORIGIN, CDC, "05001")
    for late in (Note(ORIGIN, end() + timedelta(days=1), "x"), Note(ORIGIN + 1, end(), "x")):
        with pytest.raises(LeakageError, match="05001"):
            guard_notes([late], ORIGIN, CDC, "05001")


def test_prompts_without_declared_notes_are_as_if_there_were_none(ten_tables: Tables) -> None:
    noted, plain = outcomes(ten_tables, 0, 0), load_profile("sample")
    span = (ORIGIN, ORIGIN + 1)
    assert prompts(noted, plain, span) == prompts(ten_tables, plain, span)


def test_a_template_of_ones_own_may_ask_for_notes(ten_tables: Tables, tmp_path: Path) -> None:
    file = tmp_path / "own.yaml"
    months = "[" + ", ".join(str(n) for n in range(12)) + "]"
    file.write_text(f'template: "{{notes}}"\nunknown: "?"\nmonths: {months}\n', encoding="utf-8")
    profile = load_profile("sample", **{"place.prompt": str(file)})
    notes = with_notes(ten_tables, ("05001", ORIGIN, "De hoy.", end()))
    found = prompts(notes, profile, (ORIGIN, ORIGIN))
    assert [found[unit, ORIGIN] for unit in UNITS] == ["De hoy.", "?", "?"]


def test_every_recipe_without_notes_is_as_before_and_with_them_another() -> None:
    plain, noted = load_profile("sample"), profile_of()
    assert "notes" not in plain.recipe("late_joint") and noted.recipe("linear") == plain.recipe(
        "linear"
    )
    other = profile_of(max_notes=5)
    ids = {one.recipe_id("late_joint") for one in (plain, noted, other)}
    assert len(ids) == 3


def test_the_rule_and_noise_agree_on_random_notes() -> None:
    draw = np.random.default_rng(4)
    n, policy = 300, load_profile("sample").data.notes
    known = draw.integers(0, 40, n)
    notes = KnownNotes(
        unit=draw.integers(-1, 3, n),
        week=draw.integers(0, 40, n),
        known_from=np.sort(known),
        kind=draw.choice(["a", "b"], n).astype(object),
        text=np.array([f"nota {i}" for i in range(n)], dtype=object),
        known_date=np.array([end()] * n, dtype=object),
    )
    for origin in range(40):
        blind = notes.blinded(origin, np.random.default_rng(1))
        for unit in range(4):
            assert notes.newest(unit, origin, policy) == blind.newest(unit, origin, policy)
