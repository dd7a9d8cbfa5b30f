"""Pooling of token vectors by ggml, the library below llama.cpp, in llama.cpp's own bits.

llama.cpp's mean is a product of matrices whose order of additions follows the processor; NumPy's
has other last digits.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

from pipelines.arrays import Float32s

_F32 = 0  # ggml's type
_SPARE_BYTES = 4 * 2**20  # of a graph with one operation, beside its values


class _Room(ctypes.Structure):
    """ggml's ggml_init_params."""

    _fields_ = (
        ("mem_size", ctypes.c_size_t),
        ("mem_buffer", ctypes.c_void_p),
        ("no_alloc", ctypes.c_bool),
    )


_POINTER, _INT, _LONG, _SIZE = ctypes.c_void_p, ctypes.c_int, ctypes.c_int64, ctypes.c_size_t
# Name -> what it returns and takes (ggml.h, ggml-backend.h, ggml-cpu.h).
_CALLS: dict[str, tuple[Any, tuple[Any, ...]]] = {
    "ggml_get_name": (ctypes.c_char_p, (_POINTER,)),
    "ggml_nbytes": (_SIZE, (_POINTER,)),
    "ggml_nrows": (_LONG, (_POINTER,)),
    "ggml_backend_tensor_get": (None, (_POINTER, _POINTER, _SIZE, _SIZE)),
    "ggml_init": (_POINTER, (_Room,)),
    "ggml_free": (None, (_POINTER,)),
    "ggml_new_tensor_2d": (_POINTER, (_POINTER, _INT, _LONG, _LONG)),
    "ggml_get_data": (_POINTER, (_POINTER,)),
    "ggml_mul_mat": (_POINTER, (_POINTER, _POINTER, _POINTER)),
    "ggml_new_graph": (_POINTER, (_POINTER,)),
    "ggml_build_forward_expand": (None, (_POINTER, _POINTER)),
    "ggml_graph_compute_with_ctx": (_INT, (_POINTER, _POINTER, _INT)),
}


@cache
def ggml() -> Any:
    """The library that llama-cpp-python has loaded.

    Raises:
        ImportError, AttributeError: it is not there, or has not these functions.
    """
    from llama_cpp._ggml import libggml

    for name, (gives, takes) in _CALLS.items():
        function = getattr(libggml, name)
        function.restype, function.argtypes = gives, takes
    return libggml


def name_of(tensor: int) -> bytes:
    """A tensor's name."""
    found: bytes = ggml().ggml_get_name(tensor)
    return found


def rows_of(tensor: int) -> Float32s:
    """(rows, width) copy of a float32 tensor, wherever it lies."""
    library = ggml()
    size, rows = library.ggml_nbytes(tensor), library.ggml_nrows(tensor)
    values = np.empty((rows, size // 4 // rows), np.float32)
    library.ggml_backend_tensor_get(tensor, values.ctypes.data, 0, size)
    return values


def pooled(tokens: Float32s, pooling: str) -> Float32s:
    """(width,) of (tokens, width): their mean, or the first (cls) or last of them."""
    if pooling != "mean":
        vector: Float32s = tokens[0 if pooling == "cls" else -1].copy()
        return vector
    return _mean(tokens)


def _mean(tokens: Float32s) -> Float32s:
    library, (count, width) = ggml(), tokens.shape
    room = library.ggml_init(_Room(tokens.nbytes + _SPARE_BYTES, None, False))
    try:
        columns = library.ggml_new_tensor_2d(room, _F32, count, width)
        shares = library.ggml_new_tensor_2d(room, _F32, count, 1)
        _fill(columns, np.ascontiguousarray(tokens.T))
        _fill(shares, np.full(count, np.float32(1) / np.float32(count), np.float32))
        mean, graph = library.ggml_mul_mat(room, columns, shares), library.ggml_new_graph(room)
        library.ggml_build_forward_expand(graph, mean)
        library.ggml_graph_compute_with_ctx(room, graph, 1)
        vector = np.empty(width, np.float32)
        ctypes.memmove(vector.ctypes.data, library.ggml_get_data(mean), vector.nbytes)
    finally:
        library.ggml_free(room)
    return vector


def _fill(tensor: int, values: Float32s) -> None:
    ctypes.memmove(ggml().ggml_get_data(tensor), values.ctypes.data, values.nbytes)
