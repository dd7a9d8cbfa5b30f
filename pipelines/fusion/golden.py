"""Golden rows: a few synthetic inputs and the probabilities that a bundle gave for them when made.

A bundle proves itself with them on a new machine. Synthetic on purpose: a bundle carries no real
row. They follow from a formula, not from a random generator, whose stream may change between
versions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from pipelines.arrays import Float32s, Float64s
from pipelines.contracts import COVARIATES
from pipelines.fusion.examples import Examples, ModalityVectors
from pipelines.fusion.forecaster import HasCentre
from pipelines.fusion.horizon import HorizonModel

_THRESHOLD_CASES = 10.0
_COUNTS = frozenset(c.name for c in COVARIATES if c.kind == "log_cases")
_PROBABILITY_DECIMALS = 6  # finer digits differ between CPUs
_ROWS = (
    ("both", True, True),
    ("image only", True, False),
    ("text only", False, True),
    ("none", False, False),
)


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


def golden_rows(models: Mapping[int, HorizonModel], names: Sequence[str]) -> list[GoldenRow]:
    """One row for each pattern of missing modalities, with the models' probabilities.

    Args:
        names: of the covariates that the models were fitted on.
    """
    widths = next((m.vector_widths for m in models.values() if m.vector_widths), (1, 1))
    rows = []
    for number, (name, has_image, has_text) in enumerate(_ROWS):
        covariates = _near_the_mean(models[min(models)], names, 0.7 + number)
        image = _listed(_wave(widths[0], 1.3 + number)) if has_image else None
        text = _listed(_wave(widths[1], 2.9 + number)) if has_text else None
        rows.append(GoldenRow(name, _listed(covariates), _THRESHOLD_CASES, image, text, {}))
    answers = _answers(models, rows, names)
    return [
        GoldenRow(
            r.name,
            r.covariates,
            r.threshold_cases,
            r.image,
            r.text,
            {h: p[i] for h, p in answers.items()},
        )
        for i, r in enumerate(rows)
    ]


def worst_difference(
    models: Mapping[int, HorizonModel], rows: Sequence[GoldenRow], names: Sequence[str]
) -> float:
    """Largest absolute difference between recorded and recomputed probabilities; inf if none."""
    if not rows:
        return float("inf")
    answers = _answers(models, rows, names)
    found = np.array([[answers[h][i] for h in models] for i in range(len(rows))])
    recorded = np.array([[row.probability.get(h, np.inf) for h in models] for row in rows])
    return float(np.abs(found - recorded).max())


def _near_the_mean(model: HorizonModel, names: Sequence[str], phase: float) -> Float64s:
    """(K,) raw covariates within one training standard deviation of the mean, where it is known."""
    known = model.forecaster.centre if isinstance(model.forecaster, HasCentre) else {}
    centre = np.array([known.get(name, (0.0, 1.0)) for name in names]).reshape(-1, 2)
    values = centre[:, 0] + centre[:, 1] * _wave(len(names), phase)
    relative = np.array([name in _COUNTS for name in names], dtype=bool)
    return np.where(relative, np.maximum(values + np.log1p(_THRESHOLD_CASES), 0.0), values)


def _answers(
    models: Mapping[int, HorizonModel], rows: Sequence[GoldenRow], names: Sequence[str]
) -> dict[int, list[float]]:
    return {
        h: [
            round(float(p), _PROBABILITY_DECIMALS)
            for p in model.probability(_examples(h, rows, names))
        ]
        for h, model in sorted(models.items())
    }


def _examples(horizon: int, rows: Sequence[GoldenRow], names: Sequence[str]) -> Examples:
    count = len(rows)
    return Examples(
        horizon_weeks=horizon,
        sample_id=np.array([row.name for row in rows], dtype=object),
        unit_id=np.array(["golden"] * count, dtype=object),
        origin_week_no=np.zeros(count, dtype=np.int32),
        target_week_no=np.full(count, horizon, dtype=np.int32),
        covariates=np.array([row.covariates for row in rows], dtype=np.float32).reshape(count, -1),
        covariate_names=tuple(names),
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


def _wave(length: int, phase: float) -> Float32s:
    return np.asarray(np.sin(phase * (1.0 + np.arange(length))), dtype=np.float32)


def _listed(values: npt.NDArray[np.floating]) -> tuple[float, ...]:
    return tuple(round(float(v), 4) for v in values)
