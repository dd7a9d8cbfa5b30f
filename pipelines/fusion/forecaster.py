"""The interface of models: what can be fitted, asked, saved and loaded by name.

Nothing here imports torch, scikit-learn or LightGBM: a reader of a bundle imports what the bundle's
own kind needs.

Shape letters: N rows of one horizon.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol, runtime_checkable

from pipelines.arrays import Bools, Float64s
from pipelines.candidate_config import forecaster_kind
from pipelines.data.splits import Season
from pipelines.fusion.calibration import Platt
from pipelines.fusion.examples import Examples
from pipelines.fusion.linear import LinearModel
from pipelines.plugins import load_target


@dataclass(frozen=True)
class InnerFold:
    """One validation season inside the training period.

    Attributes:
        train, validation: (N,) masks of rows with known labels.
        linear: fitted on this fold's training rows.
        linear_logit: (N,) of every row by that model.
    """

    season: Season
    train: Bools
    validation: Bools
    linear: LinearModel
    linear_logit: Float64s

    def take(self, chosen: Bools) -> InnerFold:
        """The same fold over some of the rows."""
        return InnerFold(
            self.season,
            self.train[chosen],
            self.validation[chosen],
            self.linear,
            self.linear_logit[chosen],
        )


class Base(Protocol):
    """The tabular forecaster that a residual starts from, over the training rows of a horizon."""

    @property
    def kind(self) -> str:
        """Its name."""

    @property
    def fitted(self) -> Forecaster:
        """It, on all training rows."""

    @property
    def out_of_fold(self) -> Float64s:
        """(N,) log odds of each inner season by a model that saw no row of it, NaN elsewhere."""

    @property
    def calibration(self) -> Platt:
        """Of those; a residual is trained under it. Identity for the linear model."""

    def logit(self) -> Float64s:
        """(N,) log odds that a residual is trained on, before calibration."""

    def logit_before(self, season: int) -> Float64s:
        """(N,) the same for one inner season: of the rows before it, and `out_of_fold` inside."""


@dataclass(frozen=True)
class Folds:
    """What `fit` may use beside its training rows.

    Attributes:
        linear: fitted on the training rows.
        linear_logit: (N,) of the training rows by that model.
        seasons: inner seasons, oldest first; may be empty where history is short.
        base: what a residual starts from; None = the linear model.
    """

    linear: LinearModel
    linear_logit: Float64s
    seasons: tuple[InnerFold, ...] = ()
    base: Base | None = None


@dataclass(frozen=True)
class Tuning:
    """What was chosen once for all horizons.

    Attributes:
        config: what `fit` gets at every horizon.
        lambda_curve: rows for the report, see training/tune.py; empty where nothing is swept.
        settings: what was tried for each setting that the profile tunes, see training/settings.py.
    """

    config: Any
    lambda_shift: float = 0.0
    lambda_reason: str = ""
    epochs: int = 0
    lambda_curve: list[dict[str, Any]] = field(default_factory=list)
    settings: list[dict[str, object]] = field(default_factory=list)


class Forecaster(Protocol):
    """A fitted forecaster of one horizon.

    It may also have `decision_function(rows)`, (N,) log odds, which is calibrated without a detour
    over probabilities; `predict_quantiles(rows, levels)`, (N, L) cases; and what ReadsVectors and
    HasCentre say.
    """

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns of Examples that it reads, covariates by their own names."""

    @property
    def lone_row(self) -> bool:
        """Whether one row of covariates, vectors and threshold carries all that it needs."""

    def predict_proba(self, rows: Examples) -> Float64s:
        """(N,) probabilities for the whole table of a horizon, whatever the order of its rows."""

    def save(self, folder: Path) -> None:
        """Write its own files into an existing folder: no pickle, equal bytes for equal models."""


class ForecasterClass(Protocol):
    """What a name stands for: a class, or anything that fits and loads like one.

    It may also have what Tunes and OutOfFold say.
    """

    def fit(self, train: Examples, folds: Folds, config: Any) -> Forecaster:
        """Fit on training rows, all of whose labels are known; the same inputs give the
        same bits."""

    def load(self, folder: Path) -> Forecaster:
        """The inverse of `save`. Raises StoreError on files that it did not write."""


@runtime_checkable
class Tunes(Protocol):
    """A class that chooses something at the primary horizon for all of them."""

    def tune(self, train: Examples, folds: Folds, config: Any) -> Tuning:
        """The choice, made on inner seasons only."""


@runtime_checkable
class OutOfFold(Protocol):
    """A class that knows its log odds of inner seasons better than by being fitted once a fold."""

    def out_of_fold(self, train: Examples, folds: Folds, config: Any) -> Float64s:
        """(N,) log odds by models that saw no row of the season; NaN outside all seasons."""


@runtime_checkable
class Decides(Protocol):
    """A fitted forecaster with log odds of its own."""

    def decision_function(self, rows: Examples) -> Float64s:
        """(N,) log odds, before calibration."""


@runtime_checkable
class ReadsVectors(Protocol):
    """A residual on tabular log odds; rows without an image and a text keep those."""

    lambda_shift: float
    vector_widths: tuple[int, int] | None  # of image and text; None = it adds nothing


@runtime_checkable
class Residual(Protocol):
    """Adds to the log odds of a tabular forecaster, which answers where nothing is added."""

    base: Forecaster
    base_kind: str


@runtime_checkable
class HasCentre(Protocol):
    """Knows where its training rows lay, so that golden rows lie among them."""

    @property
    def centre(self) -> Mapping[str, tuple[float, float]]:
        """Design column -> mean and standard deviation over the training rows."""


def forecaster_class(name: str) -> ForecasterClass:
    """The class behind a name. Raises ConfigError if it is not installed or cannot be imported."""
    kind = forecaster_kind(name)
    found = load_target(kind.forecaster, f"forecaster {name!r}")
    named: ForecasterClass = found(name) if kind.by_name else found
    return named
