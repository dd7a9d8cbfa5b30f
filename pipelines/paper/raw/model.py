"""Two towers and a head: ViT and BERT, pooled, under a fused head that trains with them.

The vectors are the poolers' outputs (first token -> Linear -> tanh): with both poolers the sizes of
the paper's table 2 come out exactly.

Shape letters: b rows, p/q of them with an image/a text, D_i/D_t image and text width.
"""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from pipelines.errors import EncoderError
from pipelines.fusion.heads import FusedHead, FusedKind, HeadOutput, build_head
from pipelines.paper.raw.inputs import Inputs, Reader, read_pixels
from pipelines.paper.raw.rows import RawConfig
from pipelines.storage import read_json

log = logging.getLogger(__name__)
_ATTENTION = "eager"  # one arithmetic on every machine, not the fastest that is found
_POOLER = {"pooler.dense.weight", "pooler.dense.bias"}


class RawModel(nn.Module):
    """Image tower, text tower, head."""

    def __init__(self, image: nn.Module, text: nn.Module, head: FusedHead) -> None:
        super().__init__()
        self.image, self.text, self.head = image, text, head

    def encode(self, inputs: Inputs) -> tuple[Tensor, Tensor]:
        """(b, D_i) and (b, D_t) pooled vectors, exactly zero where an image or a text is
        missing."""
        image = text = None
        if inputs.pixels is not None:
            image = self.image(pixel_values=inputs.pixels).pooler_output  # (p, D_i)
        if inputs.tokens:
            text = self.text(**inputs.tokens).pooler_output  # (q, D_t)
        return (
            _placed(image, inputs.has_image, width_of(self.image)),
            _placed(text, inputs.has_text, width_of(self.text)),
        )

    def forward(self, inputs: Inputs) -> HeadOutput:
        """Logits (b, C) of a micro-batch; the head's BatchNorm sees these rows only."""
        output: HeadOutput = self.head(*self.encode(inputs), inputs.has_image, inputs.has_text)
        return output

    @property
    def parameters_bytes(self) -> int:
        """Number of elements x element size of all parameters."""
        return sum(parameter.nbytes for parameter in self.parameters())


def _placed(pooled: Tensor | None, mask: Tensor, width: int) -> Tensor:
    if pooled is None:
        return torch.zeros((len(mask), width))
    return pooled.new_zeros((len(mask), width)).index_put((mask,), pooled)


def width_of(tower: Any) -> int:
    """Width of a tower's pooled vector."""
    return int(tower.pooler.dense.out_features)


def load_raw(
    image_folder: Path,
    text_folder: Path,
    kind: FusedKind,
    outputs: int,
    dropout: float,
    seed: int,
) -> RawModel:
    """Towers from their folders under a new head, in training mode; nothing is fetched.

    Args:
        seed: of the head, and of a pooler that a checkpoint comes without.

    Raises:
        EncoderError: a folder holds no such tower, or one that lacks tensors.
    """
    from pipelines.embed import torchvision_ops  # noqa: F401, I001  (must come before transformers)
    from transformers import BertModel, ViTModel

    torch.manual_seed(seed)
    image, text = _tower(ViTModel, "vit", image_folder), _tower(BertModel, "bert", text_folder)
    head = build_head(kind, width_of(image), width_of(text), outputs, dropout, zero_output=False)
    return RawModel(image, text, head).train()


def reader_of(model: RawModel, config: RawConfig) -> Reader:
    """What makes tensors of rows for this model's towers. Raises EncoderError or StoreError."""
    from transformers import AutoTokenizer

    side, positions = (
        _setting(model.image, "image_size"),
        _setting(model.text, "max_position_embeddings"),
    )
    pixels = read_pixels(config.image_folder / "preprocessor_config.json", side)
    try:
        tokenizer = AutoTokenizer.from_pretrained(str(config.text_folder), local_files_only=True)
    except (OSError, ValueError, RuntimeError) as err:
        raise EncoderError(
            f"the folder holds no tokenizer that can be opened: {err}",
            where=str(config.text_folder),
            fix="bring the checkpoint again with tokenizer.json or vocab.txt",
        ) from err
    return Reader(pixels, tokenizer, min(config.max_tokens, positions), config.outputs == 1)


def _setting(tower: Any, name: str) -> int:
    return int(getattr(tower.config, name))


def _tower(family: Any, model_type: str, folder: Path) -> nn.Module:
    from safetensors import SafetensorError
    from transformers.utils import logging as transformers_logging

    if (found_type := read_json(folder / "config.json").get("model_type")) != model_type:
        raise EncoderError(
            f"not a {model_type} checkpoint but {found_type!r}",
            where=str(folder),
            fix="name the folder of a ViT as image and of a BERT as text checkpoint",
        )
    transformers_logging.disable_progress_bar()
    before = transformers_logging.get_verbosity()
    transformers_logging.set_verbosity_error()  # what is missing we say ourselves
    try:
        tower, found = family.from_pretrained(
            str(folder),
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation=_ATTENTION,
            output_loading_info=True,
        )
    except (OSError, ValueError, RuntimeError, SafetensorError) as err:
        raise EncoderError(
            f"the {model_type} checkpoint cannot be opened: {err}",
            where=str(folder),
            fix="bring it again: config.json and model.safetensors as published",
        ) from err
    finally:
        transformers_logging.set_verbosity(before)
    _refuse_gaps(tower, set(found["missing_keys"]), folder)
    return tower  # type: ignore[no-any-return]


def _refuse_gaps(tower: Any, missing: set[str], folder: Path) -> None:
    """A checkpoint of another task may come without a pooler and gets a new one; nothing else."""
    if absent := sorted(missing - _POOLER):
        raise EncoderError(
            f"the weights lack {len(absent)} tensors, such as {absent[0]}",
            where=str(folder),
            fix="use the checkpoint as published",
        )
    if missing:
        log.warning(
            "The checkpoint has no pooler; a new one starts from the seed. Where: %s.", folder
        )
        nn.init.normal_(tower.pooler.dense.weight, std=tower.config.initializer_range)
        nn.init.zeros_(tower.pooler.dense.bias)
