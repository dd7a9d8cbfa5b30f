"""One modality of a feature version: whose vectors it holds, and which of them its rows name."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import pandas as pd

from pipelines.config import DeploymentPaths, EncoderConfig, Profile
from pipelines.contracts import EncoderSpec, Modality
from pipelines.embed.base import describe_encoder
from pipelines.embed.store import EmbeddingStore, absent_vectors, input_key, own_store


@dataclass(frozen=True)
class Space:
    """A store, the keys that rows name, and where they lie.

    Attributes:
        reading: how scenes are read, see input_key.
        named: keys that rows name so far.
    """

    modality: Modality
    store: EmbeddingStore
    reading: str
    named: set[str] = field(default_factory=set)

    @property
    def spec(self) -> EncoderSpec:
        """Of the encoder."""
        return self.store.spec

    @property
    def keys(self) -> list[str]:
        """Those that rows name, sorted."""
        return sorted(self.named)

    def name_in(self, rows: pd.DataFrame) -> None:
        """Give rows their keys, null where the modality is missing or cannot be read.

        What the encoder cannot read of a good scene is said as its quality.
        """
        space_id = self.spec.space_id  # a hash, anew each time it is asked for
        shas = rows[f"{self.modality}_sha256"]
        distinct = shas.dropna().unique()
        key_of = {sha: input_key(space_id, sha, self.reading) for sha in distinct}
        if without := self.store.without(key_of.values()):
            lacking = shas.map(key_of).isin(without)
            rows.loc[lacking, "image_quality"] = shas[lacking].map(key_of).map(without)
            key_of = {sha: key for sha, key in key_of.items() if key not in without}
        rows[f"{self.modality}_key"] = shas.map(key_of).astype(object)
        self.named.update(key_of.values())

    def shards(self) -> list[Path]:
        """Shards that hold the keys. Raises StoreError naming how many keys none holds."""
        located = self.store.locations()
        lost = sum(key not in located for key in self.named)
        if lost:
            raise absent_vectors(lost, len(self.named), self.store.folder)
        return sorted({located[key] for key in self.named})


def open_space(
    modality: Modality, config: EncoderConfig, profile: Profile, paths: DeploymentPaths
) -> Space:
    """An encoder's space before any row is asked. Raises EncoderError if its weights are absent."""
    store = own_store(paths, describe_encoder(config, paths))
    return Space(modality, store, profile.data.scenes.reading if modality == "image" else "")
