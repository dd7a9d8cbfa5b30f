"""Texts of cells as numbers: a million cells name a few units, files and facts, each kept once.

Sources may give texts as objects or as categoricals. Cells of several drops are joined to
categoricals whose texts are in order, so that they sort and compare as the texts do, in a tenth
of the time. What few rows leave for people or for tables is plain text again.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s

CELL_TEXTS = ("file", "column", "unit_id", "kind", "clean")  # of raw.CELL_COLUMNS


def joined(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Rows of one or more frames of equal columns, one after the other, index 0..n-1; CELL_TEXTS
    as categoricals with their texts in order."""
    columns = {name: [frame[name] for frame in frames] for name in frames[0].columns}
    own = {
        name: _texts(parts) if name in CELL_TEXTS else pd.concat(parts, ignore_index=True)
        for name, parts in columns.items()
    }
    return pd.DataFrame(own, copy=False)  # each column is a copy already


def plain(frame: pd.DataFrame) -> pd.DataFrame:
    """The frame with its CELL_TEXTS as objects."""
    return frame.astype({name: object for name in CELL_TEXTS if name in frame.columns})


def coded(texts: pd.Series) -> tuple[Int64s, pd.Index]:
    """(N,) which of the distinct texts each is, -1 where it has none; and the distinct texts."""
    if not isinstance(texts.dtype, pd.CategoricalDtype):
        places, distinct = pd.factorize(texts)
        return places.astype(np.int64), pd.Index(distinct)
    return np.asarray(texts.cat.codes, dtype=np.int64), texts.cat.categories


def _texts(parts: Sequence[pd.Series]) -> pd.Categorical:
    own = [coded(part) for part in parts]
    every = pd.Index(sorted({str(text) for _, distinct in own for text in distinct}), dtype=object)
    places = [np.append(every.get_indexer(distinct), -1)[codes] for codes, distinct in own]
    return pd.Categorical.from_codes(np.concatenate(places), every)  # type: ignore[arg-type]
