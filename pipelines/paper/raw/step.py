"""The exact gradient of a large batch in the memory of a micro-batch.

BatchNorm sees the whole batch, so its loss is no sum over rows and plain accumulation would be
another model. Pass 1 makes every row's two vectors without a graph; the head runs on all of them
with one and gives d loss / d vector; pass 2 makes each micro-batch's vectors again, with a graph,
and sends its share back through the towers. Costs one more forward pass.

Source: Gao et al. 2021, "Scaling Deep Contrastive Learning Batch Size under Memory Limited Setup",
arXiv 2101.06983 (GradCache).

Shape letters: B rows of the batch, V watched rows, D_i/D_t image and text width, C outputs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from pipelines.arrays import Float64s
from pipelines.fusion.heads import LossTerms, loss_terms
from pipelines.paper.raw.inputs import Inputs
from pipelines.paper.raw.model import RawModel
from pipelines.paper.raw.rows import RawRows

Read = Callable[[RawRows], Inputs]
Seed = tuple[int, ...]
_HEAD = 0  # the head's own stream of random numbers; micro-batches count from 1


def seed_everything(seed: Seed) -> None:
    """Put torch's generator where these numbers say, whatever was drawn before."""
    torch.manual_seed(int(np.random.SeedSequence(seed).generate_state(1)[0]))


@dataclass(frozen=True)
class Vectors:
    """A batch between the towers and the head: (B, D_i), (B, D_t), masks and labels (B,)."""

    image: Tensor
    text: Tensor
    has_image: Tensor
    has_text: Tensor
    label: Tensor


def add_gradients(
    model: RawModel,
    parts: Sequence[RawRows],
    read: Read,
    seed: Seed,
    class_weight: Tensor | None = None,
) -> tuple[LossTerms, int]:
    """Add the batch's gradient to the model's; loss terms, and the bytes of the batch's tensors.

    Args:
        parts: the batch as micro-batches; at most one of them is in memory at once.
        seed: of dropout in this batch, the same for a row in both passes.
    """
    vectors, nbytes = _vectors(model, parts, read, seed)
    seed_everything((*seed, _HEAD))
    output = model.head(vectors.image, vectors.text, vectors.has_image, vectors.has_text)
    paired = vectors.has_image & vectors.has_text
    loss = loss_terms(output.logit, vectors.label, output, paired, 0.0, class_weight)
    loss.total.backward()
    _into_towers(model, parts, read, seed, vectors)
    return loss, nbytes


def _vectors(
    model: RawModel, parts: Sequence[RawRows], read: Read, seed: Seed
) -> tuple[Vectors, int]:
    """Pass 1: the batch's vectors as leaves, their graph thrown away."""
    nbytes, made = 0, []
    with torch.no_grad():
        for number, part in enumerate(parts, start=1):
            seed_everything((*seed, number))
            inputs = read(part)
            nbytes += inputs.nbytes
            made.append((*model.encode(inputs), inputs.has_image, inputs.has_text, inputs.label))
        vectors = Vectors(*(torch.cat(column) for column in zip(*made, strict=True)))
    vectors.image.requires_grad_()
    vectors.text.requires_grad_()
    return vectors, nbytes


def _into_towers(
    model: RawModel, parts: Sequence[RawRows], read: Read, seed: Seed, vectors: Vectors
) -> None:
    """Pass 2: each micro-batch's share of the gradient, through a graph of its own."""
    start = 0
    for number, part in enumerate(parts, start=1):
        here = slice(start, start := start + len(part))
        seed_everything((*seed, number))
        image, text = model.encode(read(part))
        pairs = ((image, vectors.image.grad), (text, vectors.text.grad))
        # Vectors of rows that all lack a modality come from no tower and have no graph.
        reached = [(v, g[here]) for v, g in pairs if v.requires_grad and g is not None]
        if reached:
            made, gradient = zip(*reached, strict=True)
            torch.autograd.backward(made, gradient)


def logits(model: RawModel, parts: Sequence[RawRows], read: Read) -> Iterator[tuple[Float64s, int]]:
    """(b, C) logits and bytes of the tensors, one micro-batch after the other; dropout off."""
    model.eval()
    try:
        for part in parts:
            with torch.no_grad():
                inputs = read(part)
                logit = model(inputs).logit
            yield logit.numpy().astype(np.float64), inputs.nbytes
    finally:
        model.train()
