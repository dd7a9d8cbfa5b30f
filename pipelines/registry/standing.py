"""Who serves now, as a small record that a step can hand on.

Belongs here: reading the champion's identity and recipe. Does not belong here: moving it.
"""

from __future__ import annotations

from typing import Any

from pipelines.config import Places
from pipelines.contracts import CHAMPION
from pipelines.fusion.bundle import load_bundle
from pipelines.registry.alias import fetch_bundle, lookup
from pipelines.registry.tracking import prepare


def standing_champion(where: Places, model_name: str) -> dict[str, Any] | None:
    """The champion's version, ids, recipe and encoders, or None if there is no champion.

    Raises:
        RegistryError, StoreError: the registry does not answer, or the champion is damaged.
    """
    prepare(where)
    found = lookup(CHAMPION, where, model_name)
    if found is None:
        return None
    meta = load_bundle(fetch_bundle(found.version, where=where, model_name=model_name)).meta
    return {
        "version": found.version,
        "bundle_id": found.bundle_id,
        "head": meta.head,
        "recipe_id": meta.recipe_id,
        "recipe": meta.recipe,
        "as_of_week": meta.as_of_week,
        "dataset_version": meta.dataset_version,
        "feature_version": meta.feature_version,
        "image_encoder": meta.image_encoder,
        "text_encoder": meta.text_encoder,
    }
