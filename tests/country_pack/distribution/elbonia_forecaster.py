"""Boosted trees on what Elbonia has: case lags and the season."""

from __future__ import annotations

from pathlib import Path

import lightgbm
import numpy as np
import numpy.typing as npt
from elbonia_rule import TreeSettings

from pipelines.fusion.design import design, usable_covariates
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds
from pipelines.storage import read_json, write_atomic, write_json

_QUIET = {
    "objective": "binary",
    "min_data_in_leaf": 20,
    "num_threads": 1,
    "deterministic": True,
    "force_row_wise": True,
    "verbosity": -1,
    "seed": 1,
}


class Trees:
    """A fitted model of one horizon, and how one is fitted and loaded."""

    lone_row = True

    def __init__(self, names: tuple[str, ...], text: str) -> None:
        self._names, self._text = names, text
        self._booster = lightgbm.Booster(model_str=text)

    @property
    def columns(self) -> tuple[str, ...]:
        return (*self._names, "threshold_cases")

    @classmethod
    def fit(cls, train: Examples, folds: Folds, config: TreeSettings) -> Trees:
        del folds
        rows = train.take(np.argsort(train.sample_id.astype(str), kind="stable"))
        names = usable_covariates(rows)
        data = lightgbm.Dataset(_table(rows, names), rows.label, params=_QUIET)
        booster = lightgbm.train(_QUIET, data, num_boost_round=config.rounds)
        return cls(names, booster.model_to_string().split("\nparameters:")[0] + "\n")

    def predict_proba(self, rows: Examples) -> npt.NDArray[np.float64]:
        if not len(rows):
            return np.zeros(0)
        return np.asarray(
            self._booster.predict(_table(rows, self._names), num_threads=1), dtype=np.float64
        )

    def save(self, folder: Path) -> None:
        write_atomic(folder / "trees.txt", self._text.encode())
        write_json(folder / "columns.json", {"names": self._names})

    @classmethod
    def load(cls, folder: Path) -> Trees:
        return cls(
            tuple(map(str, read_json(folder / "columns.json")["names"])),
            (folder / "trees.txt").read_text(encoding="utf-8"),
        )


def _table(rows: Examples, names: tuple[str, ...]) -> npt.NDArray[np.float64]:
    """The covariates and the threshold, which is there where nothing else is."""
    return np.column_stack([np.log1p(rows.threshold_cases, dtype=np.float64), design(rows, names)])
