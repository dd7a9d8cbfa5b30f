"""Tables 1 to 3 for the page: the printed figure, ours by the paper's protocol, ours by the safe
one.

A row that was not run says why; no cell is ever filled from elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from pipelines.paper.page.numbers import NONE, number, signed, significant, span
from pipelines.paper.page.views import Record, Rows, Shown, Side, any_results, ran
from pipelines.paper.reported import FUSION_TITLES
from pipelines.paper.tables import printed_beside

# A cell: what is read first, and what stands small below it.
Cell = tuple[str, str]
Cells = list[Cell]
BASELINES: Mapping[str, str] = {
    "most_frequent": "always the commonest class",
    "persistence": "the class known before (persistence)",
    "covariates": "logistic regression on the plain columns",
}


def table1(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    """Accuracy, macro F1 with interval and seeds, epoch; each modality alone and baselines
    below."""
    printed = {"accuracy": 3, "f1": 3, "epoch": 0}
    rows = _table(1, sides, approaches, printed, _scores)
    return [*rows, *_alone(sides, approaches), *_baselines(sides)]


def gains(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    """What each fused head adds to the better one of its modalities alone."""
    titles = {a.id: a.title for a in approaches}
    return [
        {
            "title": f"{titles[row['approach']]}, {fusion_title(row['fusion'])}",
            "protocol": side.scored,
            "over": f"{row['gain']['only']} alone",
            "difference": NONE if found is None else signed(found["value"]),
            "interval": "one group: no interval"
            if found is None
            else f"{signed(found['lower'])} to {signed(found['upper'])}",
        }
        for side in sides
        for row in side.records("table1")
        if row["gain"]
        for found in [row["gain"]["difference"]]
    ]


def table2(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    """Memory by the paper's formula: model, training epoch, test epoch."""
    printed = {
        "model_size_mb": 2,
        "train_dataset_size_per_epoch_mb": 2,
        "test_dataset_size_per_epoch_mb": 2,
    }
    ours = ("model_mb", "train_mb_per_epoch", "test_mb_per_epoch")
    return _table(2, sides, approaches, printed, lambda r: [(number(r[k], 2), "") for k in ours])


