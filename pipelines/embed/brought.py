"""Takes vectors that were made elsewhere into the store, after proof that they are what they say.

Everything is checked before anything is written. Their shard carries who made them in its own
metadata, so that it goes wherever the shard goes.
"""

from __future__ import annotations

import contextlib
import logging
import random
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, EncoderConfig, ScenePolicy
from pipelines.contracts import EncoderSpec
from pipelines.embed.base import (
    could_be,
    describe_encoder,
    library_versions,
    load_encoder,
    weights_cache,
)
from pipelines.embed.exchange import (
    GOLDEN,
    HEADER,
    Golden,
    Header,
    read_part,
    read_table,
    refused,
    vectors_of,
)
from pipelines.embed.golden import cosines, keep_golden
from pipelines.embed.store import EmbeddingStore, input_key, store_root
from pipelines.embed.weights import AbsentWeights, locate_weights
from pipelines.embed.work import WorkInput, read_input
from pipelines.encoder_config import Encoders
from pipelines.errors import DenguardError, EncoderError

log = logging.getLogger(__name__)

MIN_COSINE = 0.9999  # stricter than within one machine: what comes must be the very encoder
_MOST_AT_HAND = 8  # more than a few minutes' work for no encoder
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclass(frozen=True)
class Taken:
    """What one call did.

    Attributes:
        offered: inputs in the folder.
        new: of them, those that the store did not have.
        cosine: the least of the golden inputs, computed here; None if they were not checked.
    """

    spec: EncoderSpec
    offered: int
    new: int
    cosine: float | None


def take_vectors(
    folder: Path,
    encoders: Encoders,
    scenes: ScenePolicy,
    paths: DeploymentPaths,
    by: str,
    unchecked: bool = False,
    at_hand: Sequence[WorkInput] = (),
) -> Taken:
    """Check a folder of vectors and keep them, so that no run embeds these inputs again.

    Args:
        encoders: those that a profile names or that are adopted for it.
        scenes: how the profile reads scenes.
        by: who takes them, for the record.
        unchecked: take them though the weights are not here to compute the golden inputs.
        at_hand: inputs of this deployment's data, their URIs below its data folder: of those that
            the folder has, some are computed here as well.

    Raises:
        StoreError: the folder is damaged or hostile, or its scenes were read otherwise.
        EncoderError: it is of another encoder, the golden inputs come out otherwise here, or the
            weights are not here and `unchecked` is not said.
    """
    header = read_part(folder, HEADER, Header)
    spec, config = header.spec, _encoder_of(header, encoders, paths, folder)
    reading = scenes.reading if spec.modality == "image" else ""
    if header.reading != reading:
        raise refused("their scenes were read with other data.scenes than the profile's", folder)
    keys, vectors = _rows(folder, header)
    rows = dict(zip(keys, vectors, strict=True))
    golden = read_part(folder, GOLDEN, Golden)
    expected = _golden_vectors(golden, rows, header, folder)
    # Read whatever becomes of it: a golden input that leads out of the folder is refused.
    contents = [read_input(item, folder, scenes, config.reads_bands) for item in golden.inputs]
    pairs = [
        *zip(contents, expected, strict=True),
        *_some_at_hand(at_hand, rows, header, (config, scenes, paths)),
    ]
    cosine = _recomputed(pairs, config, paths, folder)
    if cosine is None and not unchecked:
        raise EncoderError(
            f"the weights of {config.name} are not here, so its golden inputs cannot be checked",
            where=str(folder),
            fix="bring the weights here, or say --unchecked if you trust who made the vectors",
        )
    new = _keep((keys, vectors), header, paths, {"taken_by": by, "cosine": cosine})
    store = EmbeddingStore(store_root(paths), spec)
    keep_golden(store.folder, golden.inputs, expected, folder)
    if cosine is not None and not store.checked_versions():
        store.record_versions(library_versions(config))
    return Taken(spec, len(keys), new, cosine)


def _encoder_of(
    header: Header, encoders: Encoders, paths: DeploymentPaths, folder: Path
) -> EncoderConfig:
    """The encoder of the profile whose vectors these are. Raises EncoderError if none is."""
    spec = header.spec
    for modality, config in encoders:
        if modality != spec.modality:
            continue
        try:
            locate_weights(config, weights_cache(paths))
            same = describe_encoder(config, paths) == spec
        except AbsentWeights:
            same = could_be(config, spec)
        if same:
            return config
    raise EncoderError(
        f"the vectors are of {spec.encoder} ({spec.modality}, weights {spec.weights_sha256[:12]}, "
        f"{spec.pooling}), which is not an encoder of the profile, nor adopted, in every setting",
        where=str(folder / HEADER),
        fix="compare the spec with the profile's `embed`, or adopt that encoder first",
    )


