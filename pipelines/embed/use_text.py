"""Universal sentence encoder, multilingual (v3): one space for texts in sixteen languages.

The package brings quantised weights and a tokenizer model; its code is not imported. What it
computes is below: word pieces, windows of two, three and five pieces, their sum, a small network.
Architecture: Yang et al. 2019, arXiv:1907.04307 (the convolutional model).

Shape letters: T tokens of one text, C = 256 channels of a window.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import ThreadpoolController

from pipelines.arrays import AnyArray, Float32s, Int64s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import Encoder, spec_of
from pipelines.embed.weights import Weights, companion
from pipelines.errors import EncoderError
from pipelines.storage import sha256_file

MODALITY: Modality = "text"
LIBRARIES = ("numpy", "sentencepiece")
CODE_ID = "use-text-1"

_WIDTH, _CHANNELS = 512, 256
_TOKENIZER = "sp.model"
_MAX_TOKENS = 512  # a sentence encoder: what is longer says little more, and costs memory
_WINDOWS = ((2, 0), (3, 1), (5, 2))  # pieces in a window, and how many of them come before
_PARTS = 17  # piece i is row i // 17 of table q<1 + i % 17>


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder. Raises EncoderError for a pooling other than projected."""
    if config.pooling != "projected":
        raise EncoderError(
            f"{config.name} pools by projected, not {config.pooling}",
            fix="set embed.text.pooling: projected",
        )
    preprocessing = {
        "tokenizer_sha256": sha256_file(companion(config, weights, _TOKENIZER)),
        "max_tokens": _MAX_TOKENS,
    }
    return spec_of(config, weights, MODALITY, _WIDTH, preprocessing, CODE_ID)


def load(config: EncoderConfig, weights: Weights) -> UseTextEncoder:
    """The encoder, ready to encode. Raises EncoderError if the weights are of another network."""
    from sentencepiece import SentencePieceProcessor

    spec = describe(config, weights)
    tokenizer = SentencePieceProcessor(model_file=str(weights.path.with_name(_TOKENIZER)))
    try:
        network = read_network(weights.path)
        network.vector(np.array([1, 2], dtype=np.int64))
    except (KeyError, ValueError, IndexError) as err:
        raise EncoderError(
            f"the weights do not fit the multilingual sentence encoder: {err}",
            where=str(weights.path),
            fix="use the pinned package, or write an encoder for these weights",
        ) from err
    return UseTextEncoder(spec, tokenizer, network)


def read_network(path: Path) -> Network:
    """The network of an .npz file. Raises KeyError or ValueError if it is of another one."""
    with np.load(path, allow_pickle=False) as found:
        arrays = {name: found[name] for name in found.files}
    table = np.stack([arrays.pop(f"q{i + 1}") for i in range(_PARTS)], axis=1)
    return Network(table.reshape(-1, table.shape[-1]), arrays)


@dataclass(frozen=True)
class Network:
    """The frozen network.

    Attributes:
        table: (pieces, 512) uint8, the quantised vectors of the word pieces.
        arrays: everything else by the file's names.
    """

    table: AnyArray
    arrays: dict[str, AnyArray]

    def vector(self, pieces: Int64s) -> Float32s:
        """(512,) vector of unit length of one text's word pieces (T,)."""
        a = self.arrays
        part = pieces % _PARTS
        embedded = self.table[pieces] * a["scale"][part, None] + a["lo"][part, None]
        seen = np.concatenate([embedded, *self._windowed(embedded)], axis=1)
        tokens = self._normalised(seen, a["ln_g"], a["ln_b"])
        total = tokens.sum(axis=0) @ a["cnn_W"] + len(pieces) * a["cnn_b"]
        out = self._projected(total / np.sqrt(np.float32(len(pieces))))
        unit: Float32s = out / np.sqrt(np.maximum(out @ out, self._eps))
        return unit

    @property
    def _eps(self) -> np.float32:
        return np.float32(self.arrays["eps"])

    def _windowed(self, embedded: Float32s) -> Iterator[Float32s]:
        """(T, C) a kind of window, what it makes of (T, 512) vectors."""
        a = self.arrays
        gain, bias = (np.concatenate([a[f"ln_{x}{n}"] for n, _ in _WINDOWS]) for x in "gb")
        begun = [embedded @ a[f"proj{n}"] + a[f"proj_b{n}"] for n, _ in _WINDOWS]
        together = self._normalised(np.concatenate(begun, axis=1), gain, bias)
        for x, (n, before) in zip(np.split(together, len(_WINDOWS), axis=1), _WINDOWS, strict=True):
            for step in "12":
                found = _windows(x, n, before) @ a[f"w{step}_{n}"] + a[f"b{step}_{n}"]
                x = np.maximum(found, 0) + x
            yield x

    def _normalised(self, x: Float32s, gain: AnyArray, bias: AnyArray) -> Float32s:
        centred = x - x.mean(axis=1, keepdims=True)
        spread = np.sqrt(np.square(centred).mean(axis=1, keepdims=True) + self._eps)
        out: Float32s = centred / spread * gain + bias
        return out

    def _projected(self, total: Float32s) -> Float32s:
        a = self.arrays
        first = np.maximum(total @ a["d0"], 0)
        middle = np.maximum(total @ a["p1"] + first @ a["d1"], 0)
        last = np.maximum(middle @ a["d2"], 0)
        out: Float32s = np.tanh(middle @ a["p3"] + last @ a["d3"])
        return out


def _windows(x: Float32s, n: int, before: int) -> Float32s:
    """(T, n * C) each token beside its neighbours; zeros beyond the text."""
    padded = np.pad(x, ((before, n - 1 - before), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(padded, n, axis=0)  # (T, C, n)
    return seen.transpose(0, 2, 1).reshape(len(x), n * _CHANNELS)


class UseTextEncoder(Encoder):
    """512 wide and of unit length. A numeral weighs in it: other counts are another vector."""

    def __init__(self, spec: EncoderSpec, tokenizer: Any, network: Network) -> None:
        super().__init__(spec)
        self._tokenizer, self._network = tokenizer, network
        self._libraries = ThreadpoolController()  # looked up once: it costs more than a text

    def encode_one(self, item: str) -> Float32s:
        """(512,) vector of one text; a longer one is cut to 512 word pieces and counted."""
        pieces = self._tokenizer.encode(item, out_type=int, add_bos=True, add_eos=True)
        if len(pieces) > _MAX_TOKENS:
            self.truncated += 1
            pieces = [*pieces[: _MAX_TOKENS - 1], pieces[-1]]
        with self._libraries.limit(limits=self.spec.threads, user_api="blas"):
            return self._network.vector(np.array(pieces, dtype=np.int64))
