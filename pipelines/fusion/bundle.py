"""The bundle: a deployable model as a folder without pickle, byte-equal for equal inputs.

No time, host, path or run id is in it: these lie in receipt.json beside the folder.

    bundle.json           format; files with their hashes; models: horizon -> kind by name,
                          calibration, decision threshold; meta: what BundleMeta says
    golden.json           synthetic rows and the probabilities that the models gave for them
    prompt.yaml           the prompt template, where a model reads text
    thresholds.parquet    where the label rule's thresholds vary in a unit (data/threshold_file.py)
    h04/                  the own files of the forecaster of 4 weeks ahead, as its `save` wrote them

The format is fixed, see docs/bundle.md: a later kind of forecaster adds files in such a folder and
no format. A reader imports what the named kind needs and nothing else.
"""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from pipelines.codes import UnitCodes
from pipelines.contracts import COVARIATE_NAMES
from pipelines.data.prompts import load_template
from pipelines.data.threshold_file import read_thresholds, write_thresholds
from pipelines.data.threshold_lookup import Thresholds
from pipelines.errors import StoreError
from pipelines.fusion import format1
from pipelines.fusion.bundle_files import (
    DESCRIPTION,
    GOLDEN,
    PROMPT,
    THRESHOLDS,
    bundle_id,
    horizon_folder,
)
from pipelines.fusion.bundle_form import (
    KEYS,
    REBUILD,
    require_files,
    require_keys,
    require_places,
)
from pipelines.fusion.bundle_meta import FORMAT, BundleMeta
from pipelines.fusion.bundle_models import described_models, read_models
from pipelines.fusion.golden import GoldenRow, golden_rows, worst_difference
from pipelines.fusion.horizon import HorizonModel
from pipelines.storage import manifest_of, new_folder, read_json, write_json
from pipelines.weeks import Calendar

# What weights or golden rows of another version of the code may raise besides our own errors.
_UNSOUND = (RuntimeError, ValueError, LookupError, TypeError, AttributeError, OSError)


@dataclass(frozen=True)
class Bundle:
    """A forecaster at every horizon, with its description: horizon in weeks -> model.

    Attributes:
        varying: gives thresholds that vary in a unit, read when they are first asked for; None if
            meta.threshold_cases has them.
        prompt_file: the template that the training rows' prompts were made from.
    """

    meta: BundleMeta
    models: dict[int, HorizonModel]
    golden: tuple[GoldenRow, ...] = ()
    prompt_file: Path | None = None
    varying: Callable[[], Thresholds] | None = None

    @property
    def calendar(self) -> Calendar:
        """The weeks of the place that it was trained for."""
        return self.meta.place.week.calendar

    @property
    def codes(self) -> UnitCodes:
        """How that place writes its codes."""
        return self.meta.place.codes.system

    @cached_property
    def thresholds(self) -> Thresholds:
        """The weekly cases that make an outbreak week, by unit, origin week and horizon."""
        if self.varying is not None:
            return self.varying()
        return Thresholds.of_units(self.meta.threshold_cases, self.calendar)

    @property
    def lone_row(self) -> bool:
        """Whether a row of fields carries all that its models need."""
        return all(model.forecaster.lone_row for model in self.models.values())

    @property
    def beyond_fields(self) -> tuple[str, ...]:
        """Covariates that it reads and that a row of plain fields cannot give."""
        read = {name for model in self.models.values() for name in model.forecaster.columns}
        return tuple(n for n in self.meta.covariate_names if n in read and n not in COVARIATE_NAMES)

    @property
    def reads_vectors(self) -> bool:
        """Whether any horizon's model reads an image or a text."""
        return any(model.vector_widths for model in self.models.values())


def write_bundle(bundle: Bundle, folder: Path) -> Path:
    """Write a new bundle folder, whole or not at all; equal content already there is kept.

    Golden rows are made here: synthetic inputs and the probabilities the models give for them.

    Raises:
        StoreError: models and description disagree, a value is not finite, or the folder holds
            another bundle.
    """
    if set(bundle.models) != set(bundle.meta.horizons_weeks):
        raise StoreError(
            "models and horizons_weeks disagree",
            where=str(folder),
            fix="build the BundleMeta from the same recipe",
        )
    with new_folder(folder) as temp:
        for horizon, model in bundle.models.items():
            own = temp / horizon_folder(horizon)
            own.mkdir()
            model.forecaster.save(own)
        if bundle.prompt_file is not None:
            shutil.copyfile(bundle.prompt_file, temp / PROMPT)
        if bundle.varying is not None:
            write_thresholds(bundle.thresholds, temp / THRESHOLDS)
        golden = [row.to_json() for row in golden_rows(bundle.models, bundle.meta.covariate_names)]
        write_json(temp / GOLDEN, {"rows": golden})
        write_json(
            temp / DESCRIPTION,
            {
                "format": FORMAT,
                "files": manifest_of(temp),
                "models": described_models(bundle.meta.head, bundle.models),
                "meta": json.loads(bundle.meta.model_dump_json()),
            },
        )
        _read(temp, read_json(temp / DESCRIPTION))  # whatever cannot be read back is not written
        wanted = bundle_id(temp)
    if bundle_id(folder) != wanted:
        raise StoreError(
            "another bundle is already there",
            where=str(folder),
            fix="write to a new folder; bundles are never changed",
        )
    return folder