def _rows(folder: Path, header: Header) -> tuple[list[str], Float32s]:
    """Keys and (n, width) vectors of a folder's table."""
    label, table = read_table(folder, header)
    where, spec = folder / header.file, header.spec
    vectors = vectors_of(table, spec.width, where)
    names = [str(name) for name in table[label].to_pylist()]
    if not all(_SHA256.fullmatch(name) for name in names):
        raise refused(f"a {label} is not 64 hex digits", where)
    if len(set(names)) != len(names):
        raise refused(f"a {label} comes twice", where)
    if label == "key":
        return names, vectors
    space_id = spec.space_id
    return [input_key(space_id, name, header.reading) for name in names], vectors


def _golden_vectors(
    golden: Golden, rows: Mapping[str, Float32s], header: Header, folder: Path
) -> Float32s:
    """(n, width) vectors of the golden inputs, which those of the table must not contradict."""
    where, width = folder / GOLDEN, header.spec.width
    sizes = {len(vector) for vector in golden.vectors}
    if len(golden.vectors) != len(golden.inputs) or sizes != {width}:
        raise refused(f"golden inputs need a vector each, {width} wide", where)
    vectors = np.array(golden.vectors, dtype=np.float32)
    space_id = header.spec.space_id
    for item, vector in zip(golden.inputs, vectors, strict=True):
        key = input_key(space_id, item.sha256, header.reading)
        if item.key != key or not np.allclose(rows.get(key, vector), vector, rtol=1e-4, atol=1e-6):
            raise refused("a golden input has another key, or another vector in the table", where)
    return vectors


def _some_at_hand(
    at_hand: Sequence[WorkInput],
    rows: Mapping[str, Float32s],
    header: Header,
    here: tuple[EncoderConfig, ScenePolicy, DeploymentPaths],
) -> Iterator[tuple[Any, Float32s]]:
    """Content and brought vector of a few inputs that lie here, which no sender can foresee."""
    (config, scenes, paths), space_id = here, header.spec.space_id
    keys = [input_key(space_id, item.sha256, header.reading) for item in at_hand]
    both = [(item, key) for item, key in zip(at_hand, keys, strict=True) if key in rows]
    for item, key in random.SystemRandom().sample(both, min(len(both), _MOST_AT_HAND)):
        with contextlib.suppress(DenguardError):  # such as a scene of an archived drop
            yield read_input(item, paths.data, scenes, config.reads_bands), rows[key]


def _recomputed(
    pairs: Sequence[tuple[Any, Float32s]],
    config: EncoderConfig,
    paths: DeploymentPaths,
    folder: Path,
) -> float | None:
    """Least cosine of inputs embedded here with what was brought; None without the weights."""
    try:
        encoder = load_encoder(config, paths)
    except AbsentWeights:
        return None
    try:
        found = encoder.encode([content for content, _ in pairs])
    finally:
        encoder.close()
    worst = float(cosines(found, np.stack([vector for _, vector in pairs])).min())
    if not worst > MIN_COSINE:
        raise EncoderError(
            f"an input comes out otherwise here: its cosine is {worst:.6f}, it must be above "
            f"{MIN_COSINE}",
            where=str(folder),
            fix="the vectors were made with other weights, libraries or bands: make them again",
        )
    return worst


def _keep(
    offered: tuple[Sequence[str], Float32s],
    header: Header,
    paths: DeploymentPaths,
    about: Mapping[str, object],
) -> int:
    """Store those that are new, with where they came from; how many that were."""
    keys, vectors = offered
    store = EmbeddingStore(store_root(paths), header.spec)
    lacking = set(store.missing(keys))
    at = [i for i, key in enumerate(keys) if key in lacking]
    origin = {**header.origin.model_dump(mode="json"), "sha256": header.file_sha256, **about}
    if at:
        store.note_brought(origin)
        store.append([keys[i] for i in at], vectors[at], origin)
    log.info("%d of %d vectors of %s were new", len(at), len(keys), header.origin.by)
    return len(at)
