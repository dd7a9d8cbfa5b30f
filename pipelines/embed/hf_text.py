"""MiniLM sentence encoder through transformers, from a model folder."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from pipelines.arrays import Float32s, Int64s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import Encoder, seeded, spec_of, untrained_spec
from pipelines.embed.compiled import compiled_network
from pipelines.embed.openvino_network import OpenVinoNetwork
from pipelines.embed.weights import Weights, companion
from pipelines.encoder_config import RuntimeConfig
from pipelines.errors import EncoderError
from pipelines.storage import read_json, sha256_file

if TYPE_CHECKING:
    import torch

MODALITY: Modality = "text"
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")
CODE_ID = "hf-text-1"

_MAX_TOKENS = 256  # what the sentence encoder was trained with (sentence_bert_config.json)
_ATTENTION = "eager"  # one arithmetic on every machine, not the fastest that is found
_BUCKET = 32  # tokens: a compiled network takes fixed shapes, so texts are padded to a multiple


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the model folder. Raises EncoderError or StoreError."""
    if config.pooling not in ("mean", "cls"):
        raise EncoderError(
            f"{config.name} pools by mean or cls, not {config.pooling}",
            fix="set embed.text.pooling to one of them",
        )
    about = companion(config, weights, "config.json")
    model = read_json(about)
    width = model.get("hidden_size")
    if not isinstance(width, int):
        raise EncoderError(
            "the model folder names no hidden_size",
            where=str(about),
            fix="use a transformers encoder folder",
        )
    made = _preprocessing(config, weights)
    # The network's inputs are known of this family alone.
    bert = model.get("model_type") == "bert"
    shape = f"1 text, tokens padded to a multiple of {_BUCKET}" if bert else None
    return spec_of(config, weights, MODALITY, width, made, CODE_ID, shape=shape)


def _preprocessing(config: EncoderConfig, weights: Weights) -> dict[str, object]:
    return {
        "tokenizer_class": "AutoTokenizer",
        "tokenizer_sha256": sha256_file(companion(config, weights, "tokenizer.json")),
        "model_config_sha256": sha256_file(companion(config, weights, "config.json")),
        "max_tokens": _MAX_TOKENS,
        "attention": _ATTENTION,
    }


def load(config: EncoderConfig, weights: Weights) -> Encoder:
    """The encoder, with threads set as configured; nothing is fetched. Raises EncoderError."""
    spec, folder = describe(config, weights), weights.path.parent
    if config.runtime is not None:
        network = _compiled(config, config.runtime, weights)
        return CompiledTextEncoder(spec, _tokenizer(str(folder)), network)
    import torch

    torch.set_num_threads(config.threads)
    return HfTextEncoder(spec, _tokenizer(str(folder)), load_network(folder))


def load_network(folder: Path) -> torch.nn.Module:
    """The network of a model folder in eval mode."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    model = AutoModel.from_pretrained(
        str(folder),
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation=_ATTENTION,
    )
    network: torch.nn.Module = model.eval()
    return network


def _compiled(config: EncoderConfig, runtime: RuntimeConfig, weights: Weights) -> OpenVinoNetwork:
    blank = np.zeros((1, _BUCKET), np.int64)
    return compiled_network(
        config,
        runtime,
        weights,
        lambda: _pooling(load_network(weights.path.parent), config.pooling),
        (blank, blank + 1, blank),
    )


def _pooling(network: Any, pooling: str) -> torch.nn.Module:
    """The network that ends at the vector: (1, width) of ids, mask and types, each (1, tokens)."""
    import torch

    class Pooling(torch.nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.network = network

        def forward(self, ids: torch.Tensor, mask: torch.Tensor, types: torch.Tensor) -> Any:
            hidden = network(
                input_ids=ids, attention_mask=mask, token_type_ids=types
            ).last_hidden_state
            if pooling == "cls":
                return hidden[:, 0]
            real = mask.unsqueeze(-1).to(hidden.dtype)
            return (hidden * real).sum(1) / real.sum(1)

    return Pooling().eval()


def load_untrained(config: EncoderConfig, weights: Weights, seed: int) -> HfTextEncoder:
    """The same network and tokenizer with transformers' random initialisation. Raises
    EncoderError."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import AutoConfig, AutoModel

    spec, folder = untrained_spec(describe(config, weights), seed), str(weights.path.parent)
    torch.set_num_threads(config.threads)
    made = AutoConfig.from_pretrained(folder, local_files_only=True)
    with seeded(seed):
        model = AutoModel.from_config(made, dtype=torch.float32, attn_implementation=_ATTENTION)
    return HfTextEncoder(spec, _tokenizer(folder), model.eval())


def _tokenizer(folder: str) -> Any:
    from transformers import AutoTokenizer

    return AutoTokenizer.from_pretrained(folder, local_files_only=True)


class _TextEncoder(Encoder):
    """Mean (or first) token vector of the last layer, not normalised."""

    def __init__(self, spec: EncoderSpec, tokenizer: Any, network: Any) -> None:
        super().__init__(spec)
        self._tokenizer, self._model = tokenizer, network

    def _tokens(self, text: str, tensors: str) -> Any:
        """Tokens of one text, each (1, tokens); a longer one is cut to 256 and counted."""
        tokens = self._tokenizer(text, return_tensors=tensors, verbose=False)
        if tokens["input_ids"].shape[1] > _MAX_TOKENS:
            self.truncated += 1
            tokens = self._tokenizer(
                text, return_tensors=tensors, truncation=True, max_length=_MAX_TOKENS
            )
        return tokens


class HfTextEncoder(_TextEncoder):
    """By torch in float32."""

    def encode_one(self, item: str) -> Float32s:
        """(width,) vector of one text; a longer one is cut to 256 tokens and counted."""
        import torch

        tokens = self._tokens(item, "pt")
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state  # (1, tokens, width)
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)  # (1, tokens, 1)
        pooled = (
            hidden[:, 0] if self.spec.pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1)
        )
        return np.asarray(pooled[0].numpy(), dtype=np.float32)


class CompiledTextEncoder(_TextEncoder):
    """By another runtime at fixed shapes: a text's bits depend on its own bucket alone."""

    def encode_one(self, item: str) -> Float32s:
        """(width,) vector of one text; a longer one is cut to 256 tokens and counted."""
        tokens = self._tokens(item, "np")
        spare = -tokens["input_ids"].shape[1] % _BUCKET
        names = ("input_ids", "attention_mask", "token_type_ids")
        vector: Float32s = self._model(*(_padded(tokens[name], spare) for name in names))
        return vector


def _padded(tokens: Int64s, spare: int) -> Int64s:
    """(1, tokens + spare) with zeros at the end, which the mask hides."""
    return np.pad(tokens.astype(np.int64), ((0, 0), (0, spare)))
