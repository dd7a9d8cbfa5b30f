"""Whose vectors a run needs: the profile's encoders', and the champion's where those are others.

A champion goes on serving its own vector space while candidates of another one are trained.
"""

from __future__ import annotations

import logging
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from pydantic import ValidationError

from pipelines.encoder_config import EncoderConfig, Encoders
from pipelines.errors import DenguardError
from pipelines.run import Run
from pipelines.run import outputs as out
from pipelines.storage import read_json

if TYPE_CHECKING:
    from pipelines.fusion.bundle import Bundle

log = logging.getLogger(__name__)


def champions_encoders(run: Run) -> Encoders:
    """The champion's encoders, if it reads vectors of others than the profile's; else ().

    Raises nothing: where the champion or its weights cannot be read, a warning says so, and the
    steps that need them stop with the reason.
    """
    from pipelines.embed.base import describe_encoder
    from pipelines.registry.champion import describe_champion

    if not run.profile.encoders:
        return ()
    champion = describe_champion(run.paths, run.profile.model_name).champion
    recipe = champion and champion.recipe.get("embed")
    if champion is None or not recipe:
        return ()
    described = {"image": champion.image_encoder, "text": champion.text_encoder}
    try:
        own = {m: asdict(describe_encoder(c, run.paths)) for m, c in run.profile.encoders}
        if own == described:
            return ()
        # Where both are one space the profile's says where the weights lie; a recipe does not.
        theirs: Encoders = tuple(
            (m, c if own[m] == described[m] else EncoderConfig.model_validate(recipe[m]))
            for m, c in run.profile.encoders
        )
        if {m: asdict(describe_encoder(c, run.paths)) for m, c in theirs} == described:
            return theirs
        log.warning("an encoder of the champion is another one here than it was trained with")
    except (DenguardError, ValidationError, KeyError) as err:
        log.warning("vectors that the champion reads cannot be made: %s", err)
    return ()


def planned_champions(run: Run) -> Encoders:
    """The same as the plan of this run recorded them."""
    kept = run.output(out.PlanOutput).champion_encoders or {}
    return tuple(
        (m, EncoderConfig.model_validate(kept[m])) for m, _ in run.profile.encoders if m in kept
    )


def champions_features(run: Run, champion: out.ServingModel | None) -> Path | None:
    """The rows of this run with the champion's vectors; None where it reads the profile's."""
    if champion is None:
        return None
    return _made_for(run, champion.image_encoder, champion.text_encoder)


def version_read_by(run: Run, bundle: Bundle) -> out.FeatureVersion | None:
    """The feature version that a bundle reads, where it is not the run's own."""
    if not bundle.reads_vectors:
        return None
    theirs = _made_for(run, bundle.meta.image_encoder, bundle.meta.text_encoder)
    return run.output(out.FeaturesOutput).champion if theirs else None


def _made_for(run: Run, image: out.Free | None, text: out.Free | None) -> Path | None:
    """The features beside the run's own, if they hold vectors of these encoders."""
    made = run.output(out.FeaturesOutput).champion
    if made is None:
        return None
    folder = run.path(made.features)
    about = read_json(folder / "features.json")
    return folder if (about["image"], about["text"]) == (image, text) else None
