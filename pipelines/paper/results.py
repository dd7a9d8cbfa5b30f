"""One protocol's results as plain records: what the tables and the report are written from.

Belongs here: gathering cells, groups and measures, intervals, the sentence that comes first. Does not
belong here: CSV and HTML (tables.py, report.py), and any number that was not measured here.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.errors import StoreError
from pipelines.paper.cells import SELECTED_ON, parts_of
from pipelines.paper.config import Approach, RawApproach, StudyConfig
from pipelines.paper.efficiency import MEGABYTE
from pipelines.paper.groups import VARIANTS
from pipelines.paper.measure import bounds
from pipelines.paper.prepared import Prepared, study_of
from pipelines.paper.scores import paired_interval, resampling_groups
from pipelines.storage import read_json

RESULTS = "results.json"
_VERSIONS_OF = ("denguard", "torch", "transformers", "timm", "open_clip_torch", "llama-cpp-python", "scikit-learn", "numpy")  # fmt: skip
Record = dict[str, Any]
Records = Sequence[Mapping[str, Any]]  # of the same rows, one a seed
Ints = npt.NDArray[np.int64]


class Judge:
    """Test rows of a protocol: labels and what is resampled together."""

    def __init__(self, prepared: Prepared, study: StudyConfig) -> None:
        rows = study_of(prepared)
        test = parts_of(prepared) == "test"
        self._study = study
        self.label: Ints = rows.rows["label"].to_numpy(np.int64)[test]
        self.groups = resampling_groups(rows)[test]

    def f1_interval(self, records: Records) -> list[float] | None:
        """95 % interval of the seeds' mean macro F1 on the test rows."""
        return bounds(self.label, _predicted(records), self.groups, self._study)

    def difference(self, a: Records, b: Records) -> Record | None:
        """Mean macro F1 over the seeds of a minus that of b, with its paired interval."""
        found = paired_interval(self.label, _predicted(a), _predicted(b), self.groups, "macro_f1", self._study.resamples)  # fmt: skip
        return None if found is None else {"value": found.value, "lower": found.lower, "upper": found.upper, "groups": found.groups}  # fmt: skip


def _predicted(records: Records) -> Ints:
    """(S, N) classes that S seeds call."""
    return np.array([record["predicted"] for record in records], dtype=np.int64)


def mean_of(records: Records, key: str) -> float:
    """Mean over seeds of a test score."""
    return float(np.mean([record["test"][key] for record in records]))


def build_results(
    folder: Path, prepared: Prepared, study: StudyConfig, plan: Mapping[str, Any]
) -> Record:
    """Everything that was measured under one protocol, JSON-able.

    Raises:
        StoreError: a group of the plan was not trained, or nothing was measured.
    """
    judge = Judge(prepared, study)
    measures = read_json(folder / "measures.json")
    groups = [_group(folder, name, fusion) for name, fusion in plan["groups"]]
    approaches = {a.id: a for a in study.approaches}
    embedding = _embedding(folder, plan)
    table1 = [_table1(g, approaches[g["approach"]], judge) for g in groups]
    baselines: Any = measures["baselines"]
    return {
        "dataset": prepared.about["name"],
        "protocol": prepared.protocol,
        "selected_on": SELECTED_ON[prepared.protocol],
        "classes": list(prepared.classes),
        "notes": prepared.about["notes"],
        "issues": prepared.about["issues"],
        "rows": rows_by_part(prepared),
        "first_line": first_line(prepared, table1, groups, baselines, judge),
        "table1": table1,
        "table2": [_table2(g, approaches[g["approach"]]) for g in groups],
        "table3": [_table3(g, approaches[g["approach"]]) for g in groups],
        "embedding": embedding,
        "ablation": [row for g in groups if "ablation" in g for row in _ablation(g, approaches[g["approach"]], judge)],
        "lambda": [_lambda(g, approaches[g["approach"]], judge) for g in groups if "sweep" in g],
        "baselines": {name: {k: v for k, v in b.items() if k != "predicted"} for name, b in baselines.items()},
        "gap": measures["gap"],
        "cone": measures["cone"],
        "not_run": plan["not_run"],
        "approaches": [_described(a, study) for a in study.approaches],
        "request": plan["request"],
        "test_groups": len(np.unique(judge.groups)),
        "seeds": list(study.seeds),
        "epochs": study.epochs,
        "versions": versions(),
    }  # fmt: skip


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
    table1: Sequence[Record],
    groups: Sequence[Record],
    baselines: Mapping[str, Any],
    judge: Judge,
) -> str:
    """What a reader must know first. Safe: whether fusion beats the best baseline, both chosen on
    validation. Paper: that the figures are picked on the rows they are reported on."""
    if not table1:
        return "No approach of the paper could run here: see what is missing below."
    if prepared.protocol == "paper":
        return "Test-selected: epoch and lambda are picked on the very rows that these figures report, as the paper did. Do not compare them with honest figures."
    best = max(groups, key=lambda g: np.mean([r["selection_f1"] for r in g["printed"]]))
    rival = max(baselines, key=lambda name: baselines[name]["validation_f1"] or 0.0)
    row = table1[groups.index(best)]
    other = baselines[rival]
    found = judge.difference(best["printed"], [other])
    said = f"{row['title']}, {row['fusion'].replace('_', '-')}: macro F1 {row['f1']:.3f}; best baseline ({rival.replace('_', ' ')}): {other['test']['macro_f1']:.3f}"
    if found is None:
        return f"Fusion is not shown to beat the best baseline: one group of test rows carries no interval. {said}."
    span = f"difference {found['value']:+.3f}, 95 % interval {found['lower']:+.3f} to {found['upper']:+.3f}"
    if found["lower"] > 0:
        return f"Fusion beats the best baseline: {said}; {span}."
    verdict = "is worse than" if found["upper"] < 0 else "does not beat"
    return f"Fusion {verdict} the best baseline: {said}; {span}."


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
    return {"id": approach.id, "title": approach.title, "beside": approach.beside, "as_printed": approach.as_printed, "epochs": epochs}  # fmt: skip


