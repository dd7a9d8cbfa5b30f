"""Vectors of a study: each distinct image and prompt embedded once, then joined to its rows.

Shape letters: N usable rows, D_i/D_t widths, W the wider of them.
"""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import torch

from pipelines.arrays import Int64s
from pipelines.config import DeploymentPaths
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import describe_encoder
from pipelines.embed.plan import cut
from pipelines.embed.store import EmbeddingStore, input_key
from pipelines.embed.work import ShardWork, WorkInput, write_work
from pipelines.encoder_config import EncoderConfig
from pipelines.fusion.examples import ModalityVectors
from pipelines.fusion.tensors import unit_vectors
from pipelines.paper.config import FrozenApproach
from pipelines.paper.prepared import SCENES, Prepared
from pipelines.training.rows import FusedRows

MODALITIES: tuple[Modality, ...] = ("image", "text")
_MIN_SHARD_INPUTS = 200


def store_of(folder: Path) -> Path:
    """Root of the study's own vector store, shared by its protocols."""
    return folder.parent / "embeddings"


def encoder_of(approach: FrozenApproach, modality: Modality) -> EncoderConfig:
    """The approach's encoder of a modality."""
    return (approach.image if modality == "image" else approach.text).encoder()


def specs_of(approach: FrozenApproach, paths: DeploymentPaths) -> dict[Modality, EncoderSpec]:
    """Vector spaces of an approach. Raises EncoderError if weights are absent or not the pinned
    ones.
    """
    return {m: describe_encoder(encoder_of(approach, m), paths) for m in MODALITIES}


def plan_work(
    prepared: Prepared, approach: FrozenApproach, modality: Modality, spec: EncoderSpec, shards: int
) -> list[Path]:
    """Work files of what the store lacks, at most `shards` of them; at least one, perhaps empty."""
    inputs = _distinct(prepared, modality, spec)
    lacking = set(EmbeddingStore(store_of(prepared.folder), spec).missing(i.key for i in inputs))
    pieces = cut([i for i in inputs if i.key in lacking], shards, _MIN_SHARD_INPUTS)
    root = prepared.folder / "work" / spec.space_id
    return [
        write_work(
            root / f"shard-{number:03d}.json",
            ShardWork(
                modality=modality,
                space_id=spec.space_id,
                spec=asdict(spec),
                encoder=encoder_of(approach, modality),
                scenes=SCENES,
                inputs=tuple(piece),
                data=_root(prepared),
                store=store_of(prepared.folder),
            ),
        )
        for number, piece in enumerate(pieces)
    ]


def _root(prepared: Prepared) -> Path:
    """Folder that every input lies in: the crops', or the data set's."""
    if prepared.about["crop_px"] is not None:
        return prepared.folder.parent / "images"
    return Path(prepared.about["data"])


def _distinct(prepared: Prepared, modality: Modality, spec: EncoderSpec) -> list[WorkInput]:
    found: dict[str, WorkInput] = {}
    for row, sha in zip(prepared.usable.itertuples(), prepared.hashes(modality), strict=True):
        if sha is None or sha in found:
            continue
        key = input_key(spec.space_id, sha)
        if modality == "text":
            found[sha] = WorkInput(key=key, sha256=sha, text=str(row.text))
        else:
            uri = Path(str(row.image_file)).relative_to(_root(prepared)).as_posix()
            found[sha] = WorkInput(key=key, sha256=sha, uri=uri)
    return list(found.values())


def modality_vectors(prepared: Prepared, modality: Modality, spec: EncoderSpec) -> ModalityVectors:
    """Raw vectors of the usable rows. Raises StoreError if some were not embedded."""
    hashes = prepared.hashes(modality)
    distinct = sorted({h for h in hashes if h is not None})
    table = EmbeddingStore(store_of(prepared.folder), spec).load(
        [input_key(spec.space_id, h) for h in distinct]
    )
    place = {h: i for i, h in enumerate(distinct)}
    row = np.array([-1 if h is None else place[h] for h in hashes], dtype=np.int32)
    return ModalityVectors(table, row)


def study_rows(
    prepared: Prepared, image: ModalityVectors, text: ModalityVectors, stretched: bool
) -> FusedRows:
    """The usable rows as tensors of unit vectors.

    Args:
        stretched: both at the wider width, as every shift needs it; else each at its own, as the
            printed model sizes have it.
    """
    wide = max(image.width, text.width)
    unit_image, has_image = unit_vectors(image, wide if stretched else image.width)
    unit_text, has_text = unit_vectors(text, wide if stretched else text.width)
    label: Int64s = prepared.usable["label"].to_numpy(np.int64)
    kind = torch.float32 if prepared.outputs == 1 else torch.int64
    return FusedRows(
        np.arange(len(label)),
        unit_image,
        unit_text,
        has_image,
        has_text,
        torch.zeros(len(label)),
        torch.from_numpy(label).to(kind),
    )
