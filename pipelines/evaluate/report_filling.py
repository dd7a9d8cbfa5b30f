"""The report's words about newest weeks that are still being reported, and what delays cost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.evaluate.report_numbers import number, percent

Record = Mapping[str, Any]
SHOWN_ROWS = 40


def filling(record: Record, names: Mapping[str, str]) -> dict[str, Any]:
    """Weeks with what is reported and expected, the places with most cases, and the delay table.

    Args:
        record: `maturity`, `nowcast` and `delay_table` of steps/filling.py, or empty.
    """
    rows = list(record.get("nowcast") or ())
    maturity = record.get("maturity") or {}
    return {
        "why": maturity.get("why", ""),
        "weeks": [
            _week(week, rows) for week in sorted({row["week"] for row in rows}, reverse=True)
        ],
        "places": _places(rows, names),
        "more": max(len(rows) - SHOWN_ROWS, 0),
        "delays": _delays(record.get("delay_table"), str(record.get("recipe_id", ""))),
        "delay_note": record.get("delay_note", ""),
    }


def totals(record: Record) -> list[tuple[str, float, float]]:
    """(week, cases reported, cases expected) over all units with a nowcast, newest week first."""
    rows = list(record.get("nowcast") or ())
    return [_total(week, rows) for week in sorted({row["week"] for row in rows}, reverse=True)]


def _total(week: str, rows: Sequence[Record]) -> tuple[str, float, float]:
    own = [row for row in rows if row["week"] == week and row["nowcast"] is not None]
    return week, sum(row["reported"] for row in own), sum(row["nowcast"] for row in own)


def _week(week: str, rows: Sequence[Record]) -> dict[str, str]:
    _, reported, expected = _total(week, rows)
    places = sum(row["week"] == week and row["nowcast"] is not None for row in rows)
    share = reported / expected if expected else None
    return {
        "week": week,
        "reported": number(reported, 0),
        "nowcast": number(expected, 0),
        "share": percent(share),
        "places": str(places),
    }


def _places(rows: Sequence[Record], names: Mapping[str, str]) -> list[dict[str, str]]:
    known = [row for row in rows if row["nowcast"] is not None]
    most = sorted(known, key=lambda row: (-row["nowcast"], row["unit_id"], row["week"]))
    return [
        {
            "name": names.get(row["unit_id"], ""),
            "code": row["unit_id"],
            "week": row["week"],
            "reported": number(row["reported"], 0),
            "share": percent(row["share"]),
            "nowcast": number(row["nowcast"], 1),
            "interval": f"{number(row['low'], 0)} to {number(row['high'], 0)}",
        }
        for row in most[:SHOWN_ROWS]
    ]


def _delays(table: Record | None, recipe_id: str) -> dict[str, Any] | None:
    if not table:
        return None
    rows = [
        {
            "horizon": horizon,
            "cells": [number(score, 4) for score in scores],
            "cost": [percent(score / scores[0] - 1) if scores[0] else "–" for score in scores[1:]],
        }
        for horizon, scores in table["brier"].items()
    ]
    return {
        "made_on": table["made_on"],
        "years": ", ".join(str(year) for year in table["test_years"]),
        "units": table["units"],
        "delays": table["delays_weeks"],
        "rows": rows,
        "older": bool(recipe_id) and table["recipe_id"] != recipe_id,
    }
