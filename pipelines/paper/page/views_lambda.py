"""Ablation of the alignment and curves over lambda for the page: tables, pictures and captions.

Every caption is one sentence made from the numbers drawn, with how many rows they rest on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from pipelines.paper.groups import VARIANTS
from pipelines.paper.page import figures
from pipelines.paper.page.numbers import number, signed, span
from pipelines.paper.page.views import Record, Rows, Shown, Side, any_results, dataset_title, ran
from pipelines.paper.page.views_tables import fusion_title
from pipelines.paper.reported import reported_lambda
from pipelines.paper.study import Protocol

Colours = Mapping[str, str]


def colours(approaches: Sequence[Shown]) -> dict[str, str]:
    """Approach id -> its colour, the same in every picture."""
    palette = figures.APPROACH_COLOURS
    return {a.id: palette[i % len(palette)] for i, a in enumerate(approaches)}


# --- Ablation
# --------------------------------------------------------------------------------------
def ablation(sides: Sequence[Side], approaches: Sequence[Shown], colour: Colours) -> Rows:
    """A table and pictures for each approach whose alignment was taken apart."""
    found = []
    for shown in approaches:
        rows = {side.protocol: _of(side, "ablation", shown) for side in sides}
        every = [row for one in rows.values() for row in one]
        if every:
            best_baselines = [
                best for side, _ in ran(sides) if (best := _best_baseline(side)) is not None
            ]
            limits = figures.ablation_limits(every, best_baselines)
            drawn = [s for s in sides if rows[s.protocol]]
            found.append(
                {
                    "title": shown.title,
                    "tag": shown.tag,
                    "columns": [
                        (side.scored, fusion_title(f)) for side in sides for f in _fusions(every)
                    ],
                    "rows": _variants(sides, rows, every),
                    "pictures": [
                        _ablation_picture(side, rows[side.protocol], colour[shown.id], limits)
                        for side in drawn
                    ],
                }
            )
    return found


def _variants(
    sides: Sequence[Side], rows: Mapping[Protocol, Sequence[Record]], every: Sequence[Record]
) -> Rows:
    return [
        {
            "variant": variant,
            "cells": [
                _variant(rows[side.protocol], fusion, variant)
                for side in sides
                for fusion in _fusions(every)
            ],
        }
        for variant in (v for v in VARIANTS if any(row["variant"] == v for row in every))
    ]


def _variant(rows: Sequence[Record], fusion: str, variant: str) -> dict[str, str]:
    row = next((r for r in rows if (r["fusion"], r["variant"]) == (fusion, variant)), None)
    if row is None:
        return {"f1": number(None), "interval": "", "told": ""}
    settings = [f"lambda {row['lambda_shift']:g}"] if row["lambda_shift"] else []
    settings += [f"sigma {row['noise_sigma']:g}"] if row["noise_sigma"] else []
    settings += [f"weight {row['alignment_weight']:g}"] if row["alignment_weight"] else []
    return {
        "f1": number(row["f1"]),
        "interval": span(row["f1_interval"]),
        "told": ", ".join(settings).replace("-", "−"),
    }


def _ablation_picture(
    side: Side, rows: Sequence[Record], colour: str, limits: figures.Limits
) -> dict[str, str]:
    groups = {f: [r for r in rows if r["fusion"] == f] for f in _fusions(rows)}
    ranked = sorted(rows, key=lambda row: float(row["f1"]))
    last, first = (
        f"“{r['variant']}” ({fusion_title(r['fusion'])}, {number(r['f1'])})"
        for r in (ranked[0], ranked[-1])
    )
    caption = f"Highest: {first}; lowest: {last}; {_tests(side)}."
    return {
        "title": side.scored,
        "src": figures.ablation(groups, colour, limits, _best_baseline(side)),
        "caption": caption,
    }


def _best_baseline(side: Side) -> float | None:
    """Macro F1 of the best baseline."""
    if side.results is None:
        return None
    return max(
        (float(b["test"]["macro_f1"]) for b in side.results["baselines"].values()), default=None
    )


# --- Lambda
# ----------------------------------------------------------------------------------------
def lambdas(sides: Sequence[Side], approaches: Sequence[Shown], colour: Colours) -> Rows:
    """Curves and what the shift gained, for each approach that was swept."""
    found = []
    for shown in approaches:
        swept = {side.protocol: _of(side, "lambda", shown) for side in sides}
        every = [record for one in swept.values() for record in one]
        if every:
            limits = figures.lambda_limits(every)
            found.append(
                {
                    "title": shown.title,
                    "tag": shown.tag,
                    "rows": [
                        _gain(side, record) for side in sides for record in swept[side.protocol]
                    ],
                    "pictures": [
                        {
                            "title": side.scored,
                            "src": figures.lambda_curves(
                                swept[side.protocol], colour[shown.id], limits
                            ),
                            "caption": _lambda_caption(side, swept[side.protocol]),
                        }
                        for side in sides
                        if swept[side.protocol]
                    ],
                }
            )
    return found


def printed_lambdas(dataset: str) -> Rows:
    """What the paper's text says that the shift gained."""
    return [
        {
            "what": f"{dataset_title(r.dataset)}, {fusion_title(r.fusion)}",
            "own": r.dataset == dataset,
            "approach": r.approach or "not named",
            "metric": r.metric.upper(),
            "without": number(r.without_shift),
            "with": number(r.with_shift),
            "lambda": "not named" if r.lambda_shift is None else f"{r.lambda_shift:g}",
        }
        for r in reported_lambda()
    ]


def _gain(side: Side, record: Record) -> dict[str, str]:
    found = record["difference"]
    difference, interval = number(None), "one group: no interval"
    if record["lambda"] == 0:
        interval = "the choice is 0"
    elif found:
        difference, interval = (
            signed(found["value"]),
            f"{signed(found['lower'])} to {signed(found['upper'])}",
        )
    return {
        "title": f"{side.title}, {fusion_title(record['fusion'])}",
        "on": record["selected_on"],
        "chosen": f"{record['lambda']:g}".replace("-", "−"),
        "without": number(record["f1_at_0"]),
        "with": number(record["f1_at_chosen"]),
        "difference": difference,
        "interval": interval,
        "reason": record["reason"],
    }


def _lambda_caption(side: Side, records: Sequence[Record]) -> str:
    clauses = []
    for record in records:
        best = max(record["curve"], key=lambda point: float(point["test_mean"]))
        clauses.append(
            f"{fusion_title(record['fusion'])} fusion, between "
            f"{number(min(p['test_mean'] for p in record['curve']))} and "
            f"{number(best['test_mean'])} on test rows (chosen: lambda {record['lambda']:g})"
        )
    seeds = len(any_results([side])["seeds"])
    found = f"{'; '.join(clauses)}; {seeds} seeds, {_tests(side)}".replace("lambda -", "lambda −")
    return f"Mean macro F1 over lambda: {found}."


# --- Reading
# ---------------------------------------------------------------------------------------
def _of(side: Side, name: str, shown: Shown) -> list[Record]:
    return [record for record in side.records(name) if record["approach"] == shown.id]


def _fusions(rows: Sequence[Record]) -> list[str]:
    return list(dict.fromkeys(row["fusion"] for row in rows))


def _tests(side: Side) -> str:
    return f"{any_results([side])['rows']['parts']['test']['usable']:,} test rows"
