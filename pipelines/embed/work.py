"""The work file of one shard: which inputs are to be embedded, by which encoder."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError

from pipelines.config import DeploymentPaths, EncoderConfig, Frozen, ScenePolicy
from pipelines.contracts import RGB_BANDS, EncoderSpec, Modality
from pipelines.data.scenes import read_scene
from pipelines.embed.store import EmbeddingStore, own_store
from pipelines.errors import StoreError
from pipelines.storage import read_json, sha256_file, write_json


class WorkInput(Frozen):
    """One input: a scene by its URI below the data folder, or a text itself."""

    key: str
    sha256: str
    uri: str | None = None
    text: str | None = None


class ShardWork(Frozen):
    """What one embedding task does; complete, so that a process needs nothing else."""

    modality: Modality
    space_id: str
    spec: dict[str, Any]
    encoder: EncoderConfig
    scenes: ScenePolicy
    inputs: tuple[WorkInput, ...]
    data: Path | None = Field(
        None, description="folder that URIs start from, if not the deployment's"
    )
    store: Path | None = Field(
        None, description="root of the vectors' store, if not the deployment's"
    )

    def data_root(self, paths: DeploymentPaths) -> Path:
        """Folder that the inputs' URIs start from."""
        return self.data or paths.data

    def open_store(self, paths: DeploymentPaths) -> EmbeddingStore:
        """Where the vectors go."""
        if self.store is None:
            return own_store(paths, self.encoder_spec)
        return EmbeddingStore(self.store, self.encoder_spec)

    def read(self, item: WorkInput, folder: Path) -> Any:
        """What the encoder takes of an input whose URI starts from a folder; see read_input."""
        return read_input(item, folder, self.scenes, self.encoder.reads_bands)

    @property
    def encoder_spec(self) -> EncoderSpec:
        """The spec whose space_id this work was planned for."""
        return EncoderSpec(**self.spec)


def write_work(path: Path, work: ShardWork) -> Path:
    """Write a work file atomically."""
    return write_json(path, work.model_dump(mode="json"))


def read_work(path: Path) -> ShardWork:
    """Read a work file. Raises StoreError if it is absent or damaged."""
    try:
        return ShardWork.model_validate(read_json(path))
    except ValidationError as err:
        raise StoreError(
            "a shard's work file is damaged", where=str(path), fix="run plan_embedding again"
        ) from err


def input_path(item: WorkInput, data: Path) -> Path:
    """File of a scene input. Raises StoreError if its URI leads out of the data folder."""
    path = (data / str(item.uri)).resolve()
    if not path.is_relative_to(data.resolve()):
        raise StoreError(
            "a scene's URI leads out of the data folder",
            where=str(item.uri),
            fix="ingest the drop again",
        )
    return path


def read_input(
    item: WorkInput, data: Path, policy: ScenePolicy, bands: Sequence[str] = RGB_BANDS
) -> Any:
    """What an encoder takes: uint8 (H, W, len(bands)) of a scene, or the text.

    Raises:
        StoreError: the input is not the one whose hash was planned, or its file is missing.
        DropError: the scene cannot be decoded; LacksBands, if it has not these bands.
    """
    if item.text is not None:
        if hashlib.sha256(item.text.encode("utf-8")).hexdigest() != item.sha256:
            raise StoreError(
                "a prompt does not have its recorded hash",
                where=f"key {item.key}",
                fix="build the dataset again",
            )
        return item.text
    path = input_path(item, data)
    if not path.is_file() or sha256_file(path) != item.sha256:
        raise StoreError(
            "a scene is gone or was changed since it was ingested",
            where=str(path),
            fix="drops are immutable: restore the file, or deliver it in a new drop",
        )
    return read_scene(path, policy, bands)
