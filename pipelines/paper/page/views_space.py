"""Modality gap and cone effect for the page: tables, pictures and their captions.

Every caption is one sentence made from the numbers drawn, with how many rows they rest on.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pipelines.paper.page import figures
from pipelines.paper.page.numbers import number, percent, significant
from pipelines.paper.page.views import Record, Rows, Shown, Side, any_results, dataset_title, ran
from pipelines.paper.page.views_lambda import Colours
from pipelines.paper.reported import reported_variance


# --- The gap
# ---------------------------------------------------------------------------------------
def gap(sides: Sequence[Side], approaches: Sequence[Shown], colour: Colours) -> dict[str, Any]:
    """Scatter plots of each approach, measures over lambda of each protocol."""
    pictures: Rows = []
    for shown in approaches:
        for side, results in reversed(ran(sides)):  # the safe one, if it has them
            record = results["gap"].get(shown.id)
            if record:
                pictures.append(_scatter(side, shown, record))
                break
    over = []
    for side, results in ran(sides):
        named = {a.title: results["gap"][a.id] for a in approaches if results["gap"].get(a.id)}
        if named:
            by_title = {a.title: colour[a.id] for a in approaches}
            over.append(
                {
                    "title": side.title,
                    "src": figures.gap_over_lambda(named, by_title),
                    "caption": _gap_caption(named),
                }
            )
    return {"scatter": pictures, "over": over, "without": _without_gap(sides, approaches)}


def _scatter(side: Side, shown: Shown, record: Record) -> dict[str, Any]:
    points, shifts = record["points"], {s["lambda_shift"]: s for s in record["shifts"]}
    at = points["lambda_shift"]
    shares = ", ".join(percent(s) for s in points["explained_share"])
    before, after = (_apart(shifts.get(value)) for value in (0.0, at))
    drawn = f"{len(points['image']):,} images and {len(points['text']):,} texts, {side.title}"
    return {
        "title": shown.title,
        "tag": shown.tag,
        "flat": [
            ("before the shift", figures.scatter(points, False)),
            (f"after it, lambda {at:g}", figures.scatter(points, True)),
        ],
        "deep": [
            ("before the shift", figures.scatter_3d(points, False)),
            (f"after it, lambda {at:g}", figures.scatter_3d(points, True)),
        ],
        "caption": (
            f"Before the shift {before}; after it {after} ({drawn}; the axes hold {shares} of the "
            f"variance; means and planes from {record['n_pairs']:,} test pairs)."
        ),
    }


def _apart(shift: Record | None) -> str:
    if shift is None:
        return "nothing was measured at this lambda"
    share = percent(shift["linear_separability"]["accuracy"])
    return (
        f"the two means lie {number(shift['gap_norm'], 2)} apart and a plane tells {share} of the "
        "vectors apart"
    )


def _gap_caption(named: Mapping[str, Record]) -> str:
    clauses = []
    for title, record in named.items():
        least = min(record["shifts"], key=lambda s: float(s["gap_norm"]))
        zero = next(s for s in record["shifts"] if s["lambda_shift"] == 0)
        clauses.append(
            f"{title}: gap {number(zero['gap_norm'], 2)} as embedded, least "
            f"{number(least['gap_norm'], 2)} at lambda {least['lambda_shift']:g}, "
            f"{record['n_pairs']:,} test pairs"
        )
    return "; ".join(clauses).replace("lambda -", "lambda −") + "."


def _without_gap(sides: Sequence[Side], approaches: Sequence[Shown]) -> list[str]:
    return [
        f"{shown.title}, {side.title}: fewer than two rows with image and text in training or "
        "test, so no gap is measured."
        for side, results in ran(sides)
        for shown in approaches
        if shown.id in results["gap"] and not results["gap"][shown.id]
    ]


def variance(
    sides: Sequence[Side], approaches: Sequence[Shown], beside: Mapping[str, Sequence[Side]]
) -> Rows:
    """Variance after PCA: measured here, measured on data sets beside this one, and printed.

    Args:
        beside: other data sets of the same output folder -> their sides.
    """
    dataset = any_results(sides)["dataset"]
    titles = {a.id: a for a in approaches}
    rows = []
    for name in dict.fromkeys([dataset, *reported_variance(), *beside]):
        for side, results in ran(sides if name == dataset else beside.get(name, ())):
            for approach, record in results["gap"].items():
                if record:
                    about = titles.get(approach)
                    rows.append(
                        {
                            "dataset": dataset_title(name),
                            "source": f"here, {side.title}",
                            "title": about.title if about else approach,
                            "tag": about.tag if about else "",
                            "text": significant(1000 * record["text_variance"]),
                            "image": significant(1000 * record["image_variance"]),
                            "pairs": f"{record['n_pairs']:,}",
                        }
                    )
        printed = reported_variance().get(name)
        if printed:
            rows.append(
                {
                    "dataset": dataset_title(name),
                    "source": f"printed ({printed.domain})",
                    "title": "CLIP ViT-B/32",
                    "tag": "",
                    "text": f"{1000 * printed.text:.4g}",
                    "image": f"{1000 * printed.image:.4g}",
                    "pairs": number(None),
                }
            )
    return rows


# --- The cone effect
# -------------------------------------------------------------------------------
def cone(sides: Sequence[Side]) -> dict[str, Any]:
    """Variance over initialisations and inputs, ratios, and encoders that have none."""
    measured = [
        (side, r) for side, results in ran(sides) for r in results["cone"] if "why" not in r
    ]
    rows = [
        _cone_row(side, record, name, group)
        for side, record in measured
        for name, group in _own_first(record["groups"])
    ]
    ratios = [
        _ratio(side, record, ratio) for side, record in measured for ratio in record["ratios"]
    ]
    why = dict.fromkeys(
        f"{r['encoder']} ({r['modality']}): {r['why']}"
        for _, results in ran(sides)
        for r in results["cone"]
        if "why" in r
    )
    return {
        "rows": rows,
        "ratios": ratios,
        "without": list(why),
        "general": bool(ratios),
        "picture": figures.cone([(r["label"], r["values"]) for r in rows]) if rows else None,
        "caption": _cone_caption(measured),
    }


def _own_first(groups: Mapping[str, Record]) -> list[tuple[str, Record]]:
    return sorted(groups.items(), key=lambda item: item[0] == "general")


def _cone_row(side: Side, record: Record, name: str, group: Record) -> dict[str, Any]:
    untrained, trained = group["untrained"], group["trained"] or {}
    values = (
        untrained["initialisation_variance"],
        untrained["data_variance"],
        trained.get("data_variance"),
    )
    inputs = dataset_title(name) if name != "general" else "everyday inputs"
    return {
        "title": f"{record['encoder']} ({record['modality']})",
        "inputs": inputs,
        "protocol": side.title,
        "n": f"{group['n_inputs']:,}",
        "seeds": str(len(record["seeds"])),
        "cells": [
            *(significant(v) for v in values),
            percent(untrained["data_share"]),
            number(untrained["mean_cosine"]),
            number(trained.get("mean_cosine")),
        ],
        "label": f"{record['encoder']}, {inputs[:24]} ({side.protocol})",
        "values": values,
    }


def _ratio(side: Side, record: Record, ratio: Record) -> dict[str, str]:
    verdict = {"lower": "varies less", "higher": "varies more"}.get(
        ratio["verdict"], "not told apart"
    )
    bounds = (
        None
        if ratio["ratio"] is None
        else f"{significant(ratio['lower'])} to {significant(ratio['upper'])}"
    )
    return {
        "title": f"{record['encoder']} ({record['modality']}), {ratio['encoder']}, {side.title}",
        "of": (
            f"{dataset_title(ratio['of'])} / "
            f"{'everyday inputs' if ratio['to'] == 'general' else ratio['to']}"
        ),
        "ratio": significant(ratio["ratio"]),
        "interval": bounds or "the second group does not vary",
        "verdict": verdict,
    }


def _cone_caption(measured: Sequence[tuple[Side, Record]]) -> str:
    shares = [g["untrained"]["data_share"] for _, r in measured for g in r["groups"].values()]
    if not shares:
        return ""
    inputs = sorted({g["n_inputs"] for _, r in measured for g in r["groups"].values()})
    few = f"{inputs[0]:,}" if len(inputs) == 1 else f"{inputs[0]:,} to {inputs[-1]:,}"
    return (
        f"Of the variance of untrained encoders, the inputs explain {percent(min(shares))} to "
        f"{percent(max(shares))}, the random initialisation the rest ({few} inputs a group)."
    )
