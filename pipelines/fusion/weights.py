"""Numbers of a model in a file without pickle: named arrays as safetensors."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load_file, save

from pipelines.arrays import AnyArray
from pipelines.errors import StoreError
from pipelines.storage import write_atomic

Tensors = dict[str, AnyArray]
FIX = "train again, or fetch the bundle again from the registry"


def write_tensors(path: Path, tensors: Mapping[str, AnyArray]) -> None:
    """Write named arrays; equal arrays give equal bytes. Raises StoreError if one is not finite."""
    unfit = _not_finite(tensors)
    if unfit:
        raise StoreError(
            f"not finite: {unfit}",
            where=path.name,
            fix="lower the learning rate, or look at the training data",
        )
    write_atomic(path, bytes(save({k: np.ascontiguousarray(tensors[k]) for k in sorted(tensors)})))


def read_tensors(path: Path) -> Tensors:
    """The named arrays of a file. Raises StoreError if it is damaged or holds a NaN."""
    try:
        tensors = dict(load_file(path))
    except (SafetensorError, OSError, ValueError) as err:
        raise StoreError(f"the weights cannot be read: {err}", where=str(path), fix=FIX) from err
    unfit = _not_finite(tensors)
    if unfit:
        raise StoreError(f"not finite: {unfit}", where=str(path), fix=FIX)
    return tensors


def below(tensors: Tensors, prefix: str) -> Tensors:
    """Those whose name begins with a prefix, without it."""
    return {k[len(prefix) :]: v for k, v in tensors.items() if k.startswith(prefix)}


def _not_finite(tensors: Mapping[str, AnyArray]) -> str:
    return ", ".join(sorted(k for k, v in tensors.items() if not np.isfinite(v).all()))
