"""Vectors that another machine makes: what it is asked for, and what is taken from it.

The inputs are those of the newest accepted data, the encoders a profile's own and those that were
adopted for it.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from pipelines.config import DeploymentPaths, Profile
from pipelines.contracts import Modality
from pipelines.encoder_config import Encoders
from pipelines.errors import ConfigError
from pipelines.run.adopted import read_adopted

if TYPE_CHECKING:
    from pipelines.embed.brought import Taken
    from pipelines.embed.work import WorkInput


def encoders_of(paths: DeploymentPaths, profile: Profile) -> Encoders:
    """Adopted encoders, then the profile's own. Raises ConfigError if it has none."""
    if not profile.encoders:
        raise ConfigError(
            "the profile has no encoders",
            where=f"profile {profile.profile}",
            fix="add `embed` to the profile",
        )
    adopted = read_adopted(paths, profile.model_name).encoders
    return (*adopted.items(), *profile.encoders)


def take(
    paths: DeploymentPaths, profile: Profile, folder: Path, by: str, unchecked: bool = False
) -> Taken:
    """Check a folder of vectors and keep them; published where machines share a store.

    Raises: as embed/brought.py's take_vectors; ConfigError without a name.
    """
    from pipelines.embed.brought import take_vectors
    from pipelines.embed.sync import share_space

    if not by.strip():
        raise ConfigError("vectors that are taken need your name", fix="give --by NAME")
    encoders, scenes = encoders_of(paths, profile), profile.data.scenes
    here = _at_hand(paths, profile)
    done = take_vectors(folder, encoders, scenes, paths, by, unchecked, here)
    share_space(paths, done.spec.space_id)
    return done


def _at_hand(paths: DeploymentPaths, profile: Profile) -> list[WorkInput]:
    """Every input of the accepted data."""
    from pipelines.embed.plan import as_inputs, distinct_inputs, read_inputs
    from pipelines.steps.reembedding import accepted_dataset

    dataset = accepted_dataset(paths)
    if dataset is None:
        return []
    samples = read_inputs(dataset)
    return [
        item
        for modality, _ in profile.encoders
        for item in as_inputs(distinct_inputs(samples, modality, "", profile.data.scenes))
    ]


def give(paths: DeploymentPaths, profile: Profile, modality: Modality, to: Path) -> int:
    """Write what another machine is to embed: inputs of the accepted data without a vector of the
    adopted encoder, else of the profile's; how many.

    Raises:
        ConfigError: no data are accepted yet, nothing is missing, or the folder is there already.
    """
    from pipelines.embed.lent import give_inputs
    from pipelines.steps.reembedding import accepted_dataset

    encoders = encoders_of(paths, profile)
    encoder = next(config for named, config in encoders if named == modality)
    dataset = accepted_dataset(paths)
    if dataset is None:
        raise ConfigError(
            "no data are accepted yet, so there are no inputs", fix="run the profile once"
        )
    return give_inputs(dataset, profile, modality, encoder, paths, to)
