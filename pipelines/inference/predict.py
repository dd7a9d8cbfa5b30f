"""What a prediction needs and nothing more; evaluation, forecast and serving all use it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from pipelines.arrays import Float32s, Float64s
from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples
from pipelines.fusion.horizon import HorizonModel
from pipelines.inference.asked_row import PredictionRow
from pipelines.inference.rows import vector_input
from pipelines.inference.vectors import VectorInput, vector_examples

Use = Literal["used", "missing", "not used by this head"]


def predict_proba(model: HorizonModel, examples: Examples) -> Float64s:
    """(N,) calibrated probabilities of an outbreak week."""
    return model.probability(examples)


@dataclass(frozen=True)
class Prediction:
    """The answer for one row.

    Attributes:
        outbreak: probability at or above the decision threshold.
        mask: for image and text, whether the vector was used, missing, or not read by this head.
    """

    probability: float
    outbreak: bool
    decision_threshold: float
    threshold_cases: float
    lambda_shift: float
    mask: dict[str, Use]


def predict_examples(model: HorizonModel, examples: Examples) -> list[Prediction]:
    """One Prediction for each row, computed as one batch."""
    probability = predict_proba(model, examples)
    outbreak = probability >= model.decision_threshold
    reads = model.vector_widths is not None
    return [
        Prediction(
            float(probability[i]),
            bool(outbreak[i]),
            model.decision_threshold,
            float(examples.threshold_cases[i]),
            model.lambda_shift,
            {"image": _use(reads, image), "text": _use(reads, text)},
        )
        for i, (image, text) in enumerate(zip(examples.image.mask, examples.text.mask, strict=True))
    ]


def predict_rows(
    bundle: Bundle,
    rows: Sequence[PredictionRow],
    images: Sequence[Float32s | None] = (),
    texts: Sequence[Float32s | None] = (),
) -> list[Prediction]:
    """One Prediction for each row of plain fields, in the order given; one batch a horizon.

    Args:
        images, texts: raw encoder vectors, one for each row, None where missing; empty if no row
            has one.

    Raises:
        ConfigError: an unknown municipality or horizon, a vector of another width, or climate that
            was not known at the origin.
    """
    none = [None] * len(rows)
    inputs = [
        (row.horizon_weeks, vector_input(bundle, row, image, text))
        for row, image, text in zip(rows, images or none, texts or none, strict=True)
    ]
    return predict_vectors(bundle, inputs)


def predict_vectors(bundle: Bundle, rows: Sequence[tuple[int, VectorInput]]) -> list[Prediction]:
    """One Prediction for each (horizon in weeks, covariates and vectors), in the order given.

    Raises:
        ConfigError: as predict_rows.
    """
    out: dict[int, Prediction] = {}
    for horizon in sorted({h for h, _ in rows}):
        model = bundle.models.get(horizon)
        if model is None:
            raise ConfigError(
                f"the model does not predict {horizon} weeks ahead",
                fix=f"ask for one of {sorted(bundle.models)}",
            )
        at = [i for i, (h, _) in enumerate(rows) if h == horizon]
        examples = vector_examples(bundle, horizon, [rows[i][1] for i in at])
        out |= dict(zip(at, predict_examples(model, examples), strict=True))
    return [out[i] for i in range(len(rows))]


def _use(reads: bool, present: bool) -> Use:
    if not reads:
        return "not used by this head"
    return "used" if present else "missing"