def load_bundle(folder: Path) -> Bundle:
    """Read a bundle of either format; verify hashes, shapes, finiteness and the kind of its models.

    Raises:
        StoreError: a file is absent, damaged, of another format, or does not fit the others.
        ConfigError: the forecaster that it names is not installed here.
    """
    raw = read_json(folder / DESCRIPTION)
    if raw.get("format") not in (FORMAT, format1.FORMAT):
        raise StoreError(
            f"bundle format {raw.get('format')!r} is not {FORMAT}", where=str(folder), fix=REBUILD
        )
    require_files(folder, raw.get("files"))
    return _read(folder, raw)


def _read(folder: Path, raw: dict[str, Any]) -> Bundle:
    """A bundle whose files are known to be undamaged."""
    first = raw["format"] == format1.FORMAT
    if not first:
        require_keys(raw, KEYS, "the top", folder)
        require_keys(raw["meta"], BundleMeta.model_fields, "meta", folder)
    try:
        meta = BundleMeta.model_validate(raw.get("meta"))
    except ValidationError as err:
        raise StoreError(
            f"bundle.json does not describe a model: {err}", where=str(folder), fix=REBUILD
        ) from err
    models = (
        format1.read_models(folder, meta.head)
        if first
        else read_models(folder, raw["models"], meta.head)
    )
    if set(models) != set(meta.horizons_weeks):
        raise StoreError(
            "weights and description name other horizons", where=str(folder), fix=REBUILD
        )
    if not first:
        require_places(folder, raw["files"], models)
        _require_equal_thresholds(folder, meta, models)
    return Bundle(
        meta, models, _read_golden(folder / GOLDEN), _prompt(folder, meta), _varying(folder, meta)
    )


def _require_equal_thresholds(
    folder: Path, meta: BundleMeta, models: dict[int, HorizonModel]
) -> None:
    """People are shown meta's decision thresholds, and answers follow from the models' own."""
    if meta.decision_thresholds != {h: model.decision_threshold for h, model in models.items()}:
        raise StoreError(
            "bundle.json gives two decision thresholds for one horizon",
            where=str(folder),
            fix=REBUILD,
        )


def _varying(folder: Path, meta: BundleMeta) -> Callable[[], Thresholds] | None:
    """How to read the bundle's own thresholds, if they vary in a unit."""
    path = folder / THRESHOLDS
    if not path.is_file():
        return None
    if meta.threshold_cases:
        raise StoreError(
            "thresholds lie in bundle.json and in thresholds.parquet",
            where=str(folder),
            fix=REBUILD,
        )
    return partial(read_thresholds, path, meta.place.week.calendar)


def _prompt(folder: Path, meta: BundleMeta) -> Path | None:
    """The bundle's own template, if it has one: checked, and that of its training rows."""
    path = folder / PROMPT
    if not path.is_file():
        return None
    found = load_template(meta.language, path).template_id
    if found != meta.prompt_template_id:
        raise StoreError(
            f"prompt.yaml is template {found}, the model was trained with "
            f"{meta.prompt_template_id}",
            where=str(folder),
            fix=REBUILD,
        )
    return path


def load_verified_bundle(folder: Path) -> Bundle:
    """Read a bundle and its thresholds, and recompute its golden rows: only then may it serve.

    Raises:
        StoreError: whatever is wrong with it.
    """
    try:
        bundle = load_bundle(folder)
        check_golden(bundle)
        _ = bundle.thresholds
    except _UNSOUND as err:
        raise StoreError(
            f"the bundle cannot be used here: {type(err).__name__}: {err}",
            where=str(folder),
            fix=REBUILD,
        ) from err
    return bundle


# Versions in MLflow hold a copy of pyfunc_model.py of their day, which imports this name.
load_sound = load_verified_bundle


def check_golden(bundle: Bundle) -> None:
    """Recompute the golden rows. Raises StoreError if this machine gives other probabilities."""
    difference = worst_difference(bundle.models, bundle.golden, bundle.meta.covariate_names)
    if not difference <= 1e-4:  # also true for NaN
        raise StoreError(
            f"golden rows differ by {difference:.2g} from what was recorded",
            where=f"bundle of {bundle.meta.dataset_version}",
            fix="compare library versions with receipt.json, then train again",
        )


def _read_golden(path: Path) -> tuple[GoldenRow, ...]:
    rows = read_json(path).get("rows")
    if not isinstance(rows, list) or not rows:
        raise StoreError("golden.json holds no row", where=str(path), fix=REBUILD)
    try:
        return tuple(GoldenRow.from_json(row) for row in rows)
    except (KeyError, TypeError, ValueError, AttributeError) as err:
        raise StoreError(
            f"golden.json cannot be read: {err}", where=str(path), fix=REBUILD
        ) from err
