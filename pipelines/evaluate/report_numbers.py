"""Numbers and settings as the report writes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pandas as pd

from pipelines.evaluate.decision import words

Record = Mapping[str, Any]


Rows = list[dict[str, Any]]


def number(value: Any, digits: int = 3) -> str:
    """A number for a table; a dash where there is none."""
    if value is None or pd.isna(value):
        return "–"
    return f"{value:.{digits}f}".replace("-", "−")


def percent(value: Any) -> str:
    """A share as whole percent."""
    return "–" if value is None or pd.isna(value) else f"{100 * value:.0f} %"


def key_values(groups: Mapping[str, Record]) -> list[tuple[str, str, str]]:
    """Nested counts as rows (group, name, value)."""
    return [
        (words(g), words(str(k)), _plain(v))
        for g, values in groups.items()
        for k, v in values.items()
    ]


def _plain(value: Any) -> str:
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
