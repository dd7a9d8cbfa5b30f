"""The report's tables of what image and text bring, and of the gap between them."""

from __future__ import annotations

from pipelines.evaluate.decision import words
from pipelines.evaluate.figures_space import scatter
from pipelines.evaluate.report_numbers import Record, Rows, number, percent

_SEEN = {"image": "images alone", "text": "texts alone", "both": "both"}
_MEASURES = ("gap_norm", "pair_cosine", "unpaired_cosine", "image_variance", "text_variance")


def modalities(metrics: Record) -> Rows:
    """One table a horizon: every head with images alone, texts alone and both."""
    found: Record = metrics.get("modalities") or {}
    return [
        {
            "horizon": int(horizon),
            "rows": [
                {"head": words(head), "seen": _SEEN[seen], "cells": _cells(of_head[seen])}
                for head, of_head in sorted(found[horizon].items())
                for seen in _SEEN
                if seen in of_head
            ],
        }
        for horizon in sorted(found, key=int)
    ]


def _cells(record: Record) -> list[str]:
    judged, pool = (_interval(record[which]) for which in ("judged", "pool"))
    return [*judged, f"{record['rows_with_vectors']:,}", *pool]


def _interval(found: Record | None) -> list[str]:
    """Difference, bounds and rows as text; dashes where one block of weeks carries no interval."""
    if found is None:
        return [number(None)] * 3
    mean, lower, upper = (
        f"{found[name]:+.4f}".replace("-", "−") for name in ("mean", "lower", "upper")
    )
    return [mean, f"{lower} to {upper}", f"{found['rows']:,}"]


def gaps(metrics: Record) -> Rows:
    """The space of every fused head, before and after its shift."""
    found: Record = metrics.get("gaps") or {}
    return [_gap(head, found[head]) for head in sorted(found) if found[head]]


def _gap(head: str, gap: Record) -> dict[str, object]:
    at = f"lambda {number(gap['lambda_shift'], 2)}"
    named = {"as embedded": gap["before"]}
    if gap["shifted"]:
        named[f"after the shift, {at}"] = gap["after"]
    shares = " and ".join(percent(share) for share in gap["points"]["explained_share"])
    return {
        "head": words(head),
        "title": f"shifted by {at}" if gap["shifted"] else "not shifted, lambda is 0",
        "rows": [
            {"name": name, "cells": [number(one[key], 3) for key in _MEASURES]}
            for name, one in named.items()
        ],
        "picture": scatter(gap["points"], at if gap["shifted"] else None),
        "alt": "Images and texts on their two first principal axes; the table has the distances.",
        "caption": (
            f"{gap['measured_pairs']:,} of {gap['pairs']:,} rows with image and text; the axes, "
            f"those of the vectors as embedded, hold {shares} of their variance."
        ),
    }
