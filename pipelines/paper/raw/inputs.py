"""Rows as the tensors that the two towers read, a few at a time.

Shape letters: b rows of a micro-batch, p of them with an image, q with a text, S side in pixels,
T tokens of the longest text among them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from pipelines.config import ScenePolicy
from pipelines.data.pixels import read_scene
from pipelines.embed.pixels import Pixels
from pipelines.errors import EncoderError
from pipelines.paper.raw.rows import RawRows
from pipelines.storage import read_json

_PROCESSORS = (
    "ViTImageProcessor",
    "ViTImageProcessorFast",
    "ViTImageProcessorPil",
    "ViTFeatureExtractor",
)
_STEPS = ("do_resize", "do_rescale", "do_normalize")
_RESAMPLE = {2: "bilinear", 3: "bicubic"}  # PIL's numbers


@dataclass(frozen=True)
class Inputs:
    """A micro-batch.

    Attributes:
        pixels: (p, 3, S, S) of the rows that have an image; None if p = 0.
        tokens: by the text tower's argument names, (q, T) each; empty if q = 0.
        has_image, has_text: (b,) masks.
        label: (b,) floats if binary, else class indices.
    """

    pixels: Tensor | None
    tokens: Mapping[str, Tensor]
    has_image: Tensor
    has_text: Tensor
    label: Tensor

    @property
    def nbytes(self) -> int:
        """Number of elements x element size of everything in it."""
        pixels = [] if self.pixels is None else [self.pixels]
        every = [*pixels, *self.tokens.values(), self.has_image, self.has_text, self.label]
        return sum(tensor.nbytes for tensor in every)


@dataclass(frozen=True)
class Reader:
    """Makes tensors of rows as the checkpoints ask for.

    Attributes:
        pixels: the image checkpoint's preprocessing.
        tokenizer: the text checkpoint's.
        max_tokens: no more than the text tower has positions for.
        binary: labels are floats, as the binary loss reads them.
    """

    pixels: Pixels
    tokenizer: Any
    max_tokens: int
    binary: bool
    policy: ScenePolicy = field(default_factory=ScenePolicy)

    def __call__(self, rows: RawRows) -> Inputs:
        """Tensors of a few rows. Raises SceneError, naming the file, for an image that is not
        sound.
        """
        images = [path for path in rows.images if path is not None]
        texts = [text for text in rows.texts if text is not None]
        return Inputs(
            self._pixels(images) if images else None,
            self._tokens(texts) if texts else {},
            torch.tensor([path is not None for path in rows.images], dtype=torch.bool),
            torch.tensor([text is not None for text in rows.texts], dtype=torch.bool),
            torch.from_numpy(rows.label).to(torch.float32 if self.binary else torch.int64),
        )

    def _pixels(self, images: Sequence[Path]) -> Tensor:
        made = [self.pixels.prepare(read_scene(path, self.policy)) for path in images]
        return torch.from_numpy(np.concatenate(made))

    def _tokens(self, texts: list[str]) -> dict[str, Tensor]:
        made = self.tokenizer(
            texts, truncation=True, max_length=self.max_tokens, padding=True, return_tensors="pt"
        )
        return {name: made[name] for name in made}

    def truncated(self, rows: RawRows) -> int:
        """How many texts of these rows are longer than the tower reads."""
        texts = (text for text in rows.texts if text is not None)
        lengths = (len(self.tokenizer(text, verbose=False)["input_ids"]) for text in texts)
        return sum(length > self.max_tokens for length in lengths)


def read_pixels(path: Path, side_px: int) -> Pixels:
    """The preprocessing that a ViT's preprocessor_config.json asks for.

    Args:
        side_px: what the tower reads.

    Raises: EncoderError for one that is not done here in the same way.
    """
    raw: dict[str, Any] = dict(read_json(path))
    try:
        processor = raw.get("image_processor_type", raw.get("feature_extractor_type"))
        if processor not in _PROCESSORS:
            raise ValueError(f"processor {processor!r}")
        if off := [step for step in _STEPS if raw.get(step, True) is not True]:
            raise ValueError(f"{', '.join(off)} off")
        if abs(raw.get("rescale_factor", 1 / 255) - 1 / 255) > 1e-9:
            raise ValueError(f"rescale_factor {raw['rescale_factor']}")
        size = raw["size"]  # older checkpoints write one number
        if size not in (side_px, {"height": side_px, "width": side_px}):
            raise ValueError(f"size {size}, where the tower reads {side_px} px")
        return Pixels(
            made_by="transformers.ViTImageProcessorPil",
            resize="squash",
            resize_px=side_px,
            crop_px=side_px,
            interpolation=_RESAMPLE.get(raw["resample"], str(raw["resample"])),
            odd_crop="down",
            mean=tuple(map(float, raw["image_mean"])),
            std=tuple(map(float, raw["image_std"])),
        )
    except (KeyError, TypeError, ValueError) as err:
        raise EncoderError(
            f"the checkpoint asks for a preprocessing that is not done here: {err}",
            where=str(path),
            fix="use a ViT checkpoint as published, such as google/vit-base-patch16-224-in21k",
        ) from err
