"""Examples: what a head is trained on and asked about, as aligned arrays.

Shape letters: N rows, K covariates, M distinct vectors of a modality, D their width, B batch.
Vectors are kept once and rows point at them, because most rows have none and many share one.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from pipelines.weeks import CDC, Calendar

Floats = npt.NDArray[np.float32]
Ints = npt.NDArray[np.int32]
Bools = npt.NDArray[np.bool_]
Strings = npt.NDArray[np.object_]
_BY_ROW = ("sample_id", "unit_id", "origin_week_no", "target_week_no", "covariates", "threshold_cases", "label")  # fmt: skip


@dataclass(frozen=True)
class ModalityVectors:
    """Vectors of one modality and, for each row, which one it has.

    Attributes:
        table: (M, D) distinct raw encoder vectors, not normalised.
        row: (N,) index into table, or -1 where the modality is missing.
    """

    table: Floats
    row: Ints

    @property
    def mask(self) -> Bools:
        """(N,) True where the modality is present."""
        return self.row >= 0

    @property
    def width(self) -> int:
        return int(self.table.shape[1])

    def dense(self) -> Floats:
        """(N, D) vectors, exactly zero where missing."""
        out = np.zeros((len(self.row), self.width), dtype=np.float32)
        out[self.mask] = self.table[self.row[self.mask]]
        return out


@dataclass(frozen=True)
class Examples:
    """All rows of one horizon. The label is NaN where the target's cases are not known.

    Attributes:
        covariates: (N, K) as in contracts.COVARIATES, NaN where missing.
        threshold_cases: (N,) the label rule's threshold of the row's municipality.
        label: (N,) 1.0 where target cases exceed the threshold, 0.0 where not, NaN unknown.
        calendar: whose weeks the ordinals count.
    """

    horizon_weeks: int
    sample_id: Strings
    unit_id: Strings
    origin_week_no: Ints
    target_week_no: Ints
    covariates: Floats
    threshold_cases: Floats
    label: Floats
    image: ModalityVectors
    text: ModalityVectors
    calendar: Calendar = CDC

    def __len__(self) -> int:
        return len(self.sample_id)

    def take(self, chosen: Bools | npt.NDArray[np.integer]) -> Examples:
        """The rows chosen by a mask or by indices; vector tables are shared, not copied."""
        return replace(
            self,
            **{name: getattr(self, name)[chosen] for name in _BY_ROW},
            image=replace(self.image, row=self.image.row[chosen]),
            text=replace(self.text, row=self.text.row[chosen]),
        )
