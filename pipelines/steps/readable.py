"""What of a run's rows a bundle may read: vectors of its encoders, prompts of its template."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from pipelines.config import Profile
from pipelines.errors import StoreError
from pipelines.fusion.bundle import Bundle
from pipelines.fusion.examples import Examples, ModalityVectors

log = logging.getLogger(__name__)
_LEFT_OUT = "the prompts of this run are made by another template than it was trained on"


def check_encoders(bundle: Bundle, about: Mapping[str, object], profile: Profile) -> None:
    """Raise StoreError if a bundle reads vectors of other encoders than a feature version holds."""
    if not bundle.reads_vectors:
        return
    for modality, mine in (
        ("image", bundle.meta.image_encoder),
        ("text", bundle.meta.text_encoder),
    ):
        if mine != about[modality]:
            raise StoreError(
                f"the champion reads {modality} vectors of {mine.get('encoder')}, this run made "
                "those of another encoder or build",
                where=f"profile {profile.profile}",
                fix=(
                    "run the profile that the champion was made with, or roll back to a linear "
                    "champion"
                ),
            )


def prompts_left_out(bundle: Bundle, about: Mapping[str, object]) -> bool:
    """Whether prompts were written otherwise than those that a bundle was trained on, as where a
    profile has a template of its own since, or notes."""
    other = about.get("prompt_template_id") != bundle.meta.prompt_template_id
    return bundle.reads_vectors and other


def as_trained(
    bundle: Bundle, about: Mapping[str, object], examples: Mapping[int, Examples]
) -> dict[int, Examples]:
    """The rows without prompts that the bundle cannot know; it then forecasts as where one is
    missing."""
    if not prompts_left_out(bundle, about):
        return dict(examples)
    log.warning("the champion forecasts without prompts: %s", _LEFT_OUT)
    return {h: replace(rows, text=_none(rows.text)) for h, rows in examples.items()}


def _none(text: ModalityVectors) -> ModalityVectors:
    return replace(text, row=np.full_like(text.row, -1))


def left_out_words(about: Mapping[str, object]) -> str:
    """Of a published forecast.json; "" if nothing was left out."""
    return f"; without prompts: {_LEFT_OUT}" if about.get("prompts_left_out") else ""
