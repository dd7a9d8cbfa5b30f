"""Rows by their content: what a recipe may read of a row, whichever version of features holds it.

Shape letters: N rows.
"""

from __future__ import annotations

import hashlib

import numpy as np
import numpy.typing as npt
import pandas as pd

from pipelines.arrays import Texts
from pipelines.fusion.examples import Examples, ModalityVectors


def row_hashes(rows: Examples, vectors: bool) -> npt.NDArray[np.uint64]:
    """(N,) hash of everything that a recipe may read of a row.

    Args:
        vectors: whether that is its image and text as well.
    """
    table = pd.DataFrame(rows.covariates, columns=list(rows.covariate_names))
    table = table.assign(
        sample=rows.sample_id, label=rows.label, threshold=rows.threshold_cases
    )  # a row that moved to another unit, week or class is another row
    if vectors:
        table = table.assign(image=_vector_hashes(rows.image), text=_vector_hashes(rows.text))
    return np.asarray(pd.util.hash_pandas_object(table, index=False), dtype=np.uint64)


def digest_of(hashes: npt.NDArray[np.uint64]) -> str:
    """One hash of the hashes of rows, in their order."""
    return hashlib.sha256(hashes.tobytes()).hexdigest()


def _vector_hashes(vectors: ModalityVectors) -> Texts:
    own = np.array(
        [hashlib.sha256(v.tobytes()).hexdigest() for v in vectors.table] + [""], dtype=object
    )
    return np.asarray(own[vectors.row], dtype=object)  # -1, a missing one, is the last
