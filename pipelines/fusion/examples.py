"""Examples: what a head is trained on and asked about, as aligned arrays.

Shape letters: N rows, K covariates, M distinct vectors of a modality, D their width, B batch.
Vectors are kept once and rows point at them, because most rows have none and many share one.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipelines.arrays import Bools, Float32s, Float64s, Int32s, Texts
from pipelines.contracts import COVARIATE_NAMES
from pipelines.weeks import CDC, Calendar

_BY_ROW = (
    "sample_id",
    "unit_id",
    "origin_week_no",
    "target_week_no",
    "covariates",
    "threshold_cases",
    "label",
)


@dataclass(frozen=True)
class ModalityVectors:
    """Vectors of one modality and, for each row, which one it has.

    Attributes:
        table: (M, D) distinct raw encoder vectors, not normalised.
        row: (N,) index into table, or -1 where the modality is missing.
    """

    table: Float32s
    row: Int32s

    @property
    def mask(self) -> Bools:
        """(N,) True where the modality is present."""
        return self.row >= 0

    @property
    def width(self) -> int:
        return int(self.table.shape[1])

    def hidden(self) -> ModalityVectors:
        """The same vectors, and no row that has one."""
        return replace(self, row=np.full_like(self.row, -1))

    def dense(self) -> Float32s:
        """(N, D) vectors, exactly zero where missing."""
        out = np.zeros((len(self.row), self.width), dtype=np.float32)
        out[self.mask] = self.table[self.row[self.mask]]
        return out


@dataclass(frozen=True)
class Examples:
    """All rows of one horizon. The label is NaN where the target's cases are not known.

    Attributes:
        covariates: (N, K) as covariate_names says, NaN where missing.
        threshold_cases: (N,) the label rule's threshold of the row's municipality.
        label: (N,) 1.0 where target cases exceed the threshold, 0.0 where not, NaN unknown.
        calendar: whose weeks the ordinals count.
        covariate_names: what the place declares, all or some of contracts.COVARIATES or others.
    """

    horizon_weeks: int
    sample_id: Texts
    unit_id: Texts
    origin_week_no: Int32s
    target_week_no: Int32s
    covariates: Float32s
    threshold_cases: Float32s
    label: Float32s
    image: ModalityVectors
    text: ModalityVectors
    calendar: Calendar = CDC
    covariate_names: tuple[str, ...] = COVARIATE_NAMES

    def __len__(self) -> int:
        return len(self.sample_id)

    def columns(self, names: Sequence[str]) -> Float64s:
        """(N, len(names)) covariates by name; a name that these rows lack is NaN throughout."""
        if tuple(names) == self.covariate_names:
            return self.covariates.astype(np.float64)
        out = np.full((len(self), len(names)), np.nan)
        for at, name in enumerate(names):
            if name in self.covariate_names:
                out[:, at] = self.covariates[:, self.covariate_names.index(name)]
        return out

    def keep(self, names: Sequence[str]) -> Examples:
        """The same rows with some of their covariates, in the order given."""
        if tuple(names) == self.covariate_names:
            return self
        kept = self.columns(names).astype(np.float32)
        return replace(self, covariates=kept, covariate_names=tuple(names))

    def take(self, chosen: Bools | npt.NDArray[np.integer]) -> Examples:
        """The rows chosen by a mask or by indices; vector tables are shared, not copied."""
        return replace(
            self,
            **{name: getattr(self, name)[chosen] for name in _BY_ROW},
            image=replace(self.image, row=self.image.row[chosen]),
            text=replace(self.text, row=self.text.row[chosen]),
        )


def without_vectors(rows: Examples) -> Examples:
    """The same rows without image and text."""
    return replace(rows, image=rows.image.hidden(), text=rows.text.hidden())
