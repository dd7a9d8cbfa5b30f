"""Results of a reproduction as results.json holds them, small and with figures that tests
choose."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from pipelines.storage import write_json

LAMBDAS = (-1.0, 0.0, 1.0)
OTHER, PRINTED = "lite0_minilm", "clip"
Record = dict[str, Any]


def results(
    protocol: str = "safe",
    classes: tuple[str, ...] = ("mel", "nv", "vasc"),
    f1: float = 0.4321,
    dataset: str = "ham10000",
    ran: tuple[str, ...] = (OTHER,),
    pairs: int = 12,
) -> Record:
    """One protocol's results: the approaches of `ran`, of OTHER weights and as PRINTED; the rest
    not run.
    """
    about = {
        PRINTED: {
            "id": PRINTED,
            "title": "CLIP ViT-B/32",
            "beside": "clip",
            "as_printed": True,
            "epochs": 30,
        },
        OTHER: {
            "id": OTHER,
            "title": "Lite0 + MiniLM",
            "beside": "unimodal",
            "as_printed": False,
            "epochs": 30,
        },
    }
    groups = [(about[name], fusion) for name in ran for fusion in ("early", "late_joint")]
    on = "test" if protocol == "paper" else "validation"
    return {
        "dataset": dataset,
        "protocol": protocol,
        "selected_on": on,
        "classes": list(classes),
        "notes": [f"a note of the {protocol} protocol"],
        "issues": [
            {
                "level": "warning",
                "code": "images-not-here",
                "message": "9,805 rows have no image",
                "place": "data",
                "fix": "bring them",
                "rows": 9805,
            }
        ],
        "rows": {
            "metadata": 10015,
            "usable": 60,
            "parts": {part: _part(classes) for part in ("train", "validation", "test")},
        },
        "first_line": f"first line of the {protocol} protocol",
        "table1": [
            {
                **_named(a, f),
                **_scores(f1, classes, on),
                "seeds": 3,
                "rows": 20,
                "gain": {
                    "only": "image",
                    "difference": {"value": 0.031, "lower": -0.022, "upper": 0.084, "groups": 20},
                },
            }
            for a, f in groups
        ],
        "alone": [
            {**_named(a, f), **_scores(f1 - 0.031, classes, on), "only": m, "seeds": 3, "rows": 20}
            for a, f in groups
            if f == "early"
            for m in ("image", "text")
        ],
        "table2": [
            {
                **_named(a, f),
                "model_mb": 0.82,
                "train_mb_per_epoch": 0.8,
                "test_mb_per_epoch": 0.29,
                "peak_rss_mb": 557.2,
                "peak_above_start_mb": 1.09,
                "peak_method": "kernel high-water mark",
                "energy_j": None,
                "energy_note": "no readable energy counter on this machine",
            }
            for a, f in groups
        ],
        "table3": [
            {**_named(a, f), "train_s_per_epoch": 0.0115, "inference_s_per_epoch": 0.000915}
            for a, f in groups
        ],
        "embedding": [
            {
                "encoder": "timm_image image",
                "space_id": "b896",
                "inputs": 0,
                "seconds_per_input": None,
                "truncated": 0,
            }
        ],
        "ablation": [
            {
                **_named(a, f),
                **_scores(f1, classes, on),
                "variant": v,
                "noise_sigma": 0.0,
                "lambda_shift": 0.0,
                "gap_kind": "vector",
                "alignment_weight": 0.0,
            }
            for a, f in groups
            for v in ("none", "noise as printed", "shift")
        ],
        "lambda": [_lambda(a, f, f1, on) for a, f in groups],
        "baselines": {
            "covariates": {
                "test": _test(0.2157, classes),
                "f1_interval": [0.1, 0.32],
                "validation_f1": 0.27,
            }
        },
        "gap": {name: _gap(pairs) for name in ran},
        "cone": [
            _cone(dataset),
            {
                "approach": OTHER,
                "encoder": "llama",
                "modality": "text",
                "why": "llama has no random initialisation",
            },
        ],
        "not_run": [
            {
                "what": "CLIP ViT-B/32",
                "why": "no commit and sha256 is pinned",
                "command": "denguard weights timm/clip@<commit>/file --fetch",
            }
        ]
        if PRINTED not in ran
        else [],
        "approaches": list(about.values()),
        "request": {
            "dataset": dataset,
            "protocol": protocol,
            "data": "/data/ham",
            "out": "/runs/out",
            "study": None,
            "general": None,
        },
        "test_groups": 20,
        "seeds": [7, 8, 9],
        "epochs": 30,
        "versions": {"denguard": "0.1.0", "torch": "2.13.0"},
    }


def write(out: Path, *records: Record) -> Path:
    """Put records where a reproduction leaves them; the data set's folder."""
    for record in records:
        write_json(out / record["dataset"] / record["protocol"] / "results.json", record)
    return out / records[0]["dataset"]


