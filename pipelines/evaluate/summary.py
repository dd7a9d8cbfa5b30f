"""Backtest predictions to one JSON-able record of metrics, every recipe beside every baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Texts
from pipelines.config import Profile
from pipelines.contracts import FUSED_HEADS, LINEAR
from pipelines.errors import GateError
from pipelines.evaluate.baselines import BASELINES
from pipelines.evaluate.metrics import brier, calibration_table, macro_f1, scores, skill
from pipelines.evaluate.power import power_statements
from pipelines.run.progress import Progress

REFERENCES = ("linear", "prevalence", "persistence_calibrated", "climatology")
_OTHER_HEADS = "*"  # candidates that are neither the linear model nor fused
_SINGLE_CLASS_KEEPS = ("rows", "outbreak_rows", "prevalence", "brier", "alarm_rate")


def summarise(predictions: pd.DataFrame, profile: Profile) -> dict[str, Any]:
    """Metrics of the benchmark municipalities, and the pool's Brier score in short.

    The record is nested as horizons -> "4" -> heads -> "linear" -> scores, `skill_vs`, `years`,
    `onset`, `municipalities`, `worst_municipality`, `calibration`. A score that the rows do not
    define is None.

    Raises:
        GateError: heads of one horizon were not predicted on the same rows.
    """
    require_equal_rows(predictions)
    judged = predictions[predictions["in_benchmark"]]
    by_horizon = judged.groupby("horizon_weeks", sort=True)
    progress, horizons = Progress("horizons scored", by_horizon.ngroups), {}
    for horizon, rows in by_horizon:
        horizons[str(horizon)] = _horizon(rows)
        progress.advance()
    return {
        "primary_horizon_weeks": profile.evaluate.primary_horizon_weeks,
        "test_years": sorted(int(y) for y in predictions["test_year"].unique()),
        "municipalities": sorted(judged["unit_id"].unique()),
        "horizons": horizons,
        "pool": _pool(predictions),
        "power": power_statements(predictions, profile),
    }


def require_equal_rows(predictions: pd.DataFrame) -> None:
    """Raise GateError unless all heads of a horizon have the same rows, once each."""
    for horizon, rows in predictions[["horizon_weeks", "head", "sample_id"]].groupby(
        "horizon_weeks"
    ):
        ids = {str(head): own.to_numpy() for head, own in rows.groupby("head")["sample_id"]}
        reference = next(iter(ids.values()))
        if len(pd.unique(reference)) != len(reference):
            raise GateError(
                "a sample was predicted twice by one head",
                where=f"horizon {horizon}",
                fix="run the backtest again",
            )
        odd = [head for head, own in ids.items() if not _same_rows(own, reference)]
        if odd:
            raise GateError(
                f"{', '.join(odd)} and {next(iter(ids))} were not predicted on the same rows",
                where=f"horizon {horizon}",
                fix="run the backtest of every year again",
            )


def _same_rows(own: Texts, other: Texts) -> bool:
    """Whether they are, in whatever order; those of one backtest mostly are in one."""
    if np.array_equal(own, other):
        return True
    return np.array_equal(np.sort(own.astype(str)), np.sort(other.astype(str)))


def _horizon(rows: pd.DataFrame) -> dict[str, Any]:
    groups = {str(head): own for head, own in rows.groupby("head", sort=True)}
    heads = {head: _head(groups[head]) for head in sorted(groups, key=_place)}
    for record in heads.values():
        record["skill_vs"] = {
            name: skill(record["brier"], heads[name]["brier"])
            for name in REFERENCES
            if name in heads
        }
    some = next(iter(heads.values()))
    return {
        "rows": some["rows"],
        "prevalence": some["prevalence"],
        "onset_rows": some["onset"]["outbreak_rows"],
        "heads": heads,
    }


def _place(head: str) -> int:
    """Heads first, then baselines from the simplest on."""
    order = (LINEAR, *FUSED_HEADS, _OTHER_HEADS, *BASELINES)
    return order.index(head if head in order else _OTHER_HEADS)


def _head(rows: pd.DataFrame) -> dict[str, Any]:
    return {
        **_scores(rows),
        "lambda_shift_by_year": _lambdas(rows),
        "with_modality": _short(rows[rows["has_modality"]]),
        "onset": _scores(rows[rows["origin_outbreak"] == 0]),
        "years": {str(y): _short(own) for y, own in rows.groupby("test_year", sort=True)},
        **_municipalities(rows),
        "calibration": calibration_table(rows["label"].to_numpy(), rows["probability"].to_numpy()),
    }


def _arrays(rows: pd.DataFrame) -> tuple[Float64s, Float64s, Float64s]:
    label, probability, threshold = (
        rows[c].to_numpy(np.float64) for c in ("label", "probability", "decision_threshold")
    )
    return label, probability, threshold


def _scores(rows: pd.DataFrame) -> dict[str, Any]:
    return dict(scores(*_arrays(rows)))


def _short(rows: pd.DataFrame) -> dict[str, Any]:
    label, probability, threshold = _arrays(rows)
    return {
        "rows": len(label),
        "outbreak_rows": int(label.sum()),
        "prevalence": float(label.mean()) if len(label) else None,
        "brier": brier(label, probability),
        "macro_f1": macro_f1(label, probability >= threshold),
    }


def _lambdas(rows: pd.DataFrame) -> dict[str, float]:
    chosen = rows.dropna(subset="lambda_shift").groupby("test_year")["lambda_shift"].first()
    return {str(year): float(value) for year, value in chosen.items()}


def _municipalities(rows: pd.DataFrame) -> dict[str, Any]:
    """Scores by municipality; where only one class occurred, the Brier score and counts only."""
    table = list(_each_municipality(rows))
    known = [m for m in table if m["brier"] is not None]
    worst = max(known, key=lambda m: (m["brier"], m["unit_id"]))["unit_id"] if known else None
    return {"municipalities": table, "worst_municipality": worst}


def _each_municipality(rows: pd.DataFrame) -> Iterator[dict[str, Any]]:
    for unit, own in rows.groupby("unit_id", sort=True):
        full = _scores(own)
        single = full["outbreak_rows"] in (0, full["rows"])
        kept = {k: (v if not single or k in _SINGLE_CLASS_KEEPS else None) for k, v in full.items()}
        yield {"unit_id": str(unit), "single_class": single, **kept}


def _pool(predictions: pd.DataFrame) -> dict[str, Any]:
    """Brier score over the whole training pool; fused heads are their base off the
    benchmark."""
    return {
        str(horizon): {
            "municipalities": int(rows["unit_id"].nunique()),
            "rows": int(rows["sample_id"].nunique()),
            "brier": {
                str(head): brier(own["label"].to_numpy(), own["probability"].to_numpy())
                for head, own in rows.groupby("head", sort=False)
            },
        }
        for horizon, rows in predictions.groupby("horizon_weeks", sort=True)
    }
