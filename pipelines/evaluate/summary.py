"""Backtest predictions to one JSON-able record of metrics, every recipe beside every baseline."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s
from pipelines.config import Profile
from pipelines.contracts import FUSED_HEADS, LINEAR
from pipelines.errors import GateError
from pipelines.evaluate.baselines import BASELINES
from pipelines.evaluate.metrics import brier, calibration_table, macro_f1, scores, skill
from pipelines.evaluate.power import power_statements
from pipelines.run.progress import Progress

REFERENCES = ("linear", "prevalence", "persistence_calibrated", "climatology")
_OTHER_HEADS = "*"  # candidates that are neither the linear model nor fused
# (N,) label, probability and decision threshold of some rows.
_Judged = tuple[Float64s, Float64s, Float64s]
_NAMES = ("head", "unit_id")
_SCORED = (
    *_NAMES,
    "sample_id",
    "horizon_weeks",
    "test_year",
    "label",
    "probability",
    "decision_threshold",
    "lambda_shift",
    "has_modality",
    "origin_outbreak",
    "in_benchmark",
)
_POOLED = ("horizon_weeks", "head", "unit_id", "sample_id", "label", "probability")
_SINGLE_CLASS_KEEPS = ("rows", "outbreak_rows", "prevalence", "brier", "alarm_rate")


def summarise(predictions: pd.DataFrame, profile: Profile) -> dict[str, Any]:
    """Metrics of the benchmark municipalities, and the pool's Brier score in short.

    The record is nested as horizons -> "4" -> heads -> "linear" -> scores, `skill_vs`, `years`,
    `onset`, `municipalities`, `worst_municipality`, `calibration`. A score that the rows do not
    define is None.

    Raises:
        GateError: heads of one horizon were not predicted on the same rows.
    """
    rows = _coded(predictions)
    require_equal_rows(rows)
    judged = rows[rows["in_benchmark"]]
    by_horizon = judged.groupby("horizon_weeks", sort=True)
    progress, horizons = Progress("horizons scored", by_horizon.ngroups), {}
    for horizon, own in by_horizon:
        horizons[str(horizon)] = _horizon(own)
        progress.advance()
    return {
        "primary_horizon_weeks": profile.evaluate.primary_horizon_weeks,
        "test_years": sorted(int(y) for y in predictions["test_year"].unique()),
        "municipalities": sorted(judged["unit_id"].unique()),
        "horizons": horizons,
        "pool": _pool(rows),
        "power": power_statements(predictions, profile),
    }


def _coded(predictions: pd.DataFrame) -> pd.DataFrame:
    """The columns that are scored, names as codes: a nation's rows are split hundreds of times."""
    rows = predictions[list(_SCORED)].astype(dict.fromkeys(_NAMES, "category"))
    return rows.assign(sample_id=pd.factorize(predictions["sample_id"])[0])


def require_equal_rows(predictions: pd.DataFrame) -> None:
    """Raise GateError unless all heads of a horizon have the same rows, once each."""
    rows = predictions[["horizon_weeks", "head"]].assign(
        row=pd.factorize(predictions["sample_id"])[0]  # numbers sort faster than names
    )
    for horizon, own in rows.groupby("horizon_weeks"):
        heads = own.groupby("head", observed=True)["row"]
        ids = {str(head): np.sort(g.to_numpy()) for head, g in heads}
        reference = next(iter(ids.values()))
        if len(np.unique(reference)) != len(reference):
            raise GateError(
                "a sample was predicted twice by one head",
                where=f"horizon {horizon}",
                fix="run the backtest again",
            )
        odd = [head for head, found in ids.items() if not np.array_equal(found, reference)]
        if odd:
            raise GateError(
                f"{', '.join(odd)} and {next(iter(ids))} were not predicted on the same rows",
                where=f"horizon {horizon}",
                fix="run the backtest of every year again",
            )


def _horizon(rows: pd.DataFrame) -> dict[str, Any]:
    groups = {str(head): own for head, own in rows.groupby("head", sort=True, observed=True)}
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
    judged, years = _arrays(rows), rows["test_year"].to_numpy()
    calm = rows["origin_outbreak"].to_numpy() == 0
    return {
        **scores(*judged),
        "lambda_shift_by_year": _lambdas(rows),
        "with_modality": _short(*_where(rows["has_modality"].to_numpy(bool), judged)),
        "onset": dict(scores(*_where(calm, judged))),
        "years": {str(y): _short(*_where(years == y, judged)) for y in np.unique(years)},
        **_municipalities(rows),
        "calibration": calibration_table(judged[0], judged[1]),
    }


def _arrays(rows: pd.DataFrame) -> _Judged:
    label, probability, threshold = (
        rows[c].to_numpy(np.float64) for c in ("label", "probability", "decision_threshold")
    )
    return label, probability, threshold


def _where(rows: Bools, judged: _Judged) -> _Judged:
    label, probability, threshold = judged
    return label[rows], probability[rows], threshold[rows]


def _short(label: Float64s, probability: Float64s, threshold: Float64s) -> dict[str, Any]:
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
    for unit, own in _by_municipality(rows):
        full = dict(scores(*own))
        single = full["outbreak_rows"] in (0, full["rows"])
        kept = {k: (v if not single or k in _SINGLE_CLASS_KEEPS else None) for k, v in full.items()}
        yield {"unit_id": unit, "single_class": single, **kept}


def _by_municipality(rows: pd.DataFrame) -> Iterator[tuple[str, _Judged]]:
    """Each municipality, by name, with the `_arrays` of its rows in their order."""
    units = rows["unit_id"].cat
    order = np.argsort(units.codes, kind="stable")
    codes, arrays = units.codes.to_numpy()[order], [one[order] for one in _arrays(rows)]
    cuts = np.flatnonzero(np.diff(codes)) + 1
    names = units.categories[codes[np.append(0, cuts)]]
    for unit, label, probability, threshold in zip(
        names, *(np.split(one, cuts) for one in arrays), strict=True
    ):
        yield str(unit), (label, probability, threshold)


def _pool(rows: pd.DataFrame) -> dict[str, Any]:
    """Brier score over the whole training pool; fused heads are their base off the
    benchmark."""
    return {
        str(horizon): {
            "municipalities": int(own["unit_id"].nunique()),
            "rows": int(own["sample_id"].nunique()),
            "brier": {
                str(head): brier(of["label"].to_numpy(), of["probability"].to_numpy())
                for head, of in own.groupby("head", sort=False, observed=True)
            },
        }
        for horizon, own in rows[list(_POOLED)].groupby("horizon_weeks", sort=True)
    }
