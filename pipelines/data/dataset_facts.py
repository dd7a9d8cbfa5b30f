"""What dataset.json says of a dataset."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipelines.config import Maturity, Profile
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.rows import RowSource, covariate_names
from pipelines.data.splits import SEASON_WEEKS, judged_years
from pipelines.data.tables import Tables, newest_week_no
from pipelines.errors import ConfigError


def maturity_facts(profile: Profile, done: Maturity, why: str) -> dict[str, Any]:
    """What was done about the newest weeks, where a profile asks for a nowcast."""
    if not profile.data.maturity.nowcast_weeks:
        return {}
    return {
        "maturity": {
            "asked": profile.data.maturity.method,
            "done": done.method,
            "weeks": done.nowcast_weeks or done.weeks,
            "why": why,
        }
    }


def facts(
    source: RowSource,
    tables: Tables,
    thresholds: pd.DataFrame,
    drops: Sequence[Mapping[str, Any]],
    rows: int,
) -> dict[str, Any]:
    """What dataset.json says: no time, host or path, so that equal inputs give equal bytes."""
    used, week_label = source.scenes.scenes, source.profile.calendar.week_label
    names = covariate_names(source)
    return {
        "week": source.profile.place.week.model_dump(mode="json"),
        "as_of_week": week_label(source.as_of),
        "first_week": week_label(source.first_origin),
        "horizons_weeks": list(source.horizons),
        "reporting_delay_weeks": source.profile.data.reporting_delay_weeks,
        "newest_cases_week": week_label(newest_week_no(tables) or source.as_of),
        "drops": [dict(drop) for drop in drops],
        "test_years": list(test_years(source, tables, thresholds)),
        "label_rule_id": source.profile.labels.rule_id,
        "reference_years": float(
            thresholds.loc[thresholds["refused_reason"].isna(), "reference_years"].min()
        ),
        "language": source.template.language,
        "prompt_template_id": source.template.template_id,
        "max_scene_age_weeks": source.profile.data.scenes.max_age_weeks,
        "synthetic_scenes": bool(used["synthetic"].astype(bool).any()),
        "scenes": len(used),
        "units": len(source.matrices.unit_ids),
        "rows": rows,
        **({} if names == COVARIATE_NAMES else {"covariates": list(names)}),
        **held(tables),
    }


def held(tables: Tables) -> dict[str, Any]:
    """How many values are set aside, and for which causes; nothing where none is."""
    held = tables.doubts[tables.doubts["held"].astype(bool)]
    if held.empty:
        return {}
    causes = {c: a or "open" for c, a in zip(held["cause_id"], held["answer"], strict=True)}
    return {"held": {"values": len(held), "causes": dict(sorted(causes.items()))}}


def test_years(source: RowSource, tables: Tables, thresholds: pd.DataFrame) -> tuple[int, ...]:
    """Years that can be judged. Raises ConfigError if history is too short for any."""
    calendar = source.profile.calendar
    newest = min(newest_week_no(tables) or source.as_of, source.outcomes_until)
    first = first_label(source, tables, thresholds)
    years = judged_years(source.profile.evaluate.test_years, first, newest, calendar)
    if not years:
        raise ConfigError(
            "no year can be judged: rows with lags and a threshold begin in "
            f"{calendar.week_label(first)}, counts end in {calendar.week_label(newest)}, and a "
            "test year is a whole one with a year of training before it",
            where=f"label rule {source.profile.labels.rule_id}",
            fix="deliver earlier years, or choose a label rule that rests on fewer",
        )
    return years


def first_label(source: RowSource, tables: Tables, thresholds: pd.DataFrame) -> int:
    """First origin that has a year of lags behind it and, by a rule that moves, a threshold."""
    known = int(tables.cases.dropna(subset=["cases"])["week_no"].min()) + SEASON_WEEKS
    years = thresholds.loc[thresholds["refused_reason"].isna(), "origin_year"].dropna()
    moving = source.profile.calendar.number(int(years.min()), 1) if len(years) else known
    return max(known, moving, source.first_origin)
