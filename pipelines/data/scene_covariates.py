"""Indices of the scene that an origin sees, as covariates: scene_choice.py decides which it is.

Shape letters: U units, O origins.
"""

from __future__ import annotations

import numpy as np

from pipelines.arrays import Float64s
from pipelines.config import ScenePolicy
from pipelines.data.scene_choice import SceneChoice


def scene_covariates(
    choice: SceneChoice, policy: ScenePolicy, at: slice = slice(None)
) -> dict[str, Float64s]:
    """Covariate -> (U, O), NaN where missing; none at all where the profile asks for none.

    An index is missing where less of the picture shows anything than the profile's minimum.

    Args:
        at: which of the choice's origins.
    """
    if not policy.indices:
        return {}
    seen = _column(choice, "seen_share", at)
    enough = seen >= policy.min_clear_share
    found = {
        f"scene_{name}": np.where(enough, _column(choice, name, at), np.nan)
        for name in policy.indices
    }
    return {
        **found,
        "scene_clear_share": seen,
        "scene_age_weeks": choice.age_weeks[:, at].astype(np.float64),
    }


def _column(choice: SceneChoice, name: str, at: slice) -> Float64s:
    """(U, O) a number of the scenes used, NaN where there is no scene, or none that has it."""
    if name not in choice.scenes.columns:
        return np.full(choice.row[:, at].shape, np.nan)
    return choice.column(name)[:, at].astype(np.float64)
