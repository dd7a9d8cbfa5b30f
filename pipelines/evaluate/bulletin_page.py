"""The bulletin: this week's forecast on one page for its readers, in their place's language."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.contracts import CURRENT, WITHOUT
from pipelines.data.boundaries import UnitShapes
from pipelines.evaluate import report_filling, report_forecast
from pipelines.evaluate.pages import templates
from pipelines.storage import write_atomic, write_json
from pipelines.words import Words

BULLETIN = "bulletin.html"
FALLBACK, RECORD = "report.html", "report.json"
_DEFAULTS: Mapping[str, Any] = {
    "why": "",
    "red_run": "",
    "same_week_again": False,
    "champion_told_by": "registry",
    "model_version": "",
    "horizons_withheld": (),
    "synthetic_scenes": False,
}


def bulletin(
    about: Mapping[str, Any],
    table: pd.DataFrame | None,
    version: str,
    shapes: UnitShapes | None,
    words: Words,
    metrics: Mapping[str, Any],
    not_forecast: int = 0,
    filling: Mapping[str, Any] | None = None,
    rises: Sequence[str] = (),
) -> str:
    """The page as HTML.

    Args:
        about: data_state and data_until at least; horizons_withheld; synthetic_scenes, which its
            first line then says; of a fallback also why, red_run, ...
        table: FORECAST_COLUMNS, None where nothing is forecast.
        version: name of the published forecast, "" if there is none.
        shapes: of the units, for a map.
        metrics: of the backtest; primary_horizon_weeks and municipalities are read, if there.
        not_forecast: how many units the label rule refuses.
        filling: steps/filling.py: newest weeks that are still being reported.
        rises: units without a forecast whose newest count looks too high, as they are shown.
    """
    facts = {**_DEFAULTS, **about}
    state = _state(str(facts["data_state"]))
    until = words.week(str(facts["data_until"]))
    title = words(f"bulletin-title-{state}" if state else "bulletin-title", week=until)
    return (
        templates()
        .get_template("bulletin.html.j2")
        .render(
            w=words,
            about=facts,
            state=state,
            until=until,
            title=title,
            version=version,
            forecast=report_forecast.forecast(table, metrics, shapes, words),
            synthetic=_synthetic(facts, table),
            not_forecast=not_forecast,
            rises=list(rises),
            not_ahead=", ".join(words("in-weeks", n=h) for h in facts["horizons_withheld"]),
            nowcast=[_nowcast(*week, words) for week in report_filling.totals(filling or {})],
        )
    )


def _synthetic(about: Mapping[str, Any], table: pd.DataFrame | None) -> bool:
    """Whether any scene of the run, or of the forecast's rows, was drawn."""
    rows = table is not None and bool(table["scene_synthetic"].any())
    return rows or bool(about["synthetic_scenes"])


def _nowcast(week: str, reported: float, expected: float, words: Words) -> str:
    share = words("percent", value=words.number(100 * reported / expected)) if expected else "–"
    week_name = words.week(week)
    return words(
        "nowcast-week",
        week=week_name[0].upper() + week_name[1:],
        reported=words.number(reported),
        expected=words.number(expected),
        share=share,
    )


def write_fallback(
    about: Mapping[str, Any],
    table: pd.DataFrame,
    version: str,
    shapes: UnitShapes | None,
    words: Words,
    primary_horizon_weeks: int,
    out: Path,
) -> Path:
    """Write the page and its record of a forecast that no finished run made; return the page's
    path.

    Args:
        about: forecast.json: data_state, why, red_run, data_until, ...
        out: folder of report.html and report.json.
    """
    write_json(out / RECORD, {**about, "forecast_version": version})
    judged = {"primary_horizon_weeks": primary_horizon_weeks}
    return write_atomic(out / FALLBACK, bulletin(about, table, version, shapes, words, judged))


def _state(data_state: str) -> str:
    """Part of a catalogue key, "" for a finished run's."""
    return "" if data_state == CURRENT else "without" if data_state == WITHOUT else "unfinished"