def _named(approach: Record, fusion: str) -> Record:
    return {
        "approach": approach["id"],
        **{k: approach[k] for k in ("title", "beside", "as_printed")},
        "fusion": fusion,
    }


def _part(classes: tuple[str, ...]) -> Record:
    return {
        "metadata": 3338,
        "usable": 20,
        "with_image": 20,
        "with_text": 20,
        "groups": 20,
        "classes": dict.fromkeys(classes, 6),
    }


def _test(f1: float, classes: tuple[str, ...]) -> Record:
    return {
        "accuracy": 0.5,
        "macro_f1": f1,
        "rows": 20,
        "per_class": {c: {"f1": f1, "n": 6} for c in classes},
    }


def _scores(f1: float, classes: tuple[str, ...], on: str) -> Record:
    return {
        "accuracy": 0.5,
        "f1": f1,
        "epoch": 27,
        "selected_on": on,
        "f1_interval": [f1 - 0.1, f1 + 0.1],
        "f1_seed_min": f1 - 0.05,
        "f1_seed_max": f1 + 0.05,
        "per_class": _test(f1, classes)["per_class"],
    }


def _lambda(approach: Record, fusion: str, f1: float, on: str) -> Record:
    curve = [
        {
            "lambda": v,
            **{
                f"{rows}_{k}": f1 + 0.02 * v + d
                for rows in ("selection", "test")
                for k, d in (("mean", 0.0), ("min", -0.03), ("max", 0.03))
            },
        }
        for v in LAMBDAS
    ]
    return {
        **_named(approach, fusion),
        "lambda": 1.0,
        "reason": "the best of 3",
        "selected_on": on,
        "f1_at_0": f1,
        "f1_at_chosen": f1 + 0.02,
        "difference": {"value": 0.02, "lower": -0.05, "upper": 0.09, "groups": 20},
        "curve": curve,
    }


def _gap(pairs: int) -> Record:
    draw = np.random.default_rng(3)
    cloud = {
        name: np.round(draw.normal(size=(pairs, 3)), 5).tolist()
        for name in ("image", "text", "image_shifted", "text_shifted")
    }
    shifts = [
        {
            "lambda_shift": v,
            "gap_norm": 1.2 - v,
            "pair_cosine": {
                "mean": 0.1 * v,
                "quantiles": {"0.05": 0.1 * v - 0.05, "0.95": 0.1 * v + 0.05},
                "unpaired_mean": 0.0,
            },
            "linear_separability": {
                "accuracy": 1.0,
                "worst_fold": 0.9,
                "best_fold": 1.0,
                "n_pairs": pairs,
            },
        }
        for v in LAMBDAS
    ]
    return {
        "n_pairs": pairs,
        "text_variance": 2.113e-4,
        "image_variance": 0.0326,
        "fitted_gap_norm": 1.2,
        "stretched": "text",
        "shifts": shifts,
        "points": {**cloud, "explained_share": [0.61, 0.04, 0.03], "lambda_shift": 1.0},
    }


def _cone(dataset: str) -> Record:
    untrained = {
        "initialisation_variance": 0.51,
        "data_variance": 0.006,
        "data_share": 0.012,
        "mean_cosine": 0.99,
    }
    group = {
        "n_inputs": 10,
        "untrained": untrained,
        "trained": {"data_variance": 0.35, "mean_cosine": 0.64},
    }
    return {
        "approach": OTHER,
        "encoder": "timm_image",
        "modality": "image",
        "seeds": [1, 2],
        "groups": {dataset: group},
        "ratios": [],
    }
