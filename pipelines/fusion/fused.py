"""A fused head as a forecaster: the frozen linear logit plus what the head makes of the vectors.

Shape letters: N rows.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from scipy.special import expit

from pipelines.arrays import Float64s
from pipelines.errors import StoreError
from pipelines.fusion.examples import Examples
from pipelines.fusion.heads import FusedKind, build_head
from pipelines.fusion.linear import LinearModel
from pipelines.fusion.model import FusedModel
from pipelines.fusion.weights import FIX, Tensors, below, read_tensors, write_tensors
from pipelines.storage import read_json, write_json

_WEIGHTS, _SHAPE = "fused.safetensors", "fused.json"
_SHAPE_KEYS = ("kind", "image_width", "text_width", "width", "lambda_shift", "gap_kind")


@dataclass(frozen=True)
class FusedForecaster:
    """The linear logit plus what a head makes of the vectors.

    Attributes:
        head: its name in contracts.FUSED_HEADS.
        fused: None where validation chose epoch 0, which is the linear model.
    """

    head: FusedKind
    linear: LinearModel
    fused: FusedModel | None = None

    lone_row = True

    @property
    def columns(self) -> tuple[str, ...]:
        """What it reads of a row."""
        return (*self.linear.columns, "image", "text")

    @property
    def centre(self) -> Mapping[str, tuple[float, float]]:
        """As of the linear model."""
        return self.linear.centre

    @property
    def lambda_shift(self) -> float:
        """How far it moves image and text vectors."""
        return self.fused.lambda_shift if self.fused else 0.0

    @property
    def vector_widths(self) -> tuple[int, int] | None:
        """Widths of image and text vectors; None if it reads none."""
        return (self.fused.image_width, self.fused.text_width) if self.fused else None

    def decision_function(self, rows: Examples) -> Float64s:
        """(N,) log odds; a row without any modality has exactly the linear ones."""
        linear = self.linear.logit(rows)
        return linear if self.fused is None else linear + self.fused.residual(rows)

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,) probabilities, before calibration."""
        return np.asarray(expit(self.decision_function(rows)), dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write the linear model's files, and the head's if there is one."""
        self.linear.save(folder)
        if self.fused is not None:
            state = {f"state/{name}": value for name, value in self.fused.state.items()}
            write_tensors(folder / _WEIGHTS, {"gap": self.fused.gap, **state})
            write_json(folder / _SHAPE, {key: getattr(self.fused, key) for key in _SHAPE_KEYS})


def load_fused(head: FusedKind, folder: Path) -> FusedForecaster:
    """The inverse of save. Raises StoreError on another head's weights or other shapes."""
    linear = LinearModel.load(folder)
    if not (folder / _SHAPE).is_file():
        return FusedForecaster(head, linear)
    shape, found = read_json(folder / _SHAPE), read_tensors(folder / _WEIGHTS)
    if shape.get("kind") != head:
        raise StoreError(
            f"the weights are of the head {shape.get('kind')!r}, not of {head!r}",
            where=str(folder),
            fix=FIX,
        )
    try:
        return FusedForecaster(head, linear, fused_model(shape, found))
    except (KeyError, TypeError, ValueError, RuntimeError) as err:
        raise StoreError(
            f"the weights are not those of a head: {err}", where=str(folder), fix=FIX
        ) from err


def fused_model(shape: Mapping[str, Any], tensors: Tensors) -> FusedModel:
    """A head of its stored shape and arrays. Raises ValueError if they do not fit each other."""
    kind, width, gap_kind = str(shape["kind"]), int(shape["width"]), shape["gap_kind"]
    if gap_kind not in ("vector", "scalar"):
        raise ValueError(f"no gap of kind {gap_kind!r}")
    if tensors["gap"].shape != (width if gap_kind == "vector" else 1,):
        raise ValueError(f"the gap has shape {tensors['gap'].shape} beside width {width}")
    state = below(tensors, "state/")
    with torch.device("meta"):  # shapes alone: a width of a billion must not take memory
        expected = {
            k: tuple(v.shape) for k, v in build_head(kind, width, width).state_dict().items()
        }
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
