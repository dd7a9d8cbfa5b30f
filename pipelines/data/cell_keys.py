"""Which cell is which: unit, fact and time as one number, the same in every drop."""

from __future__ import annotations

from collections.abc import Hashable, Sequence

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s
from pipelines.data.cell_texts import coded


class CellKeys:
    """Numbers units and facts as they come."""

    def __init__(self) -> None:
        self._units: dict[Hashable, int] = {}
        self._facts: dict[Hashable, int] = {}

    def of(self, cells: pd.DataFrame) -> Int64s:
        """(N,) unit, fact (`kind` and `clean`) and time packed into 64 bits: 24 + 16 + 24."""
        units, distinct = coded(cells["unit_id"])
        unit = _numbered([*distinct, None], self._units)[units]
        fact = self._fact(cells)
        when = cells["when"].to_numpy(dtype=np.int64)
        packed: Int64s = (unit << 40) | (fact << 24) | (when + (1 << 23))
        return packed

    def _fact(self, cells: pd.DataFrame) -> Int64s:
        """(N,) number of each kind and name."""
        (kinds, kind_names), (cleans, clean_names) = coded(cells["kind"]), coded(cells["clean"])
        n_cleans = len(clean_names) + 1  # one more where there is none
        pair = (kinds + 1) * n_cleans + cleans + 1
        numbers = np.zeros((len(kind_names) + 1) * n_cleans, dtype=np.int64)
        there = np.flatnonzero(np.bincount(pair, minlength=len(numbers)))
        every_kind, every_clean = [None, *kind_names], [None, *clean_names]
        places = [divmod(int(at), n_cleans) for at in there]
        named = [(every_kind[kind], every_clean[clean]) for kind, clean in places]
        numbers[there] = _numbered(named, self._facts)
        out: Int64s = numbers[pair]
        return out


def _numbered(names: Sequence[Hashable], known: dict[Hashable, int]) -> Int64s:
    """(names,) number of each, the same one in every drop."""
    return np.array([known.setdefault(name, len(known)) for name in names], dtype=np.int64)
