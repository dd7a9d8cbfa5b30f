"""Encoders that break one promise each, for the tests of the conformance kit.

The honest one gives the mean colours of a scene, times the one number that its weights file holds.
"""

from __future__ import annotations

import contextlib
import socket
from dataclasses import replace
from itertools import count

import numpy as np

from pipelines.embed.base import Encoder, spec_of
from pipelines.errors import EncoderError

_DRAWN = count(1)


class Colours(Encoder):
    """Breaks no promise."""

    def __init__(self, spec, factor):
        super().__init__(spec)
        self.factor = factor

    def encode_one(self, item):
        return (item.mean(axis=(0, 1)) * self.factor).astype(np.float32)


class Module:
    """What the file of an encoder holds."""

    MODALITY, LIBRARIES, CODE_ID = "image", ("numpy",), "colours-1"
    made = Colours

    def describe(self, config, weights):
        if config.pooling != "mean":
            raise EncoderError("mean alone")
        return spec_of(config, weights, "image", 3, {}, self.CODE_ID)

    def load(self, config, weights):
        return self.made(self.describe(config, weights), float(weights.path.read_text()))


class _Batching(Colours):
    """Centres the inputs that it is given together."""

    def encode(self, inputs):
        vectors = super().encode(inputs)
        return vectors - vectors.mean(axis=0) * (len(inputs) > 1)


class _Ordering(Colours):
    def encode(self, inputs):
        return super().encode(inputs) * np.linspace(1, 2, len(inputs), dtype=np.float32)[:, None]


class _Drawing(Colours):
    def encode_one(self, item):
        return super().encode_one(item) + np.float32(next(_DRAWN))


class _Double(Colours):
    def encode(self, inputs):
        return super().encode(inputs).astype(np.float64)


class _Flat(Colours):
    def encode_one(self, item):
        return np.ones(3, dtype=np.float32)


class _Writing(Colours):
    def encode_one(self, item):
        item[:1] = 0
        return super().encode_one(item)


class Batching(Module):
    made = _Batching


class Ordering(Module):
    made = _Ordering


class Drawing(Module):
    made = _Drawing


class Double(Module):
    made = _Double


class Flat(Module):
    made = _Flat


class Writing(Module):
    made = _Writing


class Keyless(Module):
    """Says the same whatever its weights and threads are."""

    def describe(self, config, weights):
        spec = super().describe(config.model_copy(update={"threads": 1}), weights)
        return replace(spec, weights_sha256=config.sha256)


class Calling(Module):
    """Asks a hub, and goes on if there is none."""

    def load(self, config, weights):
        with contextlib.suppress(OSError):
            socket.create_connection(("weights.example", 443), timeout=1).close()
        return super().load(config, weights)


class Reloading(Module):
    """Each time it is loaded it begins with other random numbers."""

    def load(self, config, weights):
        return self.made(self.describe(config, weights), float(next(_DRAWN)))


BATCHING, ORDERING, DRAWING, DOUBLE = Batching(), Ordering(), Drawing(), Double()
FLAT, WRITING, KEYLESS, CALLING, RELOADING = Flat(), Writing(), Keyless(), Calling(), Reloading()
