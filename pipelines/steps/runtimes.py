"""Which runtime an encoder is best computed by here, on inputs of the accepted data."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import Modality
from pipelines.encoder_config import EncoderConfig

if TYPE_CHECKING:
    from pipelines.embed.runtimes import SelfTest

_INPUTS = 16  # spread over the accepted data
_MADE_UP_SIDE_PX = 256
_WORDS = "Dengue en el municipio, semana con lluvia, casos recientes y población sin agua. "


@dataclass(frozen=True)
class Measured:
    """What the self-test of one encoder saw.

    Attributes:
        config: the encoder by the runtime that was chosen.
        changed: whether that is another vector space than before.
        inputs: how many were embedded.
        made_up: there are no accepted data yet; the first shard checks the cosine on real inputs.
        distinct: inputs of the accepted data, which a change embeds anew.
    """

    config: EncoderConfig
    changed: bool
    test: SelfTest
    inputs: int
    made_up: bool
    distinct: int


def measure_runtimes(
    paths: DeploymentPaths, profile: Profile, modality: Modality, config: EncoderConfig
) -> Measured:
    """Try every runtime on an encoder. Nothing is written but the converted network.

    Raises:
        EncoderError: the encoder cannot be loaded by torch.
        StoreError: an input of the accepted data is gone.
    """
    from pipelines.embed.base import describe_encoder
    from pipelines.embed.runtimes import try_runtimes

    describe_encoder(config.by_torch(), paths)  # weights that are absent are named first
    real, distinct = _accepted_inputs(paths, profile, modality, config)
    inputs = real or _made_up(modality, config)
    test = try_runtimes(config, inputs, paths)
    chosen = config.model_copy(update={"runtime": test.chosen.runtime})
    changed = chosen.runtime != config.runtime
    return Measured(chosen, changed, test, len(inputs), not real, distinct)


def _accepted_inputs(
    paths: DeploymentPaths, profile: Profile, modality: Modality, config: EncoderConfig
) -> tuple[list[Any], int]:
    """A few inputs as the encoder takes them, and how many there are in all."""
    from pipelines.data.scenes import LacksBands
    from pipelines.embed.plan import as_inputs, distinct_inputs, read_inputs
    from pipelines.embed.work import read_input
    from pipelines.steps.reembedding import accepted_dataset

    dataset: Path | None = accepted_dataset(paths)
    if dataset is None:
        return [], 0
    scenes = profile.data.scenes
    rows = distinct_inputs(read_inputs(dataset), modality, "", scenes)
    step = max(1, len(rows) // _INPUTS)
    found: list[Any] = []
    for item in as_inputs(rows.iloc[::step].head(_INPUTS)):
        with suppress(LacksBands):
            found.append(read_input(item, paths.data, scenes, config.reads_bands))
    return found, len(rows)


def _made_up(modality: Modality, config: EncoderConfig) -> list[Any]:
    """Pictures of soft noise, or sentences from one to sixteen."""
    import numpy as np
    from PIL import Image

    if modality == "text":
        return [_WORDS * (1 + at) for at in range(_INPUTS)]
    drawn, side = np.random.default_rng(0), _MADE_UP_SIDE_PX
    coarse = drawn.integers(0, 256, (_INPUTS, 8, 8, len(config.reads_bands)), dtype=np.uint8)
    smooth = [
        [Image.fromarray(scene[..., band]).resize((side, side)) for band in range(scene.shape[-1])]
        for scene in coarse
    ]
    return [np.stack([np.asarray(band) for band in bands], axis=-1) for bands in smooth]
