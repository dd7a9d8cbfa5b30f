"""Reads bundles of FORMAT 1, which the first version wrote; nothing writes them any more.

Its weights are one file, head.safetensors, with names such as
`h04/linear/{mean,scale,weight,bias}`, `h04/calibrator` = (slope, intercept),
`h04/decision_threshold`, and with a fused part `h04/fused/{kind,image_width,text_width,width,
lambda_shift,gap_kind,gap,calibrator}` and `h04/fused/state/<parameter>`. Kinds are positions: of
the head in _HEADS, of the gap in _GAPS. Covariates are the twenty-one of the first version.
"""

from __future__ import annotations

from pathlib import Path

from pipelines.arrays import Float64s
from pipelines.contracts import COVARIATE_NAMES, LINEAR
from pipelines.errors import StoreError
from pipelines.fusion.calibration import Platt
from pipelines.fusion.forecaster import Forecaster
from pipelines.fusion.horizon import Calibration, HorizonModel
from pipelines.fusion.linear import LinearModel
from pipelines.fusion.weights import FIX, Tensors, below, read_tensors

FORMAT = 1
WEIGHTS = "head.safetensors"
_HEADS, _GAPS = ("early", "late_joint"), ("vector", "scalar")


def read_models(folder: Path, head: str) -> dict[int, HorizonModel]:
    """The models of a folder. Raises StoreError on a missing name, a wrong shape or
    another head."""
    path = folder / WEIGHTS
    tensors = read_tensors(path)
    try:
        horizons = sorted({int(name[1:3]) for name in tensors})
        return {h: _model(h, below(tensors, f"h{h:02d}/"), head, path) for h in horizons}
    except (KeyError, IndexError, TypeError, ValueError, RuntimeError) as err:
        raise StoreError(
            f"the weights are not those of a head: {err}", where=str(path), fix=FIX
        ) from err


def _model(horizon: int, tensors: Tensors, head: str, path: Path) -> HorizonModel:
    own = below(tensors, "linear/")
    linear = LinearModel(
        own["mean"], own["scale"], own["weight"], float(own["bias"][0]), COVARIATE_NAMES
    )
    linear.require_shape(path)
    fused = below(tensors, "fused/")
    forecaster = linear if head == LINEAR and not fused else _fused(fused, linear, head, path)
    own_platt = _platt(fused["calibrator"]) if fused else None
    calibration = Calibration(_platt(tensors["calibrator"]), own_platt)
    return HorizonModel(horizon, forecaster, calibration, float(tensors["decision_threshold"][0]))


def _fused(tensors: Tensors, linear: LinearModel, head: str, path: Path) -> Forecaster:
    from pipelines.fusion.fused import FusedForecaster, fused_model

    if not tensors:
        return FusedForecaster(head, linear)
    kind = _HEADS[int(tensors["kind"][0])]
    if kind != head:
        raise StoreError(
            f"it says that its head is {head} and holds weights of {kind}", where=str(path), fix=FIX
        )
    shape = {
        name: tensors[name][0].item()
        for name in ("image_width", "text_width", "width", "lambda_shift")
    }
    gap_kind = _GAPS[int(tensors["gap_kind"][0])]
    arrays = {"gap": tensors["gap"], **{k: v for k, v in tensors.items() if k.startswith("state/")}}
    return FusedForecaster(
        head, linear, fused_model({**shape, "kind": kind, "gap_kind": gap_kind}, arrays)
    )


def _platt(tensor: Float64s) -> Platt:
    return Platt(float(tensor[0]), float(tensor[1]))
