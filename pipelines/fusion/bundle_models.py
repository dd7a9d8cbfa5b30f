"""The models inside a bundle: a folder a horizon, and what bundle.json says of each.

Belongs here: HorizonModels <-> their folders and descriptions. Does not belong here: the bundle around
them (bundle.py), and the first format (format1.py).
"""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pipelines.contracts import content_id
from pipelines.errors import StoreError
from pipelines.fusion.bundle_files import horizon_folder
from pipelines.fusion.calibration import Platt
from pipelines.fusion.forecaster import forecaster_class
from pipelines.fusion.horizon import Calibration, HorizonModel
from pipelines.storage import manifest_of

_REBUILD = "train again, or fetch the bundle again from the registry"


def described_models(head: str, models: Mapping[int, HorizonModel]) -> dict[str, Any]:
    """What bundle.json says of each horizon's model beside its own files."""
    return {
        str(horizon): {
            "kind": head,
            "calibration": {
                "every": _numbers(model.calibration.every),
                "with_vectors": _numbers(model.calibration.with_vectors),
            },
            "decision_threshold": model.decision_threshold,
        }
        for horizon, model in sorted(models.items())
    }


def read_models(folder: Path, recorded: object, head: str) -> dict[int, HorizonModel]:
    """The models that bundle.json names, each by the class of its kind."""
    if not isinstance(recorded, dict):
        raise StoreError("bundle.json names no models", where=str(folder), fix=_REBUILD)
    kinds = sorted({str(entry.get("kind")) for entry in recorded.values()})
    if kinds and kinds != [head]:
        raise StoreError(f"it says that its head is {head} and holds models of the kind {', '.join(kinds)}", where=str(folder), fix=_REBUILD)  # fmt: skip
    kind = forecaster_class(head)
    out = {}
    for name, entry in recorded.items():
        try:
            horizon, threshold = int(name), float(entry["decision_threshold"])
            every, own = (_platt(entry["calibration"][key]) for key in ("every", "with_vectors"))
        except (KeyError, IndexError, TypeError, ValueError) as err:
            raise StoreError(f"bundle.json does not describe the model of {name} weeks: {err}", where=str(folder), fix=_REBUILD) from err  # fmt: skip
        if every is None:
            raise StoreError(f"the model of {name} weeks has no calibration", where=str(folder), fix=_REBUILD)  # fmt: skip
        forecaster = kind.load(folder / horizon_folder(horizon))
        out[horizon] = HorizonModel(horizon, forecaster, Calibration(every, own), threshold)
    return out


def weights_id(head: str, models: Mapping[int, HorizonModel]) -> str:
    """Hash of what a bundle's answers follow from, the same in either format: two that share it give
    the same answers, whatever else they say about themselves."""
    with tempfile.TemporaryDirectory(prefix="denguard-weights-") as work:
        for horizon, model in models.items():
            own = Path(work) / horizon_folder(horizon)
            own.mkdir()
            model.forecaster.save(own)
        return content_id([manifest_of(Path(work)), described_models(head, models)])


def _numbers(platt: Platt | None) -> list[float] | None:
    return None if platt is None else [platt.slope, platt.intercept]


def _platt(numbers: list[float] | None) -> Platt | None:
    return None if numbers is None else Platt(float(numbers[0]), float(numbers[1]))