# --- Rows of the tables ---------------------------------------------------------------------------
def _named(group: Mapping[str, Any], approach: Approach) -> Record:
    return {"approach": approach.id, "title": approach.title, "beside": approach.beside, "as_printed": approach.as_printed, "fusion": group["fusion"]}  # fmt: skip


def _table1(group: Mapping[str, Any], approach: Approach, judge: Judge) -> Record:
    return {**_named(group, approach), **_scored(group["printed"], judge), "per_class": _per_class(group["printed"])}  # fmt: skip


def _scored(records: Records, judge: Judge) -> Record:
    """Test scores as means over seeds, with the interval of that mean; epoch is the median one."""
    by_seed = [r["test"]["macro_f1"] for r in records]
    return {
        "accuracy": mean_of(records, "accuracy"),
        "f1": mean_of(records, "macro_f1"),
        "epoch": int(np.median([r["epoch"] for r in records])),
        "selected_on": records[0]["selected_on"],
        "f1_interval": judge.f1_interval(records),
        "f1_seed_min": min(by_seed),
        "f1_seed_max": max(by_seed),
        "seeds": len(records),
        "rows": records[0]["test"]["rows"],
    }


def _per_class(records: Records) -> Record:
    """F1 of each class as the mean over seeds, None where it occurs in none; and its test rows."""
    out = {}
    for name, first in records[0]["test"]["per_class"].items():
        scores = [r["test"]["per_class"][name]["f1"] for r in records]
        known = [f1 for f1 in scores if f1 is not None]
        out[name] = {"f1": float(np.mean(known)) if known else None, "n": first["n"]}
    return out


def _table2(group: Mapping[str, Any], approach: Approach) -> Record:
    first = group["printed"][0]
    sizes = {"model_mb": "model_bytes", "train_mb_per_epoch": "train_bytes", "test_mb_per_epoch": "test_bytes", "peak_rss_mb": "peak_rss_bytes", "peak_above_start_mb": "peak_above_start_bytes"}  # fmt: skip
    return {
        **_named(group, approach),
        **{name: first[key] / MEGABYTE for name, key in sizes.items()},
        "peak_method": first["peak_method"],
        "energy_j": first["energy_j"],
        "energy_note": first["energy_note"],
    }


def _table3(group: Mapping[str, Any], approach: Approach) -> Record:
    first = group["printed"][0]
    return {
        **_named(group, approach),
        "train_s_per_epoch": first["train_seconds_per_epoch"],
        "inference_s_per_epoch": first["inference_seconds_per_epoch"],
    }


def _ablation(group: Mapping[str, Any], approach: Approach, judge: Judge) -> list[Record]:
    rows = []
    for variant in (v for v in VARIANTS if v in group["ablation"]):
        records = group["ablation"][variant]
        told = {k: records[0][k] for k in ("noise_sigma", "lambda_shift", "gap_kind", "alignment_weight")}  # fmt: skip
        rows.append({**_named(group, approach), "variant": variant, **told, **_scored(records, judge)})  # fmt: skip
    return rows


def _lambda(group: Mapping[str, Any], approach: Approach, judge: Judge) -> Record:
    chosen = group["lambda"]
    at, zero = (group["sweep"][f"{value:g}"] for value in (chosen["lambda"], 0.0))
    return {
        **_named(group, approach),
        **chosen,
        "f1_at_0": mean_of(zero, "macro_f1"),
        "f1_at_chosen": mean_of(at, "macro_f1"),
        "difference": judge.difference(at, zero),
        "curve": [_point(float(v), group["sweep"][v]) for v in sorted(group["sweep"], key=float)],
    }


def _point(value: float, records: Sequence[Mapping[str, Any]]) -> Record:
    """Mean and band over seeds, on the rows that choose and on the test rows."""
    out: Record = {"lambda": value}
    for name, scores in (("selection", [r["selection_f1"] for r in records]), ("test", [r["test"]["macro_f1"] for r in records])):  # fmt: skip
        out |= {f"{name}_mean": float(np.mean(scores)), f"{name}_min": min(scores), f"{name}_max": max(scores)}  # fmt: skip
    return out


# --- Reading --------------------------------------------------------------------------------------
def _group(folder: Path, name: str, fusion: str) -> Record:
    try:
        return dict(read_json(folder / "groups" / f"{name}-{fusion}.json"))
    except StoreError as err:
        raise StoreError(f"approach {name}, {fusion}, is not trained yet", where=str(folder), fix="run the training step of this reproduction again") from err  # fmt: skip


def _embedding(folder: Path, plan: Mapping[str, Any]) -> list[Record]:
    """Seconds an input of each vector space, from the shards that were embedded."""
    rows = []
    for space in dict.fromkeys(item["space_id"] for item in plan["work"]):
        encoder = next(i["title"] for i in plan["work"] if i["space_id"] == space).split(",")[0]
        timings: list[Any] = [read_json(p) for p in sorted((folder.parent / "timing" / space).glob("*.json"))]  # fmt: skip
        embedded = sum(t["embedded"] for t in timings)
        rows.append({
            "encoder": encoder,
            "space_id": space,
            "inputs": embedded,
            "seconds_per_input": sum(t["seconds"] for t in timings) / embedded if embedded else None,
            "truncated": sum(t["truncated"] for t in timings),
        })  # fmt: skip
    return rows
