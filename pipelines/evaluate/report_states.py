"""Units of a forecast that are not forecast as the others are, in words: unconfirmed, held, not
reported."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipelines.data.usable import HELD, NOT_REPORTED, UNCONFIRMED
from pipelines.words import Words

_ORDER = (UNCONFIRMED, HELD, NOT_REPORTED)
_CAUSE = re.compile(
    r"([a-z-]+) \(cause ([0-9a-f]+)(?:, ([a-z]+))?\)"
)  # as usable._causes writes it


def state_word(state: str, words: Words) -> str:
    """Such as "no forecast: data held"; "" for a unit that is forecast as others are."""
    return words(f"state-{state.replace(' ', '-')}") if state else ""


def doubted(first: pd.DataFrame, words: Words) -> list[dict[str, str]]:
    """Rows of one horizon, those first whose rise is unconfirmed.

    Args:
        first: FORECAST_COLUMNS of one horizon; an older forecast has no `state`.
    """
    if "state" not in first.columns:
        return []
    rows = [row for row in first.to_dict("records") if row["state"]]
    rows.sort(key=lambda row: (_ORDER.index(row["state"]), str(row["municipality"])))
    return [_row(row, words) for row in rows]


def explained(first: pd.DataFrame, words: Words) -> list[str]:
    """What the states that occur mean."""
    there = set(first["state"]) if "state" in first.columns else set()
    return [words(f"explain-{s.replace(' ', '-')}") for s in _ORDER if s in there]


def reasons(why: str, words: Words) -> str:
    """A forecast's `why` in plain words, each with the cause that a person can answer."""
    return words("semicolon").join(_reason(found, words) for found in _CAUSE.finditer(why))


def _reason(found: re.Match[str], words: Words) -> str:
    rule, cause, answer = found.groups()
    known = f"rule-{rule}" in words
    text = words(f"rule-{rule}" if known else "rule-unknown")
    answered = f", {words(f'answer-{answer}')}" if f"answer-{answer}" in words else ""
    return f"{text} ({words('cause', cause=cause)}{answered})"


def _row(row: Mapping[Any, Any], words: Words) -> dict[str, str]:
    both = row["state"] == UNCONFIRMED
    return {
        "name": str(row["municipality"]),
        "code": str(row["municipality_code"]),
        "kind": str(row["state"]).replace(" ", "-"),
        "state": state_word(str(row["state"]), words),
        "chance": words.chance(row["probability"]) if both else "",
        "without": words.chance(row["probability_without"]) if both else "",
        "why": reasons(str(row["why"]), words) or words("no-count"),
    }