def left_out(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    """What the paper's efficiency tables leave out: memory of the process, energy."""
    return _table(2, sides, approaches, {}, _measured)


def table3(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    """Seconds an epoch."""
    printed = {"avg_train_time_per_epoch_s": 2, "avg_inference_time_per_epoch_s": 2}
    ours = ("train_s_per_epoch", "inference_s_per_epoch")
    return _table(3, sides, approaches, printed, lambda r: [(significant(r[k]), "") for k in ours])


def measured_how(sides: Sequence[Side]) -> list[str]:
    """How memory was measured, and energy or why not, each sentence once."""
    rows = [row for side in sides for row in side.records("table2")]
    peaks = dict.fromkeys(f"Peak memory: {row['peak_method']}." for row in rows)
    energy = dict.fromkeys(f"Energy: {row['energy_note']}." for row in rows)
    return [*peaks, *energy]


def embedding(sides: Sequence[Side]) -> Rows:
    """Seconds an input that each encoder took, which table 3 as printed leaves out."""
    return [
        {
            "title": row["encoder"],
            "protocol": side.title,
            "inputs": f"{row['inputs']:,}" if row["inputs"] else NONE,
            "seconds": significant(row["seconds_per_input"]),
            "truncated": f"{row['truncated']:,}" if row["inputs"] else NONE,
        }
        for side in sides
        for row in side.records("embedding")
    ]


def per_class(sides: Sequence[Side]) -> Rows:
    """F1 of each class with its number of test rows, one table a protocol."""
    found = []
    for side, results in ran(sides):
        classes, lines = results["classes"], []
        for row in side.records("table1"):
            lines.append((f"{row['title']}, {fusion_title(row['fusion'])}", row["per_class"]))
        for name, baseline in results["baselines"].items():
            lines.append((BASELINES.get(name, name), baseline["test"]["per_class"]))
        counts = results["rows"]["parts"]["test"]["classes"]
        found.append(
            {
                "title": side.title,
                "classes": [(name, f"{counts[name]:,}") for name in classes],
                "rows": [
                    (label, [number(scores[name]["f1"], 2) for name in classes])
                    for label, scores in lines
                ],
            }
        )
    return found


def fusion_title(fusion: str) -> str:
    return FUSION_TITLES.get(fusion, fusion.replace("_", "-")).lower()


# --- Rows
# ------------------------------------------------------------------------------------------
def _table(
    table: int,
    sides: Sequence[Side],
    approaches: Sequence[Shown],
    printed: Mapping[str, int],
    cells: Callable[[Record], Cells],
) -> Rows:
    """A row for each approach and fusion.

    Args:
        printed: column of the printed table -> decimals it is printed with.
        cells: a measured record's cells.
    """
    dataset = any_results(sides)["dataset"]
    rows = []
    for shown in approaches:
        for fusion in _fusions(sides):
            theirs = printed_beside(dataset, {"beside": shown.beside, "fusion": fusion}, table)
            rows.append(
                {
                    "title": shown.title,
                    "fusion": fusion_title(fusion),
                    "tag": shown.tag,
                    "beside": "" if shown.as_printed or not theirs else shown.beside_title,
                    "baseline": False,
                    "printed": [
                        number(theirs.get(name), digits) for name, digits in printed.items()
                    ],
                    "sides": [_of_side(side, shown, fusion, table, cells) for side in sides],
                }
            )
    return rows


def _fusions(sides: Sequence[Side]) -> list[str]:
    ran = [row["fusion"] for side in sides for row in side.records("table1")]
    return list(dict.fromkeys([*FUSION_TITLES, *ran]))


def _of_side(
    side: Side, shown: Shown, fusion: str, table: int, cells: Callable[[Record], Cells]
) -> dict[str, Any]:
    if side.results is None:
        return {"cells": None, "why": side.why, "command": side.command}
    own = (shown.id, fusion)
    found = next(
        (r for r in side.records(f"table{table}") if (r["approach"], r["fusion"]) == own), None
    )
    if found is not None:
        return {"cells": cells(found), "why": "", "command": ""}
    missing = shown.missing.get(side.protocol)
    if missing is None:
        return {"cells": None, "why": "the study file does not name it", "command": side.command}
    return {"cells": None, "why": missing["why"], "command": missing["command"]}


def _scores(row: Record) -> Cells:
    return [
        (number(row["accuracy"]), ""),
        (number(row["f1"]), span(row["f1_interval"])),
        seeds(row),
        (str(row["epoch"]), ""),
    ]


def seeds(row: Record) -> Cell:
    """How many seeds, and from the lowest F1 to the highest; a single seed has no spread."""
    several = row["seeds"] > 1
    return str(row["seeds"]), span((row["f1_seed_min"], row["f1_seed_max"])) if several else ""


def _measured(row: Record) -> Cells:
    energy = row["energy_j"]
    return [
        (significant(row["peak_rss_mb"]), ""),
        (significant(row["peak_above_start_mb"]), ""),
        (significant(energy), "" if energy is not None else "not measured"),
    ]


def _alone(sides: Sequence[Side], approaches: Sequence[Shown]) -> Rows:
    rows: Rows = []
    for shown in approaches:
        of = {
            side.protocol: {
                r["only"]: r for r in side.records("alone") if r["approach"] == shown.id
            }
            for side in sides
        }
        for only in dict.fromkeys(only for found in of.values() for only in found):
            cells = [_alone_of(side, of[side.protocol].get(only)) for side in sides]
            rows.append(
                {
                    "title": f"{shown.title}, {only} alone",
                    "fusion": "",
                    "tag": "no fusion",
                    "beside": "",
                    "baseline": True,
                    "printed": [NONE] * 3,
                    "sides": cells,
                }
            )
    return rows


def _alone_of(side: Side, row: Record | None) -> dict[str, Any]:
    if row is None:
        return {"cells": None, "why": side.why or "it has not run", "command": side.command}
    return {"cells": _scores(row), "why": "", "command": ""}


def _baselines(sides: Sequence[Side]) -> Rows:
    found = {n for _, results in ran(sides) for n in results["baselines"]}
    names = [*(n for n in BASELINES if n in found), *sorted(found - BASELINES.keys())]
    return [
        {
            "title": BASELINES.get(name, name),
            "fusion": "",
            "tag": "baseline",
            "beside": "",
            "baseline": True,
            "printed": [NONE] * 3,
            "sides": [_baseline(side, name) for side in sides],
        }
        for name in names
    ]


def _baseline(side: Side, name: str) -> dict[str, Any]:
    if side.results is None:
        return {"cells": None, "why": side.why, "command": side.command}
    found = side.results["baselines"].get(name)
    if found is None:
        return {"cells": [(NONE, "")] * 4, "why": "", "command": ""}
    test = found["test"]
    return {
        "cells": [
            (number(test["accuracy"]), ""),
            (number(test["macro_f1"]), span(found["f1_interval"])),
            (NONE, ""),
            (NONE, ""),
        ],
        "why": "",
        "command": "",
    }
