"""The forecaster `boosting`: gradient-boosted trees on the same design as the linear model.

The model is stored as LightGBM's own text. One thread, fixed seeds and rows in the order of their
sample_id: neither the machine's cores nor the order of a table change a tree. Leaves follow the
number of rows: 200 rows are a sixth of a year of a city, or a thousandth of a nation.

Shape letters: N rows, J design columns.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import lightgbm
import numpy as np

from pipelines.arrays import Float64s
from pipelines.errors import StoreError
from pipelines.fusion.design import (
    OverDesign,
    Spread,
    design,
    design_names,
    moments,
    usable_covariates,
)
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds
from pipelines.fusion.weights import FIX
from pipelines.models.kinds import BoostingSettings
from pipelines.storage import read_json, write_atomic, write_json

_TREES, _SHAPE = "boosting.txt", "boosting.json"
# What LightGBM's text ends with: settings of the machine that trained it, which prediction ignores.
_PARAMETERS = "\nparameters:"


@dataclass(frozen=True)
class FittedTrees(OverDesign):
    """Trees over the design.

    Attributes:
        text: LightGBM's model; None where the training rows were of one class.
        bias: log odds without trees.
        spread: (J, 2) mean and standard deviation of each design column over the training rows.
    """

    covariate_names: tuple[str, ...]
    text: str | None
    bias: float
    spread: tuple[tuple[float, float], ...]

    def training_spread(self) -> Spread:
        """(J, 2) mean and standard deviation of each design column over the training rows."""
        return self.spread

    @cached_property
    def _booster(self) -> lightgbm.Booster | None:
        return None if self.text is None else lightgbm.Booster(model_str=self.text)

    def decision_function(self, rows: Examples) -> Float64s:
        """(N,) log odds, before calibration."""
        if self._booster is None or not len(rows):
            return np.full(len(rows), self.bias)
        raw = self._booster.predict(
            design(rows, self.covariate_names), raw_score=True, num_threads=1
        )
        return np.asarray(raw, dtype=np.float64)

    def save(self, folder: Path) -> None:
        """Write LightGBM's text, and what stands around it."""
        write_json(
            folder / _SHAPE,
            {
                "covariate_names": self.covariate_names,
                "bias": self.bias,
                "spread": self.spread,
                "trees": self.text is not None,
            },
        )
        if self.text is not None:
            write_atomic(folder / _TREES, self.text.encode())


class Boosting:
    """Fits and loads the trees."""

    @staticmethod
    def fit(train: Examples, folds: Folds, config: BoostingSettings) -> FittedTrees:
        """Fit on all training rows; a constant where they are of one class."""
        del folds
        rows = train.take(np.argsort(train.sample_id.astype(str), kind="stable"))
        names = usable_covariates(rows)
        raw, label = design(rows, names), (rows.label > 0).astype(np.float64)
        bias = float(np.log((label.sum() + 0.5) / (len(label) - label.sum() + 0.5)))
        spread = _spread(raw)
        if label.min() == label.max() or not names:
            return FittedTrees(names, None, bias, spread)
        return FittedTrees(names, _trees(raw, label, config), bias, spread)

    @staticmethod
    def load(folder: Path) -> FittedTrees:
        """The inverse of save. Raises StoreError on a damaged text or other columns."""
        shape: Mapping[str, Any] = read_json(folder / _SHAPE)
        try:
            names = tuple(map(str, shape["covariate_names"]))
            spread = tuple((float(m), float(s)) for m, s in shape["spread"])
            text = (folder / _TREES).read_text(encoding="utf-8") if shape["trees"] else None
            made = FittedTrees(names, text, float(shape["bias"]), spread)
            booster = made._booster
        except (KeyError, TypeError, ValueError, OSError, lightgbm.basic.LightGBMError) as err:
            raise StoreError(
                f"the trees cannot be read: {err}", where=str(folder), fix=FIX
            ) from err
        columns = len(design_names(names))
        if len(spread) != columns or (booster is not None and booster.num_feature() != columns):
            raise StoreError(
                f"the trees do not read the {columns} design columns of their covariates",
                where=str(folder),
                fix=FIX,
            )
        return made


def _trees(raw: Float64s, label: Float64s, config: BoostingSettings) -> str:
    leaf = int(
        np.clip(len(label) // config.rows_per_leaf, config.min_leaf_rows, config.max_leaf_rows)
    )
    parameters = {
        "objective": "binary",
        "learning_rate": config.learning_rate,
        "num_leaves": config.leaves,
        "min_data_in_leaf": leaf,
        "lambda_l2": config.l2,
        "seed": config.seed,
        "num_threads": 1,
        "deterministic": True,
        "force_row_wise": True,
        "verbosity": -1,
    }
    data = lightgbm.Dataset(raw, label, params=parameters, free_raw_data=True)
    booster = lightgbm.train(parameters, data, num_boost_round=config.rounds)
    return str(booster.model_to_string()).split(_PARAMETERS)[0] + "\n"


def _spread(raw: Float64s) -> tuple[tuple[float, float], ...]:
    """Mean and standard deviation of each column, NaN left out."""
    mean, variance = moments(raw)
    return tuple(
        (round(float(m), 6), round(float(s), 6))
        for m, s in zip(mean, np.sqrt(variance), strict=True)
    )
