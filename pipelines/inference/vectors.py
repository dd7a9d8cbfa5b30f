"""Rows of covariates and encoder vectors, as asked over HTTP or MLflow, made into Examples.

Shape letters: N rows, K covariates, M vectors given, D their width.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import count

import numpy as np

from pipelines.arrays import Float32s
from pipelines.contracts import Modality
from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples, ModalityVectors


@dataclass(frozen=True)
class VectorInput:
    """One row: covariates by name (None or absent where missing) and raw encoder vectors.

    The origin week is needed where the label rule's thresholds differ by year or season.
    """

    unit_id: str
    covariates: Mapping[str, float | None]
    image: Sequence[float] | Float32s | None = None
    text: Sequence[float] | Float32s | None = None
    origin_week_no: int | None = None


def vector_examples(bundle: Bundle, horizon_weeks: int, rows: Sequence[VectorInput]) -> Examples:
    """Examples of one horizon, in the order given, labels unknown.

    Raises:
        ConfigError: a municipality without threshold, no origin week where the threshold depends on
            it, or a vector of another width than the bundle's.
    """
    origin = np.array([row.origin_week_no or 0 for row in rows], dtype=np.int32)
    limits = [bundle.thresholds.of(row.unit_id, row.origin_week_no, horizon_weeks) for row in rows]
    names = [f"{row.unit_id}-{i}" for i, row in enumerate(rows)]
    return Examples(
        horizon_weeks=horizon_weeks,
        sample_id=np.array(names, dtype=object),
        unit_id=np.array([row.unit_id for row in rows], dtype=object),
        origin_week_no=origin,
        target_week_no=origin + np.int32(horizon_weeks),
        covariates=_covariates(bundle, rows),
        covariate_names=bundle.meta.covariate_names,
        threshold_cases=np.array(limits, dtype=np.float32),
        label=np.full(len(rows), np.nan, dtype=np.float32),
        image=_modality(bundle, "image", [row.image for row in rows]),
        text=_modality(bundle, "text", [row.text for row in rows]),
        calendar=bundle.calendar,
    )


def _covariates(bundle: Bundle, rows: Sequence[VectorInput]) -> Float32s:
    """(N, K), NaN where missing."""
    names = bundle.meta.covariate_names
    values = [[row.covariates.get(name) for name in names] for row in rows]
    out: Float32s = np.array(values, dtype=np.float32).reshape(len(rows), len(names))  # None: NaN
    return out


def _modality(
    bundle: Bundle, modality: Modality, vectors: Sequence[Sequence[float] | Float32s | None]
) -> ModalityVectors:
    """(M, D) table and (N,) rows of it; a linear bundle's width is whatever is given."""
    width = vector_width(bundle, modality)
    given = [v for v in vectors if v is not None]
    for vector in given:
        width = width or len(vector)
        if len(vector) != width:
            raise ConfigError(
                f"an {modality} vector has {len(vector)} numbers, not {width}",
                fix=f"send vectors of the encoder that GET /model names as {modality}_encoder",
            )
    number = count()
    row = [-1 if v is None else next(number) for v in vectors]
    table = np.array(given, dtype=np.float32).reshape(len(given), width or 1)
    return ModalityVectors(table, np.array(row, dtype=np.int32))


def vector_width(bundle: Bundle, modality: Modality) -> int | None:
    """Width that the bundle's heads read, None if none of them reads vectors."""
    widths = next((m.vector_widths for m in bundle.models.values() if m.vector_widths), None)
    if widths is None:
        return None
    return widths[0] if modality == "image" else widths[1]
