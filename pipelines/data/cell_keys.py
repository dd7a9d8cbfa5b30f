"""Which cell is which: unit, fact and time as one number, the same in every drop."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import Int64s


class CellKeys:
    """Numbers units and facts as they come."""

    def __init__(self) -> None:
        self._units: dict[str, int] = {}
        self._facts: dict[tuple[str, str], int] = {}

    def of(self, cells: pd.DataFrame) -> Int64s:
        """(N,) unit, fact (`kind` and `clean`) and time packed into 64 bits: 24 + 16 + 24."""
        unit = _codes(cells["unit_id"], self._units)
        fact = _codes(cells["kind"].astype(str) + "|" + cells["clean"].astype(str), self._facts)
        when = cells["when"].to_numpy(dtype=np.int64)
        packed: Int64s = (unit << 40) | (fact << 24) | (when + (1 << 23))
        return packed


def _codes(names: pd.Series, known: dict[Any, int]) -> Int64s:
    """(N,) number of each name, the same one in every drop."""
    places, distinct = pd.factorize(names)
    numbered = np.array([known.setdefault(n, len(known)) for n in distinct], dtype=np.int64)
    out: Int64s = numbered[places] if len(names) else numbered
    return out
