"""MiniLM sentence encoder through transformers, from a model folder."""

from __future__ import annotations

from typing import Any

import numpy as np

from pipelines.arrays import Float32s
from pipelines.config import EncoderConfig
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import Encoder, seeded, spec_of, untrained_spec
from pipelines.embed.weights import Weights, companion
from pipelines.errors import EncoderError
from pipelines.storage import read_json, sha256_file

MODALITY: Modality = "text"
LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors")
CODE_ID = "hf-text-1"

_MAX_TOKENS = 256  # what the sentence encoder was trained with (sentence_bert_config.json)
_ATTENTION = "eager"  # one arithmetic on every machine, not the fastest that is found


def describe(config: EncoderConfig, weights: Weights) -> EncoderSpec:
    """Spec of the encoder, read from the model folder. Raises EncoderError or StoreError."""
    if config.pooling not in ("mean", "cls"):
        raise EncoderError(
            f"{config.name} pools by mean or cls, not {config.pooling}",
            fix="set embed.text.pooling to one of them",
        )
    about = companion(config, weights, "config.json")
    width = read_json(about).get("hidden_size")
    if not isinstance(width, int):
        raise EncoderError(
            "the model folder names no hidden_size",
            where=str(about),
            fix="use a transformers encoder folder",
        )
    return spec_of(config, weights, MODALITY, width, _preprocessing(config, weights), CODE_ID)


def _preprocessing(config: EncoderConfig, weights: Weights) -> dict[str, object]:
    return {
        "tokenizer_class": "AutoTokenizer",
        "tokenizer_sha256": sha256_file(companion(config, weights, "tokenizer.json")),
        "model_config_sha256": sha256_file(companion(config, weights, "config.json")),
        "max_tokens": _MAX_TOKENS,
        "attention": _ATTENTION,
    }


def load(config: EncoderConfig, weights: Weights) -> HfTextEncoder:
    """The encoder, with torch's threads set as configured; nothing is fetched. Raises
    EncoderError."""
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    import torch
    from transformers import AutoModel
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    torch.set_num_threads(config.threads)
    folder = str(weights.path.parent)
    model = AutoModel.from_pretrained(
        folder,
        local_files_only=True,
        use_safetensors=True,
        dtype=torch.float32,
        attn_implementation=_ATTENTION,
    )
    return HfTextEncoder(describe(config, weights), _tokenizer(folder), model.eval())


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


class HfTextEncoder(Encoder):
    """Mean (or first) token vector of the last layer, not normalised."""

    def __init__(self, spec: EncoderSpec, tokenizer: Any, model: Any) -> None:
        super().__init__(spec)
        self._tokenizer, self._model = tokenizer, model

    def encode_one(self, item: str) -> Float32s:
        """(width,) vector of one text; a longer one is cut to 256 tokens and counted."""
        import torch

        tokens = self._tokenizer(item, return_tensors="pt", verbose=False)
        if tokens["input_ids"].shape[1] > _MAX_TOKENS:
            self.truncated += 1
            tokens = self._tokenizer(
                item, return_tensors="pt", truncation=True, max_length=_MAX_TOKENS
            )
        with torch.inference_mode():
            hidden = self._model(**tokens).last_hidden_state  # (1, tokens, width)
        mask = tokens["attention_mask"].unsqueeze(-1).to(hidden.dtype)  # (1, tokens, 1)
        pooled = (
            hidden[:, 0] if self.spec.pooling == "cls" else (hidden * mask).sum(1) / mask.sum(1)
        )
        return np.asarray(pooled[0].numpy(), dtype=np.float32)
