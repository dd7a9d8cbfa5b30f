"""The report's forecast section: one row a place, and the places that the picture shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from pipelines.data.boundaries import UnitShapes
from pipelines.data.usable import UNCONFIRMED
from pipelines.evaluate import figures, report_states
from pipelines.evaluate.forecast_map import forecast_map
from pipelines.words import Words, words_of

SHOWN_PLACES = 24
MANY_PLACES = 50  # more of them are looked up by what they lie in


def forecast(
    table: pd.DataFrame | None,
    metrics: Mapping[str, Any],
    shapes: UnitShapes | None = None,
    words: Words | None = None,
) -> dict[str, Any] | None:
    """Places by falling probability at the primary horizon, their picture, and a map of all of
    them.

    The picture shows the municipalities that the models are judged on, because only there is it
    known how good the forecast is; without metrics, those with the highest probability.

    Args:
        words: of the reader's language; none = English.
    """
    if table is None or table.empty:
        return None
    words = words or words_of("en")
    ahead = sorted(int(h) for h in table["horizon_weeks"].unique())
    lead = metrics.get("primary_horizon_weeks")
    shown_ahead = lead if lead in ahead else ahead[0]
    first = table[table["horizon_weeks"] == shown_ahead]
    order = _in_order(first)
    ranked = table.set_index("municipality_code").loc[list(order)].reset_index()
    judged = [code for code in order if code in set(metrics.get("municipalities", ()))]
    known = set(first.dropna(subset=["probability"])["municipality_code"])
    shown = [c for c in judged or order if c in known][:SHOWN_PLACES]
    places = [_place(own, ahead, words) for own in _by_place(ranked)]
    return {
        "ahead": words("in-weeks", n=shown_ahead),
        "horizons": [words("in-weeks-short", n=h) for h in ahead],
        "places": places,
        "groups": _groups(places, ahead.index(shown_ahead), words),
        "alarms": _alarms(first, shown_ahead, words),
        "without": _without(first, words),
        "shown": _shown(len(shown), len(set(judged) & known), len(places), words),
        "doubted": report_states.doubted(first, words),
        "explained": report_states.explained(first, words),
        "map": forecast_map(shapes, first, words) if shapes else None,
        "picture": figures.forecast_heatmap(ranked[ranked["municipality_code"].isin(shown)], words),
    }


def _in_order(first: pd.DataFrame) -> list[str]:
    """Units by falling probability, but first those whose rise is unconfirmed; without one last."""
    later = first["state"] != UNCONFIRMED if "state" in first.columns else True
    ranked = first.assign(later=later).sort_values(
        ["later", "probability", "municipality_code"], ascending=[True, False, True]
    )
    return [str(code) for code in ranked["municipality_code"]]


def _alarms(first: pd.DataFrame, ahead: int, words: Words) -> str:
    """How many of the units with a forecast expect an outbreak week, in a sentence."""
    answered = first.dropna(subset=["probability"])
    alarms = int(answered["outbreak_expected"].sum())
    counted = words("alarms-in", n=len(answered), alarms=alarms)
    return words("alarms-of", ahead=words("in-weeks", n=ahead), alarms=counted)


def _without(first: pd.DataFrame, words: Words) -> str:
    """How many units have no forecast though others do, "" if all have one."""
    n = int(first["probability"].isna().sum())
    return words("not-answered", n=n) if n else ""


def _shown(shown: int, judged: int, places: int, words: Words) -> str:
    """What the picture shows, in words."""
    if not judged:
        caption = words("picture-of-highest", n=shown)
    elif shown == judged:
        caption = words("picture-of-judged", n=shown)
    else:
        caption = words("picture-of-highest-judged", n=shown, of=judged)
    return f"{caption} {words('tables-below', n=places)}" if places > shown else caption


def _groups(places: Sequence[Mapping[str, Any]], at: int, words: Words) -> list[dict[str, Any]]:
    """Tables of places: one, or one each for what they lie in; that of the highest chance is first.

    Args:
        at: place of the shown horizon among the cells.
    """
    if len(places) <= MANY_PLACES or not any(place["parent"] for place in places):
        return [{"title": words("all-places", n=len(places)), "places": places}]
    by_parent: dict[str, list[Mapping[str, Any]]] = {}
    for place in places:
        by_parent.setdefault(place["parent"], []).append(place)
    out = []
    for parent, own in by_parent.items():
        alarms = sum(place["cells"][at][1] for place in own)
        name = parent or words("others")
        title = words("of-parent", parent=name, alarms=alarms, n=len(own))
        out.append({"title": title, "places": own})
    return out


def _by_place(ranked: pd.DataFrame) -> list[list[dict[Any, Any]]]:
    """The rows of each place, places in their order."""
    out: dict[str, list[dict[Any, Any]]] = {}
    for row in ranked.to_dict("records"):
        out.setdefault(row["municipality_code"], []).append(row)
    return list(out.values())


def _place(own: Sequence[Mapping[Any, Any]], ahead: Sequence[int], words: Words) -> dict[str, Any]:
    answers = {int(row["horizon_weeks"]): row for row in own}
    some = own[0]
    scene = "" if pd.isna(some["scene_date"]) else str(some["scene_date"])
    return {
        "name": some["municipality"],
        "code": some["municipality_code"],
        "parent": some.get("parent", ""),
        "threshold": words.number(some["threshold_cases"], 1),
        "state": report_states.state_word(str(some.get("state", "")), words),
        "cells": [_cell(answers.get(h), words) for h in ahead],
        "rung": some["alert_rung"],
        "scene": scene,
        "quality": some["scene_quality"],
        "synthetic": bool(some["scene_synthetic"]),
    }


def _cell(answer: Mapping[Any, Any] | None, words: Words) -> tuple[str, bool]:
    if answer is None or pd.isna(answer["probability"]):
        return words.chance(None), False
    return words.chance(answer["probability"]), bool(answer["outbreak_expected"])
