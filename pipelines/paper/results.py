"""One protocol's results as plain records: what the tables and the report are written from."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.errors import StoreError
from pipelines.paper.cells import SELECTED_ON
from pipelines.paper.config import Approach, RawApproach, StudyConfig
from pipelines.paper.prepared import Prepared
from pipelines.paper.result_rows import (
    Record,
    Records,
    SeedScorer,
    ablation_rows,
    alone_rows,
    lambda_row,
    mean_of,
    named,
    selection_mean,
    table1_row,
    table2_row,
    table3_row,
)
from pipelines.paper.tuned.rows import tuned_rows
from pipelines.storage import read_json

RESULTS = "results.json"
_VERSIONS_OF = (
    "denguard",
    "torch",
    "transformers",
    "timm",
    "open_clip_torch",
    "llama-cpp-python",
    "scikit-learn",
    "numpy",
)


def build_results(
    folder: Path, prepared: Prepared, study: StudyConfig, plan: Mapping[str, Any]
) -> Record:
    """Everything that was measured under one protocol, JSON-able.

    Raises:
        StoreError: a group of the plan was not trained, or nothing was measured.
    """
    scorer = SeedScorer(prepared, study)
    measures = read_json(folder / "measures.json")
    groups = [_group(folder, name, fusion) for name, fusion in plan["groups"]]
    approaches = {a.id: a for a in study.approaches}
    baselines: Any = measures["baselines"]
    alone = {g["approach"]: g["alone"] for g in groups if g.get("alone")}
    return {
        "dataset": prepared.about["name"],
        "protocol": prepared.protocol,
        "selected_on": SELECTED_ON[prepared.protocol],
        "classes": list(prepared.classes),
        "notes": prepared.about["notes"],
        "issues": prepared.about["issues"],
        "rows": rows_by_part(prepared),
        "first_line": first_line(prepared, groups, approaches, baselines, scorer),
        "table1": [
            table1_row(g, alone.get(g["approach"], {}), approaches[g["approach"]], scorer)
            for g in groups
        ],
        "alone": [row for g in groups for row in alone_rows(g, approaches[g["approach"]], scorer)],
        "table2": [table2_row(g, approaches[g["approach"]]) for g in groups],
        "table3": [table3_row(g, approaches[g["approach"]]) for g in groups],
        "embedding": _embedding(folder, plan),
        "ablation": _ablation(groups, approaches, scorer),
        "lambda": [
            lambda_row(g, approaches[g["approach"]], scorer) for g in groups if "sweep" in g
        ],
        "tuned": _tuned(groups, approaches, prepared, study),
        "baselines": {
            name: {k: v for k, v in b.items() if k != "predicted"} for name, b in baselines.items()
        },
        "gap": measures["gap"],
        "cone": measures["cone"],
        "not_run": plan["not_run"],
        "approaches": [_described(a, study) for a in study.approaches],
        "request": plan["request"],
        "test_groups": len(np.unique(scorer.groups)),
        "seeds": list(study.seeds),
        "epochs": study.epochs,
        "versions": versions(),
    }


def _ablation(
    groups: Sequence[Record], approaches: Mapping[str, Approach], scorer: SeedScorer
) -> list[Record]:
    """Rows of every group whose alignment was taken apart."""
    return [
        row
        for g in groups
        if "ablation" in g
        for row in ablation_rows(g, approaches[g["approach"]], scorer)
    ]


def _tuned(
    groups: Sequence[Record],
    approaches: Mapping[str, Approach],
    prepared: Prepared,
    study: StudyConfig,
) -> list[Record]:
    """Rows of every group that was tuned."""
    return [
        row
        for g in groups
        for row in tuned_rows(
            g.get("tuned", ()), named(g, approaches[g["approach"]]), prepared, study
        )
    ]


def rows_by_part(prepared: Prepared) -> Record:
    """How many rows each part has: of the metadata, usable here, with an image, of each class."""
    rows, out = prepared.rows, {}
    for part in ("train", "validation", "test"):
        of_part = rows[rows["part"] == part]
        usable = of_part[of_part["usable"]]
        counts = usable["label"].value_counts()
        out[part] = {
            "metadata": len(of_part),
            "usable": len(usable),
            "with_image": int(usable["image_sha256"].notna().sum()),
            "with_text": int(usable["text_sha256"].notna().sum()),
            "groups": int(usable["group_id"].nunique()),
            "classes": {name: int(counts.get(i, 0)) for i, name in enumerate(prepared.classes)},
        }
    return {"metadata": len(rows), "usable": int(rows["usable"].sum()), "parts": out}


def first_line(
    prepared: Prepared,
    groups: Sequence[Record],
    approaches: Mapping[str, Approach],
    baselines: Mapping[str, Any],
    scorer: SeedScorer,
) -> str:
    """What a reader must know first. Safe: whether fusion beats the best of the baselines and of
    the
    single modalities, both chosen on validation. Paper: that the figures are picked on the rows
        they
    are reported on."""
    if not groups:
        return "No approach of the paper could run here: see what is missing below."
    if prepared.protocol == "paper":
        return (
            "Test-selected: epoch and lambda are picked on the very rows that these figures "
            "report, as the paper did. Do not compare them with honest figures."
        )
    best = max(groups, key=lambda g: selection_mean(g["printed"]))
    name, records = _best_without_fusion(groups, approaches, baselines)
    found = scorer.difference(best["printed"], records)
    title = f"{approaches[best['approach']].title}, {best['fusion'].replace('_', '-')}"
    difference = (
        f"{title}: macro F1 {mean_of(best['printed'], 'macro_f1'):.3f}; best without fusion "
        f"({name}): {mean_of(records, 'macro_f1'):.3f}"
    )
    if found is None:
        return (
            "Fusion is not shown to beat what needs none: one group of test rows carries no "
            f"interval. {difference}."
        )
    span = (
        f"difference {found['value']:+.3f}, 95 % interval {found['lower']:+.3f} to "
        f"{found['upper']:+.3f}"
    )
    if found["lower"] > 0:
        return f"Fusion beats the best without it: {difference}; {span}."
    verdict = "is worse than" if found["upper"] < 0 else "is not shown to beat"
    return f"Fusion {verdict} the best without it: {difference}; {span}."


def _best_without_fusion(
    groups: Sequence[Record], approaches: Mapping[str, Approach], baselines: Mapping[str, Any]
) -> tuple[str, Records]:
    """The best on validation of what needs no fusion: baselines, and each modality alone."""
    scored = [
        (b["validation_f1"] or 0.0, name.replace("_", " "), [b]) for name, b in baselines.items()
    ]
    for group in groups:
        title = approaches[group["approach"]].title
        for modality, records in group.get("alone", {}).items():
            scored.append((selection_mean(records), f"{modality} alone, {title}", records))
    _, name, found = max(scored, key=lambda one: one[0])
    return name, found


def versions() -> dict[str, str]:
    """Libraries that the figures went through."""
    found = {}
    for name in _VERSIONS_OF:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            found[name] = "not installed"
    return found


def _described(approach: Approach, study: StudyConfig) -> Record:
    epochs = approach.epochs if isinstance(approach, RawApproach) else study.epochs
    return {
        "id": approach.id,
        "title": approach.title,
        "beside": approach.beside,
        "as_printed": approach.as_printed,
        "epochs": epochs,
    }


# --- Reading --------------------------------------------------------------------------------------
def _group(folder: Path, name: str, fusion: str) -> Record:
    try:
        return dict(read_json(folder / "groups" / f"{name}-{fusion}.json"))
    except StoreError as err:
        raise StoreError(
            f"approach {name}, {fusion}, is not trained yet",
            where=str(folder),
            fix="run the training step of this reproduction again",
        ) from err


def _embedding(folder: Path, plan: Mapping[str, Any]) -> list[Record]:
    """Seconds an input of each vector space, from the shards that were embedded."""
    rows = []
    for space in dict.fromkeys(item["space_id"] for item in plan["work"]):
        encoder = next(i["title"] for i in plan["work"] if i["space_id"] == space).split(",")[0]
        timings: list[Any] = [
            read_json(p) for p in sorted((folder.parent / "timing" / space).glob("*.json"))
        ]
        embedded = sum(t["embedded"] for t in timings)
        rows.append(
            {
                "encoder": encoder,
                "space_id": space,
                "inputs": embedded,
                "seconds_per_input": sum(t["seconds"] for t in timings) / embedded
                if embedded
                else None,
                "truncated": sum(t["truncated"] for t in timings),
            }
        )
    return rows
