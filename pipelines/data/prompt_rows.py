"""Prompts of the sample table: which rows have one and what their fields are.

A prompt depends on the origin alone, with one exception: at horizon 0 the origin week is the
target, so its cases are left out. Shape letters: U units, O origins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s, Texts
from pipelines.config import TextWindow
from pipelines.data.availability import Matrices
from pipelines.data.covariates import population
from pipelines.data.known_notes import guard_notes
from pipelines.data.note_text import bounded
from pipelines.data.prompts import (
    RECENT_WEEKS,
    PromptFields,
    Template,
    guard_prompts,
    render_prompt,
)
from pipelines.data_config import NotesPolicy

_GUARD_ORIGINS = 4  # origins that every build checks; the tests check many more
_GUARD_SEED = 20181201
_POLICY = NotesPolicy()


def in_window(window: TextWindow, matrices: Matrices, origins: Int64s) -> tuple[list[int], Int64s]:
    """Positions of the units and of the origins that get a prompt."""
    named, week_no = window.municipalities, matrices.calendar.week_no
    units = [i for i, unit in enumerate(matrices.unit_ids) if named is None or unit in named]
    inside = np.ones(len(origins), dtype=bool)
    if window.first_week is not None:
        inside &= origins >= week_no(window.first_week)
    if window.last_week is not None:
        inside &= origins <= week_no(window.last_week)
    return units, np.flatnonzero(inside)


def prompt_texts(
    matrices: Matrices,
    units: pd.DataFrame,
    origins: Int64s,
    horizon_weeks: int,
    window: TextWindow,
    template: Template,
    policy: NotesPolicy = _POLICY,
) -> Texts:
    """(U, O) prompts, None outside the text window.

    Raises:
        LeakageError: a prompt would hold a note that its origin does not know.
    """
    texts = np.full((len(matrices.unit_ids), len(origins)), None, dtype=object)
    rows, columns = in_window(window, matrices, origins)
    if rows and len(columns):
        asked = policy if template.asks_for_notes and matrices.notes else None
        for (unit, origin), row in _fields(matrices, units, origins[columns], horizon_weeks, rows):
            if asked is not None:
                told = _notes(matrices, unit, int(origins[columns[origin]]), asked)
                row = replace(row, notes=told)
            texts[unit, columns[origin]] = render_prompt(row, template=template)
    return texts


def guard_texts(
    matrices: Matrices,
    units: pd.DataFrame,
    origins: Int64s,
    horizons: Sequence[int],
    window: TextWindow,
    template: Template,
    policy: NotesPolicy = _POLICY,
) -> None:
    """Render the prompts of a few origins again with noise for a future. Raises LeakageError."""
    _, columns = in_window(window, matrices, origins)
    if not len(columns):
        return
    some = np.unique(np.linspace(0, len(columns) - 1, _GUARD_ORIGINS).astype(int))
    for origin in origins[columns[some]]:
        for horizon in sorted({min(h, 1) for h in horizons}):
            one = np.array([origin])
            blind = matrices.blinded(int(origin), horizon, _GUARD_SEED)
            args = (units, one, horizon, window, template, policy)
            guard_prompts(
                _keyed(matrices, int(origin), prompt_texts(matrices, *args)),
                _keyed(matrices, int(origin), prompt_texts(blind, *args)),
            )


def _keyed(matrices: Matrices, origin: int, texts: Texts) -> dict[str, str | None]:
    week = matrices.calendar.week_label(origin)
    return {f"{unit}-{week}": texts[i, 0] for i, unit in enumerate(matrices.unit_ids)}


def _fields(
    matrices: Matrices, units: pd.DataFrame, origins: Int64s, horizon_weeks: int, rows: list[int]
) -> list[tuple[tuple[int, int], PromptFields]]:
    """Fields of each (unit, origin) of the window, with their positions."""
    table = units.set_index("unit_id").reindex(list(matrices.unit_ids))
    cases = matrices.lagged_cases(origins, RECENT_WEEKS, horizon_weeks)[..., ::-1]
    temp = matrices.climate_lags("temp_mean_c", origins, 1)[..., 0]
    rain = matrices.climate_lags("rainfall_mm", origins, 1)[..., 0]
    month = np.where(np.isfinite(temp) | np.isfinite(rain), matrices.newest_month(origins), -1)
    calendar = matrices.calendar
    years = np.array([calendar.epi_year(week) for week in origins], dtype=np.int64)
    persons = population(units, matrices.unit_ids, years)
    shares = table.reindex(columns=["age_0_4_pct", "age_5_14_pct", "households_without_water_pct"])
    young = (shares["age_0_4_pct"] + shares["age_5_14_pct"]).to_numpy(np.float64)
    dry = shares["households_without_water_pct"].to_numpy(np.float64)
    names = table["name"].to_numpy(dtype=object)
    weeks = [calendar.week_of_year(week) for week in origins]
    ends = [calendar.week_end(week) for week in origins]
    return [
        (
            (u, o),
            PromptFields(
                municipality=str(names[u]),
                epi_year=int(years[o]),
                epi_week=weeks[o],
                week_end=ends[o],
                recent_cases=tuple(_known(value) for value in cases[u, o]),
                climate_month=divmod_month(int(month[u, o])),
                temp_mean_c=_known(temp[u, o]),
                rainfall_mm=_known(rain[u, o]),
                population=_known(persons[u, o]),
                age_0_14_pct=_known(young[u]),
                households_without_water_pct=_known(dry[u]),
            ),
        )
        for u in rows
        for o in range(len(origins))
    ]


def _notes(matrices: Matrices, unit: int, origin: int, policy: NotesPolicy) -> str:
    """Notes that the origin knows of a unit, newest first, in at most `policy.max_characters`."""
    if matrices.notes is None:
        return ""
    known = matrices.notes.newest(unit, origin, policy)
    guard_notes(known, origin, matrices.calendar, matrices.unit_ids[unit])
    return bounded(" ".join(note.text for note in known), policy.max_characters)


def divmod_month(month: int) -> tuple[int, int] | None:
    """(year, month) of a month ordinal, None for -1."""
    return None if month < 0 else (month // 12, month % 12 + 1)


def _known(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
