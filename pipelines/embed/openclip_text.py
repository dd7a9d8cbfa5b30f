"""The text tower of an open_clip model (77 tokens; medical CLIPs 256): its projected vector."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.arrays import Float32s, Int64s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed import openclip
from pipelines.embed.base import Encoder, untrained_spec
from pipelines.embed.compiled import compiled_network
from pipelines.embed.openclip import (
    CONFIG_FILE,
    ClipFolder,
    load_model,
    load_untrained_model,
    make_spec,
    quiet,
    read_folder,
)
from pipelines.embed.openvino_network import OpenVinoNetwork
from pipelines.embed.weights import Weights, companion
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError
from pipelines.storage import sha256_file

if TYPE_CHECKING:
    import torch

MODALITY: Modality = "text"
LIBRARIES = (*openclip.LIBRARIES, "transformers", "tokenizers", "ftfy", "regex")
CODE_ID = "openclip-text-1"

Tower = Callable[[Int64s], Float32s]  # (width,) of tokens (1, limit)

_MAX_TOKENS = 77  # open_clip's default
_TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.txt",
    "special_tokens_map.json",
)


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the folder. Raises EncoderError or StoreError."""
    folder = read_folder(config, weights)
    text = folder.model["text_cfg"]
    if text.get("tokenizer_kwargs", {}).get("reduction_mask") or text.get("tokenizer_mode"):
        raise EncoderError(
            "the tokenizer cuts long prompts by a rule that is not counted here",
            where=str(folder.path / CONFIG_FILE),
            fix="use a checkpoint without reduction_mask and tokenizer_mode",
        )
    made: dict[str, object] = {
        "tokenizer": "open_clip.SimpleTokenizer",
        "max_tokens": _limit(folder),
    }
    if text.get("hf_tokenizer_name"):
        companion(config, weights, "tokenizer.json")
        present = [name for name in _TOKENIZER_FILES if (folder.path / name).is_file()]
        made["tokenizer"] = {name: sha256_file(folder.path / name) for name in present}
    shape = f"1x{_limit(folder)} tokens"
    return make_spec(config, weights, folder, (MODALITY, CODE_ID), made, shape)


def _limit(folder: ClipFolder) -> int:
    return int(folder.model["text_cfg"].get("context_length", _MAX_TOKENS))


def load(config: EncoderConfig, weights: Weights) -> Encoder:
    """The encoder, with threads set as configured; nothing is fetched. Raises EncoderError."""
    spec, folder = describe(config, weights), read_folder(config, weights)
    if config.runtime is not None:
        network = _compiled(config, config.runtime, weights)
        return OpenClipTextEncoder(spec, _tokenizer(folder), network, _limit(folder))
    tower = _by_torch(_tower(load_model(config, folder)))
    return OpenClipTextEncoder(spec, _tokenizer(folder), tower, _limit(folder))


def load_untrained(config: EncoderConfig, weights: Weights, seed: int) -> OpenClipTextEncoder:
    """The same tower and tokenizer with open_clip's random initialisation. Raises EncoderError."""
    spec, folder = untrained_spec(describe(config, weights), seed), read_folder(config, weights)
    tower = _by_torch(_tower(load_untrained_model(config, folder, seed)))
    return OpenClipTextEncoder(spec, _tokenizer(folder), tower, _limit(folder))


def _compiled(config: EncoderConfig, runtime: RuntimeConfig, weights: Weights) -> OpenVinoNetwork:
    folder = read_folder(config, weights)
    blank = np.zeros((1, _limit(folder)), np.int64)
    return compiled_network(
        config, runtime, weights, lambda: _tower(load_model(config, folder)), (blank,)
    )


def _tower(model: Any) -> torch.nn.Module:
    """The text tower: (1, width) of tokens (1, limit). The image tower's memory is given back."""
    import torch

    model.visual = None

    class Tower(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.model = model

        def forward(self, tokens: torch.Tensor) -> Any:
            return model.encode_text(tokens)

    return Tower().eval()


def _by_torch(tower: torch.nn.Module) -> Tower:
    import torch

    def vector(tokens: Int64s) -> Float32s:
        with torch.inference_mode():
            return np.asarray(tower(torch.from_numpy(tokens))[0].numpy(), dtype=np.float32)

    return vector


def _tokenizer(folder: ClipFolder) -> Any:
    import open_clip

    own = {"local_files_only": True} if folder.model["text_cfg"].get("hf_tokenizer_name") else {}
    with quiet():
        return open_clip.get_tokenizer(f"local-dir:{folder.path}", **own)


class OpenClipTextEncoder(Encoder):
    """The tower's output in the space it shares with images, not normalised to length 1."""

    def __init__(self, spec: EncoderSpec, tokenizer: Any, tower: Tower, limit: int) -> None:
        super().__init__(spec)
        self._tokenizer, self._tower, self._limit = tokenizer, tower, limit

    def encode_one(self, item: str) -> Float32s:
        """(width,) vector of one text; a longer one is cut to the tower's tokens and counted."""
        if self._tokens(item) > self._limit:
            self.truncated += 1
        return self._tower(self._tokenizer([item]).numpy())

    def _tokens(self, text: str) -> int:
        """Length of a text with its start and end, before open_clip cuts it without a word."""
        if hasattr(self._tokenizer, "encode"):  # open_clip's own, which adds the two later
            return len(self._tokenizer.encode(text)) + 2
        whole = self._tokenizer.tokenizer(self._tokenizer.clean_fn(text), verbose=False)
        return len(whole["input_ids"])
