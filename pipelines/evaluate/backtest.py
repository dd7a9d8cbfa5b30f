"""Rolling-origin backtest: one test year, every recipe and baseline, the same rows.

A fold is trained once, as it would have been before the test year began: a training target ends at
or before first test target - horizon - reporting delay, and lambda, epochs, calibration and the
decision threshold are chosen inside that past only.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from threadpoolctl import threadpool_limits

from pipelines.arrays import Bools, Float64s
from pipelines.config import Profile
from pipelines.contracts import FUSED_HEADS, LINEAR, HeadKind
from pipelines.data.splits import fold_cut, test_year_targets
from pipelines.errors import GateError
from pipelines.evaluate.baselines import BASELINES, POOLED, class_at_origin
from pipelines.evaluate.fold_models import Training, train_fold
from pipelines.evaluate.metrics import HALF
from pipelines.fusion.examples import Examples, without_vectors
from pipelines.run.cores import each_on_a_core
from pipelines.run.progress import Progress
from pipelines.storage.parquet import write_frame

PREDICTION_COLUMNS = (
    "head",  # a HeadKind, or the name of a baseline
    "test_year",
    "horizon_weeks",
    "sample_id",
    "unit_id",
    "origin_week_no",
    "target_week_no",
    "label",  # 1.0 where cases exceed the threshold, 0.0 where not; never unknown
    "probability",
    "decision_threshold",  # alarm at or above; 0.5 for baselines
    "lambda_shift",  # chosen inside the fold; NaN for baselines
    "base",  # what a fused head adds to, chosen inside the fold; "" for others
    "base_probability",  # what that answers, alone; NaN for others
    "has_modality",  # the row has a scene or a prompt
    "origin_outbreak",  # class of the last week known at origin: 1.0, 0.0, NaN unknown
    "is_onset",  # outbreak at target, none at origin
    "in_benchmark",  # one of profile.evaluate.municipalities; only these are judged
)
_KEYS = ["test_year", "horizon_weeks", "unit_id", "target_week_no"]


def backtest_year(
    examples_by_horizon: Mapping[int, Examples],
    profile: Profile,
    heads: Sequence[HeadKind],
    year: int,
    baselines: Sequence[str] = tuple(BASELINES),
    training: Training = train_fold,
) -> pd.DataFrame:
    """Predictions of one test year for heads and baselines, columns as in PREDICTION_COLUMNS.

    Args:
        examples_by_horizon: every row of the pool, labelled or not, for each horizon of the
            profile.
        heads: forecasters to train; `baselines` come beside them on the same rows, but for one that
            is a candidate itself: its rows are those of the forecaster that would serve.
        training: makes the models, or finds them.

    Raises:
        GateError: a horizon has no examples, or the fold no labelled row to train or test on.
        TrainingError: a recipe cannot be trained on the fold.
    """
    folds = {
        h: _fold(examples_by_horizon, profile, h, year) for h in profile.evaluate.horizons_weeks
    }
    frames = _head_frames(heads, examples_by_horizon, folds, profile, year, training)
    beside = [name for name in baselines if name not in heads]
    progress = Progress(f"backtest {year}: baselines", len(beside))
    for name in beside:
        jobs = [partial(_baseline_frame, name, fold, profile, year) for fold in folds.values()]
        with threadpool_limits(limits=1):  # jobs that set and restore it themselves would cross
            frames += each_on_a_core(jobs)
        progress.advance()
    return pd.concat(frames, ignore_index=True)


def write_predictions(predictions: pd.DataFrame, path: Path) -> Path:
    """Write predictions as Parquet; equal predictions give equal bytes, whatever their row
    order."""
    tidy = predictions[list(PREDICTION_COLUMNS)].sort_values(["head", *_KEYS], kind="stable")
    return write_frame(path, tidy, "zstd")


def read_predictions(paths: Sequence[Path]) -> pd.DataFrame:
    """Predictions of several years in one table. Raises GateError if a file is absent."""
    missing = [str(p) for p in paths if not p.is_file()]
    if missing or not paths:
        raise GateError(
            "backtest predictions are absent",
            where=", ".join(missing),
            fix="run the backtest of that year again",
        )
    tables = [pq.read_table(path) for path in paths]
    if all(table.schema.equals(tables[0].schema) for table in tables):
        whole: pd.DataFrame = pa.concat_tables(tables).to_pandas()  # equal words are made once
        return _with_base(whole)
    return pd.concat([_with_base(table.to_pandas()) for table in tables], ignore_index=True)


def _with_base(table: pd.DataFrame) -> pd.DataFrame:
    """The table; one of a version that knew no other base than the linear model says so."""
    if "base" in table.columns or "head" not in table.columns:
        return table
    base = table["head"].map(lambda head: LINEAR if head in FUSED_HEADS else "")
    return table.assign(base=base, base_probability=np.nan)


@dataclass(frozen=True)
class _Fold:
    """Training and test rows of one horizon; `cut` is the last target week trained on."""

    horizon: int
    cut: int
    train: Examples
    test: Examples


def _fold(examples: Mapping[int, Examples], profile: Profile, horizon: int, year: int) -> _Fold:
    if horizon not in examples:
        raise GateError(
            f"there are no examples at horizon {horizon}",
            fix="make features for every horizon of the profile",
        )
    rows, targets = examples[horizon], test_year_targets(year, profile.calendar)
    cut = fold_cut(targets[0], horizon, profile.data.outcome_delay_weeks)
    known = np.isfinite(rows.label)
    week = rows.target_week_no
    train = rows.take(known & (week <= cut))
    test = rows.take(known & (week >= targets[0]) & (week <= targets[-1]))
    if len(train) == 0 or len(test) == 0:
        raise GateError(
            f"test year {year} has {len(train)} rows to train on and {len(test)} to test on",
            where=f"horizon {horizon}",
            fix="choose test years inside the data",
        )
    return _Fold(horizon, cut, train, test)


def _head_frames(
    heads: Sequence[HeadKind],
    examples: Mapping[int, Examples],
    folds: Mapping[int, _Fold],
    profile: Profile,
    year: int,
    training: Training,
) -> list[pd.DataFrame]:
    from pipelines.inference.predict import predict_proba

    cuts = {h: fold.cut for h, fold in folds.items()}
    fitted = training({h: examples[h] for h in folds}, heads, profile, cuts)
    frames = []
    for head, recipe in fitted.items():
        for horizon, fold in folds.items():
            model = recipe.models[horizon]
            probability = predict_proba(model, fold.test)
            bare = predict_proba(model, without_vectors(fold.test)) if recipe.base else np.nan
            frames.append(
                _frame(
                    head,
                    fold,
                    profile,
                    year,
                    probability,
                    model.decision_threshold,
                    recipe.lambda_shift,
                    recipe.base,
                    bare,
                )
            )
    return frames


def _baseline_frame(name: str, fold: _Fold, profile: Profile, year: int) -> pd.DataFrame:
    fit = BASELINES[name]
    probability = fit(fold.train, fold.test)
    own, asked = _in_benchmark(fold.train, profile), _in_benchmark(fold.test, profile)
    if name not in POOLED and own.any() and asked.any():
        probability[asked] = fit(fold.train.take(own), fold.test.take(asked))
    return _frame(name, fold, profile, year, probability, HALF, np.nan)


def _in_benchmark(examples: Examples, profile: Profile) -> Bools:
    judged = profile.evaluate.municipalities
    if judged is None:
        return np.ones(len(examples), dtype=bool)
    return np.isin(examples.unit_id.astype(str), judged)


def _frame(
    head: str,
    fold: _Fold,
    profile: Profile,
    year: int,
    probability: Float64s,
    decision_threshold: float,
    lambda_shift: float,
    base: str = "",
    base_probability: Float64s | float = np.nan,
) -> pd.DataFrame:
    rows = fold.test
    origin_outbreak = class_at_origin(rows)
    columns = {
        "head": head,
        "test_year": np.full(len(rows), year, dtype=np.int32),
        "horizon_weeks": np.full(len(rows), fold.horizon, dtype=np.int32),
        "sample_id": rows.sample_id,
        "unit_id": rows.unit_id,
        "origin_week_no": rows.origin_week_no,
        "target_week_no": rows.target_week_no,
        "label": rows.label.astype(np.float64),
        "probability": np.asarray(probability, dtype=np.float64),
        "decision_threshold": decision_threshold,
        "lambda_shift": lambda_shift,
        "base": base,
        "base_probability": base_probability,
        "has_modality": rows.image.mask | rows.text.mask,
        "origin_outbreak": origin_outbreak,
        "is_onset": (rows.label == 1) & (origin_outbreak == 0),
        "in_benchmark": _in_benchmark(rows, profile),
    }
    return pd.DataFrame(columns)[list(PREDICTION_COLUMNS)]
