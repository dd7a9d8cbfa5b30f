"""The bundle as an MLflow model, from code: no pickle, and the same prediction as everywhere else.

MLflow runs this file when it loads a version.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import mlflow
import numpy as np
import pandas as pd
from mlflow.pyfunc import PythonModel

from pipelines.errors import ConfigError
from pipelines.fusion.bundle import Bundle, load_verified_bundle
from pipelines.inference.predict import predict_proba
from pipelines.inference.vectors import VectorInput, vector_examples


class DenguardModel(PythonModel):
    """A bundle that answers MLflow's predict."""

    bundle: Bundle

    def load_context(self, context: Any) -> None:
        """Load the bundle and let it prove itself on its golden rows."""
        self.bundle = load_verified_bundle(Path(context.artifacts["bundle"]))

    def predict(self, context: Any, model_input: pd.DataFrame, params: Any = None) -> pd.DataFrame:  # noqa: ARG002
        """Probability and class for rows of `municipality_code`, `horizon_weeks` and covariates.

        Columns: any of the bundle's covariate_names, `image` and `text` with raw vectors or null,
        and `origin_week` such as "2018-w48", which is needed where thresholds differ by year or
        season. Returns `probability` and `outbreak` on the input's index.

        Raises:
            ConfigError: a horizon, week or municipality that the bundle does not know, or a model
                that reads more than a row holds.
        """
        if not self.bundle.lone_row:
            raise ConfigError(
                f"the model ({self.bundle.meta.head}) reads more than a row holds",
                fix="read the published forecast, or ask the endpoint's GET /forecast",
            )
        out = pd.DataFrame(
            index=model_input.index, columns=["probability", "outbreak"], dtype=object
        )
        for horizon, rows in model_input.groupby("horizon_weeks"):
            model = self.bundle.models.get(int(str(horizon)))
            if model is None:
                raise ConfigError(
                    f"no model for {horizon} weeks ahead",
                    fix=f"use one of {sorted(self.bundle.models)}",
                )
            inputs = [_input(self.bundle, row) for row in rows.to_dict("records")]
            probability = predict_proba(
                model, vector_examples(self.bundle, int(str(horizon)), inputs)
            )
            out.loc[rows.index, "probability"] = probability
            out.loc[rows.index, "outbreak"] = probability >= model.decision_threshold
        return out.astype({"probability": float, "outbreak": bool})


def _input(bundle: Bundle, row: dict[Any, Any]) -> VectorInput:
    covariates = {name: row[name] for name in bundle.meta.covariate_names if name in row}
    sent, week = str(row["municipality_code"]), row.get("origin_week")
    # a missing cell may be NaN
    origin = bundle.calendar.week_no(week) if isinstance(week, str) else None
    return VectorInput(
        bundle.codes.normalise(sent) or sent,
        covariates,
        _vector(row.get("image")),
        _vector(row.get("text")),
        origin,
    )


def _vector(cell: Any) -> Any:
    return (
        cell if isinstance(cell, list | np.ndarray) else None
    )  # a missing cell may be None or NaN


mlflow.models.set_model(DenguardModel())
