"""Golden rows: a few synthetic inputs and the probabilities that a bundle gave for them when made.

Belongs here: making, storing and recomputing them, so that a bundle proves itself on a new machine.
Synthetic on purpose: a bundle carries no real row. They follow from a formula, not from a random
generator, whose stream may change between versions. Does not belong here: what to do on a
difference (bundle.check_golden).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.contracts import COVARIATES
from pipelines.fusion.examples import Examples, Floats, ModalityVectors
from pipelines.fusion.linear import LinearModel
from pipelines.fusion.model import HorizonModel, reproducible

_THRESHOLD_CASES = 10.0
_PROBABILITY_DECIMALS = 6  # finer digits differ between CPUs
_ROWS = (("both", True, True), ("image only", True, False), ("text only", False, True), ("none", False, False))  # fmt: skip


@dataclass(frozen=True)
class GoldenRow:
    """One synthetic row; image and text are null where missing; probability is by horizon."""

    name: str
    covariates: tuple[float, ...]
    threshold_cases: float
    image: tuple[float, ...] | None
    text: tuple[float, ...] | None
    probability: dict[int, float]

    def to_json(self) -> dict[str, Any]:
        """JSON-able, keys as text."""
        expected = {str(h): p for h, p in self.probability.items()}
        return {
            "name": self.name,
            "covariates": self.covariates,
            "threshold_cases": self.threshold_cases,
            "image": self.image,
            "text": self.text,
            "probability": expected,
        }

    @classmethod
    def from_json(cls, raw: dict[str, Any]) -> GoldenRow:
        """The inverse. Raises KeyError, TypeError or ValueError on anything else."""
        image, text = (tuple(map(float, raw[m])) if raw[m] else None for m in ("image", "text"))
        expected = {int(h): float(p) for h, p in raw["probability"].items()}
        covariates = tuple(map(float, raw["covariates"]))
        return cls(
            str(raw["name"]), covariates, float(raw["threshold_cases"]), image, text, expected
        )


def golden_rows(models: Mapping[int, HorizonModel]) -> list[GoldenRow]:
    """One row for each pattern of missing modalities, with the models' probabilities."""
    first = models[min(models)]
    fused = next((m.fused for m in models.values() if m.fused), None)
    image_width, text_width = (fused.image_width, fused.text_width) if fused else (1, 1)
    rows = []
    for number, (name, has_image, has_text) in enumerate(_ROWS):
        covariates = _near_the_mean(first.linear, 0.7 + number)
        image = _listed(_wave(image_width, 1.3 + number)) if has_image else None
        text = _listed(_wave(text_width, 2.9 + number)) if has_text else None
        rows.append(GoldenRow(name, _listed(covariates), _THRESHOLD_CASES, image, text, {}))
    answers = _answers(models, rows)
    return [
        GoldenRow(r.name, r.covariates, r.threshold_cases, r.image, r.text, {h: p[i] for h, p in answers.items()})
        for i, r in enumerate(rows)
    ]  # fmt: skip


def worst_difference(models: Mapping[int, HorizonModel], rows: Sequence[GoldenRow]) -> float:
    """Largest absolute difference between recorded and recomputed probabilities; inf if none."""
    if not rows:
        return float("inf")
    answers = _answers(models, rows)
    found = np.array([[answers[h][i] for h in models] for i in range(len(rows))])
    recorded = np.array([[row.probability.get(h, np.inf) for h in models] for row in rows])
    return float(np.abs(found - recorded).max())


def _near_the_mean(linear: LinearModel, phase: float) -> npt.NDArray[np.float64]:
    """(K,) raw covariates within one training standard deviation of the mean."""
    columns = len(COVARIATES)  # the design begins with the covariates
    values = linear.mean[:columns] + linear.scale[:columns] * _wave(columns, phase)
    relative = np.array([c.kind == "log_cases" for c in COVARIATES])
    return np.where(relative, np.maximum(values + np.log1p(_THRESHOLD_CASES), 0.0), values)


def _answers(
    models: Mapping[int, HorizonModel], rows: Sequence[GoldenRow]
) -> dict[int, list[float]]:
    with reproducible(threads=1):
        return {
            h: [
                round(float(p), _PROBABILITY_DECIMALS)
                for p in model.probability(_examples(h, rows))
            ]
            for h, model in sorted(models.items())
        }


def _examples(horizon: int, rows: Sequence[GoldenRow]) -> Examples:
    count = len(rows)
    return Examples(
        horizon_weeks=horizon,
        sample_id=np.array([row.name for row in rows], dtype=object),
        unit_id=np.array(["golden"] * count, dtype=object),
        origin_week_no=np.zeros(count, dtype=np.int32),
        target_week_no=np.full(count, horizon, dtype=np.int32),
        covariates=np.array([row.covariates for row in rows], dtype=np.float32),
        threshold_cases=np.array([row.threshold_cases for row in rows], dtype=np.float32),
        label=np.full(count, np.nan, dtype=np.float32),
        image=_modality([row.image for row in rows]),
        text=_modality([row.text for row in rows]),
    )


def _modality(vectors: Sequence[tuple[float, ...] | None]) -> ModalityVectors:
    present = [v for v in vectors if v is not None]
    table = np.array(present, dtype=np.float32).reshape(len(present), -1 if present else 1)
    has = np.array([v is not None for v in vectors])
    return ModalityVectors(table, np.where(has, np.cumsum(has) - 1, -1).astype(np.int32))


def _wave(length: int, phase: float) -> Floats:
    return np.asarray(np.sin(phase * (1.0 + np.arange(length))), dtype=np.float32)


def _listed(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(v), 4) for v in values)
