"""A fused head as a forecaster: frozen tabular log odds plus what the head makes of the vectors.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import expit

from pipelines.arrays import Float64s
from pipelines.candidate_config import forecaster_kind
from pipelines.contracts import LINEAR, FusedKind
from pipelines.errors import StoreError
from pipelines.fusion.by_torch import needs_torch
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Forecaster, HasCentre, forecaster_class
from pipelines.fusion.horizon import log_odds
from pipelines.fusion.linear import LinearModel
from pipelines.fusion.model import FusedModel
from pipelines.fusion.plain import SHAPES
from pipelines.fusion.weights import FIX, Tensors, below, read_tensors, write_tensors
from pipelines.storage import read_json, write_json

_WEIGHTS, _SHAPE = "fused.safetensors", "fused.json"
_BASE, _BASE_FILES = "base.json", "base"  # where the base is not the linear model
_SHAPE_KEYS = ("kind", "image_width", "text_width", "width", "lambda_shift", "gap_kind")


@dataclass(frozen=True)
class FusedForecaster:
    """The log odds of a tabular forecaster plus what a head makes of the vectors.

    Attributes:
        head: its name in contracts.FUSED_HEADS.
        base: what it adds to.
        fused: None where validation chose epoch 0, which is the base alone.
        base_kind: the base's name.
    """

    head: FusedKind
    base: Forecaster
    fused: FusedModel | None = None
    base_kind: str = LINEAR

    @property
    def lone_row(self) -> bool:
        """As of the base."""
        return self.base.lone_row

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads of a row."""
        return (*self.base.columns, "image", "text")

    @property
    def centre(self) -> Mapping[str, tuple[float, float]]:
        """As of the base; empty where that does not know it."""
        return self.base.centre if isinstance(self.base, HasCentre) else {}

    @property
    def lambda_shift(self) -> float:
        """How far it moves image and text vectors."""
        return self.fused.lambda_shift if self.fused else 0.0

    @property
    def vector_widths(self) -> tuple[int, int] | None:
        """Widths of image and text vectors; None if it reads none."""
        return (self.fused.image_width, self.fused.text_width) if self.fused else None

    def decision_function(self, rows: Examples) -> Float64s:
        """(N,) log odds; a row without any modality has exactly the base's."""
        base = log_odds(self.base, rows)
        return base if self.fused is None else base + self.fused.residual(rows)

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,) probabilities, before calibration."""
        return np.asarray(expit(self.decision_function(rows)), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the base's files, and the head's if there is one.

        Those of a linear base lie where they always lay; any other's in a folder, with its name.
        """
        if self.base_kind == LINEAR:
            self.base.save(folder)
        else:
            (folder / _BASE_FILES).mkdir()
            self.base.save(folder / _BASE_FILES)
            write_json(folder / _BASE, {"kind": self.base_kind})
        if self.fused is not None:
            state = {f"state/{name}": value for name, value in self.fused.state.items()}
            write_tensors(folder / _WEIGHTS, {"gap": self.fused.gap, **state})
            write_json(folder / _SHAPE, {key: getattr(self.fused, key) for key in _SHAPE_KEYS})


def load_fused(head: FusedKind, folder: Path) -> FusedForecaster:
    """The inverse of save.

    Raises:
        StoreError: another head's weights, or other shapes.
        ConfigError: a head that only torch can run, and torch is not installed.
    """
    base, base_kind = _load_base(folder)
    if not (folder / _SHAPE).is_file():
        return FusedForecaster(head, base, None, base_kind)
    shape, found = read_json(folder / _SHAPE), read_tensors(folder / _WEIGHTS)
    if shape.get("kind") != head:
        raise StoreError(
            f"the weights are of the head {shape.get('kind')!r}, not of {head!r}",
            where=str(folder),
            fix=FIX,
        )
    try:
        return FusedForecaster(head, base, fused_model(shape, found), base_kind)
    except (KeyError, TypeError, ValueError, RuntimeError) as err:
        raise StoreError(
            f"the weights are not those of a head: {err}", where=str(folder), fix=FIX
        ) from err


def _load_base(folder: Path) -> tuple[Forecaster, str]:
    """What the head adds to, and its name. Raises StoreError if that reads vectors itself."""
    if not (folder / _BASE).is_file():
        return LinearModel.load(folder), LINEAR
    kind = str(read_json(folder / _BASE).get("kind"))
    if kind == LINEAR or forecaster_kind(kind).reads_vectors:
        raise StoreError(
            f"{_BASE} names {kind!r}, which no head starts from", where=str(folder), fix=FIX
        )
    return forecaster_class(kind).load(folder / _BASE_FILES), kind


def fused_model(shape: Mapping[str, Any], tensors: Tensors) -> FusedModel:
    """A head of its stored shape and arrays. Raises ValueError if they do not fit each other."""
    kind, width, gap_kind = str(shape["kind"]), int(shape["width"]), shape["gap_kind"]
    if gap_kind not in ("vector", "scalar"):
        raise ValueError(f"no gap of kind {gap_kind!r}")
    if tensors["gap"].shape != (width if gap_kind == "vector" else 1,):
        raise ValueError(f"the gap has shape {tensors['gap'].shape} beside width {width}")
    state = below(tensors, "state/")
    expected = _shapes(kind, width)
    if {name: value.shape for name, value in state.items()} != expected:
        raise ValueError(f"the {kind} head's parameters have other names or shapes")
    return FusedModel(
        kind,
        int(shape["image_width"]),
        int(shape["text_width"]),
        width,
        float(shape["lambda_shift"]),
        tensors["gap"],
        state,
        gap_kind,
    )


def _shapes(kind: FusedKind, width: int) -> dict[str, tuple[int, ...]]:
    """Of a head's parameters; nothing of the width is allocated, which may be a billion."""
    if kind in SHAPES:
        return SHAPES[kind](width)
    with needs_torch(kind):
        from pipelines.fusion.tensors import shapes_of
    return shapes_of(kind, width)
