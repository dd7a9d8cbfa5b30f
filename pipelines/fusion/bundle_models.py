"""The models inside a bundle: a folder a horizon, and what bundle.json says of each."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from pipelines.contracts import content_id
from pipelines.encoder_config import Frozen
from pipelines.errors import StoreError
from pipelines.fusion.bundle_files import horizon_folder
from pipelines.fusion.bundle_form import REBUILD
from pipelines.fusion.calibration import Platt
from pipelines.fusion.forecaster import forecaster_class
from pipelines.fusion.horizon import Calibration, HorizonModel
from pipelines.plain_yaml import sentence
from pipelines.storage import manifest_of


class CalibrationEntry(Frozen):
    """Slope and intercept for every row, and for rows whose image or text was read."""

    every: tuple[float, float]
    with_vectors: tuple[float, float] | None


class ModelEntry(Frozen):
    """What bundle.json says of the model of one horizon."""

    kind: str
    calibration: CalibrationEntry
    decision_threshold: float


_ENTRIES = TypeAdapter(dict[int, ModelEntry])


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
    try:
        entries = _ENTRIES.validate_python(recorded)
    except ValidationError as err:
        raise StoreError(
            f"bundle.json does not describe the models: {sentence(err)}",
            where=str(folder),
            fix=REBUILD,
        ) from err
    kinds = sorted({entry.kind for entry in entries.values()})
    if kinds != [head]:
        raise StoreError(
            f"it says that its head is {head} and holds models of the kind {', '.join(kinds)}",
            where=str(folder),
            fix=REBUILD,
        )
    kind = forecaster_class(head)
    return {
        horizon: HorizonModel(
            horizon,
            kind.load(folder / horizon_folder(horizon)),
            Calibration(Platt(*entry.calibration.every), _platt(entry.calibration.with_vectors)),
            entry.decision_threshold,
        )
        for horizon, entry in entries.items()
    }


def weights_id(head: str, models: Mapping[int, HorizonModel]) -> str:
    """Hash of what a bundle's answers follow from, the same in either format: two that share it
    give the same answers, whatever else they say about themselves."""
    with tempfile.TemporaryDirectory(prefix="denguard-weights-") as work:
        for horizon, model in models.items():
            own = Path(work) / horizon_folder(horizon)
            own.mkdir()
            model.forecaster.save(own)
        return content_id([manifest_of(Path(work)), described_models(head, models)])


def _numbers(platt: Platt | None) -> list[float] | None:
    return None if platt is None else [platt.slope, platt.intercept]


def _platt(numbers: tuple[float, float] | None) -> Platt | None:
    return None if numbers is None else Platt(*numbers)
