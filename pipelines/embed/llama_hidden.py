"""Vectors from llama.cpp's last hidden states, without what it computes for no one.

A language model ends with the matrix of its vocabulary, which gives the odds of the next token.
Asked for an embedding, llama.cpp multiplies every token by it and throws the odds away: with a
small model and a large vocabulary most of the time. Here its graph is watched by the callback that
it offers (`cb_eval`), read at the last norm and stopped there. The pooling that would have come is
done by the same operation of the same library, so that a vector keeps its bits.

Whether it does is tried on a text when a model is loaded. Else, and with a library that does not
offer this, llama.cpp goes on to the end.
"""

from __future__ import annotations

import logging
from typing import Any

import numpy as np

from pipelines.arrays import Float32s
from pipelines.embed import llama_pooling
from pipelines.errors import EncoderError

log = logging.getLogger(__name__)

_LAST_NORM = b"result_norm"  # llama.cpp's name of what it pools
_TRIED_ON = "Dengue: 12, 15, 9 y 4 casos. Lluvia 31 mm."


class LlamaModel:
    """One text a call, pooled over its tokens, not normalised.

    Args:
        path: of the GGUF file.
        pooling: mean, cls or last.
        settings: of llama_cpp.Llama.
    """

    def __init__(self, path: str, pooling: str, **settings: Any) -> None:
        self._pooling = pooling
        self._watch = _new_watch()
        self._model = _open(path, self._watch, settings)
        self._may_stop()

    @property
    def stops(self) -> bool:
        """Whether it leaves out what follows the last norm."""
        return self._watch is not None and self._watch.stops

    def tokens(self, text: str) -> int:
        """How many tokens a text has, with those that the model puts around it."""
        return len(self._model.tokenize(text.encode("utf-8")))

    def vector(self, text: str) -> Float32s:
        """(width,) vector of a text; of a longer one than the context, of its first tokens.

        Raises:
            EncoderError: llama.cpp was stopped and what it had at its last norm could not be read.
        """
        if self._watch is None:
            return self._whole(text)
        self._watch.seen = None
        whole = self._whole(text)
        if not self._watch.stops:
            return whole
        if self._watch.seen is None:  # the callback failed, and `whole` is of no computation
            raise EncoderError(
                "llama.cpp's last hidden states could not be read",
                where="encoder llama",
                fix="see the lines above, and run again: memory may have been short",
            )
        return llama_pooling.pooled(self._watch.seen, self._pooling)

    def close(self) -> None:
        """Free the model."""
        self._model.close()

    def _whole(self, text: str) -> Float32s:
        found = self._model.embed(text, normalize=False, truncate=True)
        return np.asarray(found, dtype=np.float32)

    def _may_stop(self) -> None:
        """Stop from now on if the bits are those of llama.cpp's own end."""
        if self._watch is None:
            return
        whole = self.vector(_TRIED_ON)
        if self._watch.seen is not None:
            mine = llama_pooling.pooled(self._watch.seen, self._pooling)
            self._watch.stops = np.array_equal(mine, whole)
        if not self._watch.stops:
            log.info("llama.cpp computes this model to its end: its vectors have other bits")


class _Watch:
    """Attributes:
    stops: whether llama.cpp ends at the last norm.
    seen: (tokens, width) of the last text at the last norm; None if it was not there.
    """

    def __init__(self, callback: Any) -> None:
        self.stops = False
        self.seen: Float32s | None = None
        self.callback = callback(self._called)  # lives as long as llama.cpp may call it

    def _called(self, tensor: int, asks: bool, _: object) -> bool:
        """Asked of each operation whether it is of interest, then called with what it gave."""
        if asks:
            return llama_pooling.name_of(tensor) == _LAST_NORM
        self.seen = llama_pooling.rows_of(tensor)
        return not self.stops


def _new_watch() -> _Watch | None:
    """None with a library that cannot be watched."""
    try:
        from llama_cpp import ggml_backend_sched_eval_callback

        llama_pooling.ggml()
    except (ImportError, AttributeError):
        return None
    return _Watch(ggml_backend_sched_eval_callback)


def _open(path: str, watch: _Watch | None, settings: dict[str, Any]) -> Any:
    from llama_cpp import Llama

    if watch is None:
        return Llama(path, **settings)
    callback = watch.callback

    class Watched(Llama):
        def __setattr__(self, name: str, value: Any) -> None:
            if name == "context_params":  # before the context is made of them
                value.cb_eval = callback
            super().__setattr__(name, value)

    return Watched(path, **settings)
