"""Rows of the tables from the records of trainings: scores over seeds, costs, choices."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from pipelines.arrays import Int64s
from pipelines.paper.cells import parts_of
from pipelines.paper.config import Approach, StudyConfig
from pipelines.paper.cost.efficiency import MEGABYTE
from pipelines.paper.groups import VARIANTS
from pipelines.paper.measure import bounds
from pipelines.paper.prepared import Prepared, study_of
from pipelines.paper.scores import paired_interval, resampling_groups

Record = dict[str, Any]
Records = Sequence[Mapping[str, Any]]  # of the same rows, one a seed


class SeedScorer:
    """Test rows of a protocol: labels and what is resampled together."""

    def __init__(self, prepared: Prepared, study: StudyConfig) -> None:
        rows = study_of(prepared)
        test = parts_of(prepared) == "test"
        self._study = study
        self.label: Int64s = rows.rows["label"].to_numpy(np.int64)[test]
        self.groups = resampling_groups(rows)[test]

    def f1_interval(self, records: Records) -> list[float] | None:
        """95 % interval of the seeds' mean macro F1 on the test rows."""
        return bounds(self.label, _predicted(records), self.groups, self._study)

    def difference(self, a: Records, b: Records) -> Record | None:
        """Mean macro F1 over the seeds of a minus that of b, with its paired interval."""
        found = paired_interval(
            self.label, _predicted(a), _predicted(b), self.groups, "macro_f1", self._study.resamples
        )
        return (
            None
            if found is None
            else {
                "value": found.value,
                "lower": found.lower,
                "upper": found.upper,
                "groups": found.groups,
            }
        )


def _predicted(records: Records) -> Int64s:
    """(S, N) classes that S seeds call."""
    return np.array([record["predicted"] for record in records], dtype=np.int64)


def mean_of(records: Records, key: str) -> float:
    """Mean over seeds of a test score."""
    return float(np.mean([record["test"][key] for record in records]))


def selection_mean(records: Records) -> float:
    """Mean over seeds of the score that chose the epoch."""
    return float(np.mean([record["selection_f1"] for record in records]))


def named(group: Mapping[str, Any], approach: Approach) -> Record:
    """What every table says of a head first."""
    return {
        "approach": approach.id,
        "title": approach.title,
        "beside": approach.beside,
        "as_printed": approach.as_printed,
        "fusion": group["fusion"],
    }


def table1_row(
    group: Mapping[str, Any], alone: Mapping[str, Records], approach: Approach, scorer: SeedScorer
) -> Record:
    """Scores of a fused head, and what it adds to the better one of the modalities alone.

    Args:
        alone: modality -> records of this approach; empty where it has none, as the raw baseline.
    """
    records, gain = group["printed"], None
    if alone:
        better = max(alone, key=lambda modality: selection_mean(alone[modality]))
        gain = {"only": better, "difference": scorer.difference(records, alone[better])}
    return {
        **named(group, approach),
        **_scored(records, scorer),
        "gain": gain,
        "per_class": _per_class(records),
    }


def alone_rows(group: Mapping[str, Any], approach: Approach, scorer: SeedScorer) -> list[Record]:
    """Scores of each modality alone."""
    return [
        {**named(group, approach), "only": modality, **_scored(records, scorer)}
        for modality, records in group.get("alone", {}).items()
    ]


def _scored(records: Records, scorer: SeedScorer) -> Record:
    """Test scores as means over seeds, with the interval of that mean; epoch is the median one."""
    by_seed = [r["test"]["macro_f1"] for r in records]
    return {
        "accuracy": mean_of(records, "accuracy"),
        "f1": mean_of(records, "macro_f1"),
        "epoch": int(np.median([r["epoch"] for r in records])),
        "selected_on": records[0]["selected_on"],
        "f1_interval": scorer.f1_interval(records),
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


def table2_row(group: Mapping[str, Any], approach: Approach) -> Record:
    """Memory, by the formula and measured, of the first seed."""
    first = group["printed"][0]
    sizes = {
        "model_mb": "model_bytes",
        "train_mb_per_epoch": "train_bytes",
        "test_mb_per_epoch": "test_bytes",
        "peak_rss_mb": "peak_rss_bytes",
        "peak_above_start_mb": "peak_above_start_bytes",
    }
    return {
        **named(group, approach),
        **{name: first[key] / MEGABYTE for name, key in sizes.items()},
        "peak_method": first["peak_method"],
        "energy_j": first["energy_j"],
        "energy_note": first["energy_note"],
    }


def table3_row(group: Mapping[str, Any], approach: Approach) -> Record:
    """Seconds an epoch, of the first seed."""
    first = group["printed"][0]
    return {
        **named(group, approach),
        "train_s_per_epoch": first["train_seconds_per_epoch"],
        "inference_s_per_epoch": first["inference_seconds_per_epoch"],
    }


def ablation_rows(group: Mapping[str, Any], approach: Approach, scorer: SeedScorer) -> list[Record]:
    """Scores of each part of the alignment alone, and of all."""
    rows = []
    for variant in (v for v in VARIANTS if v in group["ablation"]):
        records = group["ablation"][variant]
        settings = {
            k: records[0][k]
            for k in ("noise_sigma", "lambda_shift", "gap_kind", "alignment_weight")
        }
        rows.append(
            {**named(group, approach), "variant": variant, **settings, **_scored(records, scorer)}
        )
    return rows


def lambda_row(group: Mapping[str, Any], approach: Approach, scorer: SeedScorer) -> Record:
    """The choice of lambda, what it gained on the test rows, and the whole curve."""
    chosen = group["lambda"]
    at, zero = (group["sweep"][f"{value:g}"] for value in (chosen["lambda"], 0.0))
    return {
        **named(group, approach),
        **chosen,
        "f1_at_0": mean_of(zero, "macro_f1"),
        "f1_at_chosen": mean_of(at, "macro_f1"),
        "difference": scorer.difference(at, zero),
        "curve": [_point(float(v), group["sweep"][v]) for v in sorted(group["sweep"], key=float)],
    }


def _point(value: float, records: Sequence[Mapping[str, Any]]) -> Record:
    """Mean and band over seeds, on the rows that choose and on the test rows."""
    out: Record = {"lambda": value}
    for name, scores in (
        ("selection", [r["selection_f1"] for r in records]),
        ("test", [r["test"]["macro_f1"] for r in records]),
    ):
        out |= {
            f"{name}_mean": float(np.mean(scores)),
            f"{name}_min": min(scores),
            f"{name}_max": max(scores),
        }
    return out
