"""Names of NumPy arrays by what an element is; shapes stand in the docstring of who takes them.
And an order that several take."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

Float64s = npt.NDArray[np.float64]
Float32s = npt.NDArray[np.float32]
Int64s = npt.NDArray[np.int64]
Int32s = npt.NDArray[np.int32]
Positions = npt.NDArray[np.intp]  # what NumPy's own searches return
Bools = npt.NDArray[np.bool_]
Texts = npt.NDArray[np.object_]  # of str, or None
Days = npt.NDArray[np.datetime64]
UInt8s = npt.NDArray[np.uint8]
AnyArray = npt.NDArray[Any]


def stable_order(codes: Int64s) -> Positions:
    """Places of the codes in ascending order, equal ones as they come; none is below 0.

    In as few bits as they need: numbers of 16 bits are counted, not compared.
    """
    most = int(codes.max()) if len(codes) else 0
    return np.argsort(codes.astype(np.min_scalar_type(most)), kind="stable")
