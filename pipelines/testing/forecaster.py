"""What every forecaster must keep: one model from the same rows, and an answer for poor ones."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.arrays import Float64s
from pipelines.candidate_config import CandidateConfig, forecaster_kind
from pipelines.contracts import FORECASTERS
from pipelines.fusion.examples import Examples
from pipelines.fusion.forecaster import Folds, Forecaster, ForecasterClass, Tunes, forecaster_class
from pipelines.fusion.linear import fit_linear
from pipelines.storage import manifest_of
from pipelines.testing.asking import must_import_lightly
from pipelines.testing.rows import make_examples
from pipelines.train_config import TrainConfig

_PICKLED = (b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05", b"PK\x03\x04")
_HEAVY = ("numpy", "pandas", "torch", "lightgbm", "sklearn")  # what a kind's module leaves alone
_CLOSE = 1e-6  # heads of torch give other last digits to other batches


def check_forecaster(
    name: str, examples: Examples | None = None, settings: Mapping[str, Any] | None = None
) -> None:
    """Raise AssertionError unless a forecaster keeps what fusion/forecaster.py says.

    Args:
        name: as a profile's train.candidates names it.
        examples: rows of one horizon with known labels of both classes, at least two units; some
            hundred are enough. None = made rows of two units.
        settings: beside its name.
    """
    examples = make_examples(units=2) if examples is None else examples
    kind, config = forecaster_class(name), _config(name, settings or {})
    fitted = _fit(kind, examples, config)
    probability = _probabilities(fitted, examples, "its training rows")
    assert set(fitted.columns) <= _columns(examples), (
        f"`columns` names what rows do not have: {sorted(set(fitted.columns) - _columns(examples))}"
    )
    assert isinstance(fitted.lone_row, bool), "`lone_row` is not True or False"
    _check_files(kind, fitted, _fit(kind, examples, config), examples, probability)
    _check_rows(fitted, examples, probability)
    _check_labels(fitted, examples, probability)
    _check_poor_rows(kind, examples, config)
    if name in FORECASTERS:  # a fused head has no kind of its own
        must_import_lightly(FORECASTERS[name], _HEAVY, "profiles are read where DAGs are parsed")


def _config(name: str, settings: Mapping[str, Any]) -> Any:
    shape = forecaster_kind(name).settings
    candidate = CandidateConfig(kind=name, settings=dict(settings))
    return TrainConfig(max_epochs=1) if shape is None else shape.model_validate(candidate.settings)


def _fit(kind: ForecasterClass, examples: Examples, config: Any) -> Forecaster:
    linear = fit_linear(examples, TrainConfig().linear_c)
    folds = Folds(linear, linear.logit(examples))
    if isinstance(kind, Tunes):
        config = kind.tune(examples, folds, config).config
    return kind.fit(examples, folds, config)


def _columns(examples: Examples) -> set[str]:
    return {
        *examples.covariate_names,
        "unit_id",
        "origin_week_no",
        "target_week_no",
        "threshold_cases",
        "image",
        "text",
    }


def _probabilities(fitted: Forecaster, rows: Examples, what: str) -> Float64s:
    found = fitted.predict_proba(rows)
    assert found.shape == (len(rows),), (
        f"{what}: predict_proba gives shape {found.shape} for {len(rows)} rows"
    )
    assert found.dtype == np.float64, f"{what}: predict_proba gives {found.dtype}, not float64"
    assert ((found >= 0) & (found <= 1)).all(), f"{what}: a probability is not within 0 and 1"
    return found


def _check_files(
    kind: ForecasterClass,
    fitted: Forecaster,
    again: Forecaster,
    rows: Examples,
    probability: Float64s,
) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        first, second = Path(scratch) / "first", Path(scratch) / "second"
        for folder, one in ((first, fitted), (second, again)):
            folder.mkdir()
            one.save(folder)
        files = manifest_of(first)
        assert files, "save wrote no file"
        differing = sorted(
            n for n in files | manifest_of(second) if files.get(n) != manifest_of(second).get(n)
        )
        assert not differing, (
            f"fitted twice on the same rows, it saved other bytes: {', '.join(differing)}"
        )
        pickled = [n for n in files if (first / n).read_bytes().startswith(_PICKLED)]
        assert not pickled, (
            f"a pickle or an archive may run code when it is loaded: {', '.join(pickled)}"
        )
        loaded = kind.load(first).predict_proba(rows)
        assert np.array_equal(loaded, probability), "loaded, it gives other probabilities"


def _check_rows(fitted: Forecaster, rows: Examples, probability: Float64s) -> None:
    order = np.random.default_rng(0).permutation(len(rows))
    turned = fitted.predict_proba(rows.take(order))
    assert np.allclose(turned, probability[order], rtol=0, atol=_CLOSE), (
        "probabilities depend on the order of the rows"
    )
    if fitted.lone_row:
        some = order[:5]
        alone = np.array(
            [fitted.predict_proba(rows.take(some[k : k + 1]))[0] for k in range(len(some))]
        )
        assert np.allclose(alone, probability[some], rtol=0, atol=_CLOSE), (
            "it says lone_row, and a row alone has another probability"
        )
    assert len(fitted.predict_proba(rows.take(order[:0]))) == 0, "no rows have no probabilities"


def _check_labels(fitted: Forecaster, rows: Examples, probability: Float64s) -> None:
    unknown = replace(rows, label=np.full(len(rows), np.nan, dtype=np.float32))
    assert np.array_equal(fitted.predict_proba(unknown), probability), (
        "predict_proba reads the label"
    )


def _check_poor_rows(kind: ForecasterClass, rows: Examples, config: Any) -> None:
    """An all-empty column, no covariate at all, one class, one unit: an answer, not a traceback."""
    empty = rows.covariates.copy()
    empty[:, :: max(1, empty.shape[1] // 3)] = np.nan
    nothing = np.full_like(rows.covariates, np.nan)
    one_unit = rows.take(rows.unit_id == rows.unit_id[0])
    poor = {
        "a column without values": replace(rows, covariates=empty),
        "no covariate known": replace(rows, covariates=nothing),
        "labels of one class": replace(rows, label=np.zeros_like(rows.label)),
        "one unit": one_unit,
        "twelve rows": rows.take(np.arange(12)),
    }
    for what, made in poor.items():
        _probabilities(_fit(kind, made, config), made, what)
