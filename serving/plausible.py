"""Refuses rows that a drop would be refused for, and weeks far from all that the model knows."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from pipelines.cell_limits import RAIN_MM
from pipelines.fusion.bundle import Bundle
from pipelines.inference.asked_row import PredictionRow
from serving.problems import Problem
from serving.requests import Asked
from serving.schemas import VectorRow
from serving.settings import Settings

AGE_HEADER = "X-Model-Weeks-Beyond-Data"
_FEWEST_MONTHS = 2  # one month may be dry anywhere
Found = tuple[str, str, str]  # field of the row, what is wrong, what to send


def check_values(asked: Asked, settings: Settings) -> None:
    """Raise Problem (422) naming field and fix for values that a drop's cells are refused for."""
    kind, rows = "rows" if asked.rows else "vectors", _rows(asked)
    found = [
        (f"{kind}.{i}.{field}", what, fix)
        for i, row in enumerate(rows)
        for field, what, fix in _wrong(row, settings)
    ]
    if found:
        errors = [{"where": where, "what": f"{what}: {fix}"} for where, what, fix in found]
        raise Problem(
            422, "implausible-values", f"{found[0][0]}: {found[0][1]}", found[0][2], errors
        )


def _rows(asked: Asked) -> Sequence[PredictionRow | VectorRow]:
    return asked.rows or asked.vectors


def _wrong(row: PredictionRow | VectorRow, settings: Settings) -> Iterator[Found]:
    if isinstance(row, VectorRow):
        yield from _wrong_logs(row, settings.max_weekly_cases)
        return
    most = settings.max_weekly_cases
    for i, count in enumerate(row.recent_cases):
        if count is not None and count > most:
            yield (
                f"recent_cases.{i}",
                f"more than {most:,} cases in a week",
                "send the count of one week; the limit is DENGUARD_MAX_WEEKLY_CASES",
            )
    usual, rain = settings.min_usual_rainfall_mm, [m.rainfall_mm for m in row.climate]
    known = [mm for mm in rain if mm is not None]
    if len(known) >= _FEWEST_MONTHS and max(known) < usual and any(known):
        yield (
            "climate",
            f"less than {usual:g} mm of rain in every month: metres or inches?",
            "send rainfall_mm in millimetres; where all months may be as dry, set "
            "DENGUARD_MIN_USUAL_RAINFALL_MM to 0",
        )


def _wrong_logs(row: VectorRow, most_cases: int) -> Iterator[Found]:
    """The same limits for covariates that are logarithms of counts and of rain."""
    limits = (
        ("log1p_cases_", most_cases, math.log1p(most_cases), "cases in a week"),
        ("log1p_rainfall_mm_", RAIN_MM[1], math.log1p(RAIN_MM[1]), "mm of rain in a month"),
    )
    for name, value in row.covariates.items():
        if value is None or not name.startswith("log1p_"):
            continue
        for start, most, log_most, unit in limits:
            if value > log_most and name.startswith(start):
                yield (
                    f"covariates.{name}",
                    f"the logarithm of more than {most:,.0f} {unit}",
                    "send log(1 + value)",
                )


def weeks_beyond(bundle: Bundle, origin_week: str) -> int:
    """Weeks from the newest data that the model was trained on to the origin week, 0 if none."""
    week_no = bundle.calendar.week_no
    return max(0, week_no(origin_week) - week_no(bundle.meta.as_of_week))


def age_of(bundle: Bundle, asked: Asked, limit: int) -> tuple[list[str], dict[str, str]]:
    """What the answer says of a model that is old for the weeks asked: notes and headers.

    Args:
        limit: weeks beyond the model's data up to which there is no note.
    """
    beyond = max(
        (weeks_beyond(bundle, r.origin_week) for r in _rows(asked) if r.origin_week), default=0
    )
    if beyond <= limit:
        return [], {}
    note = (
        f"the model's data end with {bundle.meta.as_of_week}, {beyond} weeks before a week that "
        "was asked: nobody knows how well it answers there; ask GET /model which model answers, "
        "and let the weekly cycle train a newer one"
    )
    return [note], {AGE_HEADER: str(beyond)}
