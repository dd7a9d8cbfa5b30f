"""How a bundle's models lie in head.safetensors: names, shapes, checks.

Belongs here: HorizonModel <-> named tensors. Does not belong here: files of the bundle (bundle.py).

Names: `h04/linear/{mean,scale,weight,bias}`, `h04/calibrator` = (slope, intercept),
`h04/decision_threshold`, and with a fused part `h04/fused/{kind,image_width,text_width,width,
lambda_shift,gap_kind,gap,calibrator}` and `h04/fused/state/<parameter>`. Kinds are stored as their
position in contracts.FUSED_HEADS and GAP_KINDS.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pipelines.contracts import FUSED_HEADS
from pipelines.errors import StoreError
from pipelines.fusion.alignment import GapKind
from pipelines.fusion.calibration import Platt
from pipelines.fusion.heads import build_head
from pipelines.fusion.linear import DESIGN_NAMES, LinearModel
from pipelines.fusion.model import FusedModel, HorizonModel

Tensors = dict[str, npt.NDArray[Any]]
GAP_KINDS: tuple[GapKind, ...] = ("vector", "scalar")
_FIX = "train again, or fetch the bundle again from the registry"


def tensors_of(models: Mapping[int, HorizonModel]) -> Tensors:
    """All models as named tensors, sorted by name."""
    out: Tensors = {}
    for horizon, model in models.items():
        out |= {f"h{horizon:02d}/{name}": value for name, value in _horizon_tensors(model).items()}
    return {name: np.ascontiguousarray(out[name]) for name in sorted(out)}


def models_from(tensors: Tensors, where: Path) -> dict[int, HorizonModel]:
    """Models of named tensors. Raises StoreError on a missing name, a wrong shape or a NaN."""
    unfit = sorted(k for k, v in tensors.items() if not np.isfinite(v).all())
    if unfit:
        raise StoreError(f"not finite: {', '.join(unfit)}", where=str(where), fix=_FIX)
    try:
        horizons = sorted({int(name[1:3]) for name in tensors})
        return {h: _horizon_model(h, _below(tensors, f"h{h:02d}/")) for h in horizons}
    except (KeyError, IndexError, ValueError, RuntimeError) as err:
        raise StoreError(f"the weights are not those of a head: {err}", where=str(where), fix=_FIX) from err  # fmt: skip


def pack(tensors: Tensors) -> bytes:
    """The bytes of head.safetensors. Raises StoreError if a value is not finite."""
    unfit = sorted(k for k, v in tensors.items() if not np.isfinite(v).all())
    if unfit:
        raise StoreError(f"not finite: {', '.join(unfit)}", where="head.safetensors", fix="lower the learning rate, or look at the training data")  # fmt: skip
    return bytes(save(tensors))


def unpack(path: Path) -> Tensors:
    """The tensors of head.safetensors. Raises StoreError if the file is damaged."""
    try:
        return dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as err:
        raise StoreError(f"the weights cannot be read: {err}", where=str(path), fix=_FIX) from err


def _horizon_tensors(model: HorizonModel) -> Tensors:
    out: Tensors = {
        "linear/mean": model.linear.mean,
        "linear/scale": model.linear.scale,
        "linear/weight": model.linear.weight,
        "linear/bias": np.array([model.linear.bias]),
        "calibrator": _platt_tensor(model.calibrator),
        "decision_threshold": np.array([model.decision_threshold]),
    }
    if model.fused is not None:
        out |= {f"fused/{name}": value for name, value in _fused_tensors(model.fused).items()}
    return out


def _fused_tensors(fused: FusedModel) -> Tensors:
    return {
        "kind": np.array([list(FUSED_HEADS).index(fused.kind)], dtype=np.int64),
        "gap_kind": np.array([GAP_KINDS.index(fused.gap_kind)], dtype=np.int64),
        "image_width": np.array([fused.image_width], dtype=np.int64),
        "text_width": np.array([fused.text_width], dtype=np.int64),
        "width": np.array([fused.width], dtype=np.int64),
        "lambda_shift": np.array([fused.lambda_shift]),
        "gap": fused.gap,
        "calibrator": _platt_tensor(fused.calibrator),
        **{f"state/{name}": value for name, value in fused.state.items()},
    }


def _horizon_model(horizon: int, tensors: Tensors) -> HorizonModel:
    linear = _below(tensors, "linear/")
    columns = (len(DESIGN_NAMES),)
    wrong = [k for k in ("mean", "scale", "weight") if linear[k].shape != columns]
    if wrong:
        raise ValueError(f"linear {', '.join(wrong)} must have {columns[0]} columns")
    fused = _below(tensors, "fused/")
    return HorizonModel(
        horizon,
        LinearModel(linear["mean"], linear["scale"], linear["weight"], float(linear["bias"][0])),
        _fused_model(fused) if fused else None,
        _platt(tensors["calibrator"]),
        float(tensors["decision_threshold"][0]),
    )


def _fused_model(tensors: Tensors) -> FusedModel:
    kind, width = list(FUSED_HEADS)[int(tensors["kind"][0])], int(tensors["width"][0])
    gap_kind = GAP_KINDS[int(tensors["gap_kind"][0])]
    if tensors["gap"].shape != (width if gap_kind == "vector" else 1,):
        raise ValueError(f"the gap has shape {tensors['gap'].shape} beside width {width}")
    state = _below(tensors, "state/")
    with torch.device("meta"):  # shapes alone: a width of a billion must not take memory
        expected = {
            k: tuple(v.shape) for k, v in build_head(kind, width, width).state_dict().items()
        }
    if {name: value.shape for name, value in state.items()} != expected:
        raise ValueError(f"the {kind} head's parameters have other names or shapes")
    return FusedModel(
        kind, int(tensors["image_width"][0]), int(tensors["text_width"][0]), width,
        float(tensors["lambda_shift"][0]), tensors["gap"], state, gap_kind,
        _platt(tensors["calibrator"]),
    )  # fmt: skip


def _below(tensors: Tensors, prefix: str) -> Tensors:
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def _platt_tensor(platt: Platt) -> npt.NDArray[np.float64]:
    return np.array([platt.slope, platt.intercept])


def _platt(tensor: npt.NDArray[np.float64]) -> Platt:
    return Platt(float(tensor[0]), float(tensor[1]))
