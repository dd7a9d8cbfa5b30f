"""What a check finds of a drop's cells, added to what it found of the cells before them.

A new week adds a thousand cells to a million that were checked before. Of rules that look at each
cell by itself only the new ones are asked; where either part misses a rule, all cells are.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pipelines.data.gx_results import which

_COUNTED = {
    "element_count",
    "unexpected_count",
    "unexpected_percent",
    "partial_unexpected_list",
    "missing_count",
    "missing_percent",
    "unexpected_percent_total",
    "unexpected_percent_nonmissing",
}


def add_earlier(earlier: Any, newer: Any) -> None:
    """Make a suite's result for the newer rows one for all of them, as GX has it in memory.

    A rule that either part misses is left as missed: it must be asked again about every row.

    Args:
        earlier, newer: results of one suite, whose rules look at each row by itself.
    """
    before = {which(one): one for one in earlier.results}
    for one in newer.results:
        both = [before[which(one)], one]
        if all(part.success and part.result.keys() == _COUNTED for part in both):
            one.result = _passed(*(part.result for part in both))
        else:
            one.success = False


def count_successes(result: Any) -> None:
    """Bring a suite's own success and statistics up to date with its rules'."""
    n, met = len(result.results), sum(bool(one.success) for one in result.results)
    result.success = met == n
    result.statistics = {
        "evaluated_expectations": n,
        "successful_expectations": met,
        "unsuccessful_expectations": n - met,
        "success_percent": met / n * 100,
    }


def _passed(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, Any]:
    """What GX writes of a rule that all rows meet."""
    count, missing = (before[k] + after[k] for k in ("element_count", "missing_count"))
    share = 0.0 if count > missing else None  # of no value there is no share
    return {
        "element_count": count,
        "unexpected_count": 0,
        "unexpected_percent": share,
        "partial_unexpected_list": [],
        "missing_count": missing,
        "missing_percent": missing / count * 100,
        "unexpected_percent_total": 0.0,
        "unexpected_percent_nonmissing": share,
    }
