"""Inputs without a vector for another machine, and what that machine does with them."""

from __future__ import annotations

from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from pydantic import ValidationError

from pipelines.arrays import Float32s
from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import Modality
from pipelines.data.scenes import LacksBands
from pipelines.embed.base import Encoder, describe_encoder, load_encoder
from pipelines.embed.exchange import (
    GOLDEN,
    HEADER,
    PARQUET,
    REQUEST,
    Golden,
    Header,
    Origin,
    Request,
    read_part,
)
from pipelines.embed.golden import GOLDEN_INPUTS
from pipelines.embed.plan import as_inputs, distinct_inputs, read_inputs
from pipelines.embed.store import EmbeddingStore, input_key, store_root
from pipelines.embed.weights import AbsentWeights
from pipelines.embed.work import WorkInput, input_path, read_input
from pipelines.encoder_config import EncoderConfig
from pipelines.errors import ConfigError, EncoderError
from pipelines.run.progress import Progress
from pipelines.storage import new_folder, sha256_file, write_atomic, write_json
from pipelines.storage.parquet import table_bytes

_NO_SPACE = "none"  # of an encoder whose weights are not here: nobody knows its space's name


def give_inputs(
    dataset: Path,
    profile: Profile,
    modality: Modality,
    encoder: EncoderConfig,
    paths: DeploymentPaths,
    to: Path,
) -> int:
    """Write the inputs of a dataset that have no vector of an encoder into a new folder; how many.

    Raises:
        ConfigError: nothing is missing, or the folder is there already.
        StoreError: a scene is gone.
    """
    _require_new(to)
    inputs = _lacking(dataset, profile, modality, encoder, paths)
    if not inputs:
        raise ConfigError("every input has a vector", where=encoder.name, fix="nothing to do")
    with new_folder(to) as temp:
        given = tuple(_copied(item, paths.data, temp, "inputs") for item in inputs)
        request = Request(
            modality=modality,
            encoder=EncoderConfig.model_validate(encoder.recipe()),
            scenes=profile.data.scenes,
            inputs=given,
        )
        write_json(temp / REQUEST, request.model_dump(mode="json"))
    return len(inputs)


def _require_new(folder: Path) -> None:
    if folder.exists():
        raise ConfigError(
            "the folder is there already", where=str(folder), fix="name one that is not"
        )


def _lacking(
    dataset: Path,
    profile: Profile,
    modality: Modality,
    encoder: EncoderConfig,
    paths: DeploymentPaths,
) -> list[WorkInput]:
    samples, scenes = read_inputs(dataset), profile.data.scenes
    try:
        spec = describe_encoder(encoder, paths)
        rows = distinct_inputs(samples, modality, spec.space_id, scenes)
        lacking = set(EmbeddingStore(store_root(paths), spec).missing(rows["key"]))
        rows = rows[rows["key"].isin(lacking)]
    except AbsentWeights:
        rows = distinct_inputs(samples, modality, _NO_SPACE, scenes)
    return as_inputs(rows)


def _copied(item: WorkInput, data: Path, folder: Path, room: str) -> WorkInput:
    """The input as the folder names it, its scene copied into a room of it."""
    if item.uri is None:
        return item
    own = item.model_copy(update={"uri": f"{room}/{item.sha256}{Path(item.uri).suffix}"})
    write_atomic(folder / str(own.uri), input_path(item, data).read_bytes())
    return own


def make_vectors(folder: Path, to: Path, origin: Origin, paths: DeploymentPaths) -> int:
    """Embed what a folder asks for, on a machine that has the weights; how many that were.

    Scenes that have not the encoder's bands are left out.

    Raises:
        ConfigError: the folder to write is there already.
        EncoderError: the weights are not here, or no input can be read.
        StoreError: the folder of inputs is damaged.
    """
    _require_new(to)
    request = read_part(folder, REQUEST, Request)
    encoder = load_encoder(request.encoder, paths)
    with closing(encoder), new_folder(to) as temp:  # before hours of work, not after them
        found = _embedded(request, folder, encoder)
        if not found:
            raise EncoderError(
                "no input can be read", where=str(folder), fix="ask for other inputs"
            )
        _write(found, request, encoder, origin, folder, temp)
    return len(found)


def _embedded(request: Request, folder: Path, encoder: Encoder) -> list[tuple[WorkInput, Float32s]]:
    reading = request.scenes.reading if request.modality == "image" else ""
    progress, found = Progress("inputs embedded", len(request.inputs)), []
    for item in request.inputs:
        progress.advance()
        try:
            content: Any = read_input(item, folder, request.scenes, request.encoder.reads_bands)
        except LacksBands:
            continue
        key = input_key(encoder.spec.space_id, item.sha256, reading)
        found.append((item.model_copy(update={"key": key}), encoder.encode([content])[0]))
    return found


def _write(
    found: list[tuple[WorkInput, Float32s]],
    request: Request,
    encoder: Encoder,
    origin: Origin,
    source: Path,
    folder: Path,
) -> None:
    flat = pa.array(np.concatenate([vector for _, vector in found]), pa.float32())
    column = pa.FixedSizeListArray.from_arrays(flat, encoder.spec.width)
    names = pa.array([item.sha256 for item, _ in found], pa.string())
    table = pa.table({"input_sha256": names, "vector": column})
    path = write_atomic(folder / PARQUET, table_bytes(table, plain=True))
    inputs = [_copied(item, source, folder, "golden") for item, _ in found[:GOLDEN_INPUTS]]
    vectors = [tuple(map(float, vector)) for _, vector in found[:GOLDEN_INPUTS]]
    golden = Golden(inputs=tuple(inputs), vectors=tuple(vectors))
    write_json(folder / GOLDEN, golden.model_dump(mode="json"))
    header = Header(
        spec=encoder.spec,
        reading=request.scenes.reading if request.modality == "image" else "",
        origin=origin,
        file_sha256=sha256_file(path),
    )
    write_json(folder / HEADER, header.model_dump(mode="json"))


def today_by(name: str, note: str) -> Origin:
    """Whose vectors are made today. Raises ConfigError for what a record cannot hold."""
    try:
        return Origin(by=name, made_on=datetime.now(UTC).date(), note=note)
    except ValidationError as err:
        raise ConfigError(
            "the record of who makes the vectors cannot hold that",
            fix="give --by with a name of one line and 200 characters at most, --note with 1,000",
        ) from err
