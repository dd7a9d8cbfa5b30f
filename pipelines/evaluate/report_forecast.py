"""The report's forecast section: one row a place, and the places that the picture shows.

Belongs here: order and wording of the forecast table. Does not belong here: HTML and probabilities.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipelines.data.boundaries import UnitShapes
from pipelines.data.usable import UNCONFIRMED
from pipelines.evaluate import figures
from pipelines.evaluate.forecast_map import forecast_map
from pipelines.evaluate.report_views import number

SHOWN_PLACES = 24
MANY_PLACES = 50  # more of them are looked up by what they lie in


def forecast(
    table: pd.DataFrame | None, metrics: Mapping[str, Any], shapes: UnitShapes | None = None
) -> dict[str, Any] | None:
    """Places by falling probability at the primary horizon, their picture, and a map of all of them.

    The picture shows the municipalities that the models are judged on, because only there is it
    known how good the forecast is; without metrics, those with the highest probability.
    """
    if table is None or table.empty:
        return None
    ahead = sorted(int(h) for h in table["horizon_weeks"].unique())
    lead = metrics.get("primary_horizon_weeks")
    shown_ahead = lead if lead in ahead else ahead[0]
    first = table[table["horizon_weeks"] == shown_ahead]
    order = _in_order(first)
    ranked = table.set_index("municipality_code").loc[list(order)].reset_index()
    judged = [code for code in order if code in set(metrics.get("municipalities", ()))]
    known = set(first.dropna(subset=["probability"])["municipality_code"])
    shown = [c for c in judged or order if c in known][:SHOWN_PLACES]
    places = [_place(own, ahead) for _, own in ranked.groupby("municipality_code", sort=False)]
    return {
        "horizons": ahead,
        "places": places,
        "groups": _groups(places, ahead.index(shown_ahead)),
        "shown": _shown(len(shown), len(judged)),
        "doubted": _doubted(first),
        "map": forecast_map(shapes, first) if shapes else None,
        "map_ahead": shown_ahead,
        "picture": figures.forecast_heatmap(ranked[ranked["municipality_code"].isin(shown)]),
    }  # fmt: skip


def _in_order(first: pd.DataFrame) -> list[str]:
    """Units by falling probability, but first those whose rise is unconfirmed; without one last."""
    later = first["state"] != UNCONFIRMED if "state" in first.columns else True
    ranked = first.assign(later=later).sort_values(
        ["later", "probability", "municipality_code"], ascending=[True, False, True]
    )
    return [str(code) for code in ranked["municipality_code"]]


def _doubted(first: pd.DataFrame) -> list[dict[str, str]]:
    """Units that are not forecast as the others are, for the words above the table."""
    if "state" not in first.columns:
        return []
    rows = first[first["state"] != ""].to_dict("records")
    return [
        {
            "name": str(row["municipality"]),
            "code": str(row["municipality_code"]),
            "state": str(row["state"]),
            "why": str(row["why"]),
            "chance": ""
            if pd.isna(row["probability"])
            else figures.percent_chance(row["probability"]),
            "without": ""
            if pd.isna(row["probability_without"])
            else figures.percent_chance(row["probability_without"]),
        }
        for row in rows
    ]


def _shown(shown: int, judged: int) -> str:
    """What the picture shows, in words."""
    if not judged:
        return f"the {shown} highest"
    whole = f"{judged} municipalities that the models are judged on"
    return f"the {whole}" if shown == judged else f"the {shown} highest of the {whole}"


def _groups(places: Sequence[Mapping[str, Any]], at: int) -> list[dict[str, Any]]:
    """Tables of places: one, or one each for what they lie in; that of the highest chance is first.

    Args:
        at: place of the shown horizon among the cells.
    """
    if len(places) <= MANY_PLACES or not any(place["parent"] for place in places):
        return [{"title": f"All {len(places)} municipalities", "places": places}]
    by_parent: dict[str, list[Mapping[str, Any]]] = {}
    for place in places:
        by_parent.setdefault(place["parent"], []).append(place)
    out = []
    for parent, own in by_parent.items():
        alarms = sum(place["cells"][at][1] for place in own)
        title = f"{parent or 'Others'}: outbreak week expected in {alarms} of {len(own)}"
        out.append({"title": title, "places": own})
    return out


def _place(own: pd.DataFrame, ahead: Sequence[int]) -> dict[str, Any]:
    answers = {int(row["horizon_weeks"]): row for row in own.to_dict("records")}
    some = own.iloc[0]
    scene = "" if pd.isna(some["scene_date"]) else str(some["scene_date"])
    return {
        "name": some["municipality"],
        "code": some["municipality_code"],
        "parent": some.get("parent", ""),
        "threshold": number(some["threshold_cases"], 1),
        "state": some.get("state", ""),
        "cells": [_cell(answers.get(h)) for h in ahead],
        "rung": some["alert_rung"],
        "scene": scene,
        "quality": some["scene_quality"],
        "synthetic": bool(some["scene_synthetic"]),
    }


def _cell(answer: Mapping[Any, Any] | None) -> tuple[str, bool]:
    if answer is None or pd.isna(answer["probability"]):
        return "–", False
    return figures.percent_chance(answer["probability"]), bool(answer["outbreak_expected"])
