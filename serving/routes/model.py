"""GET /model: what serves, what it rests on, and whether a newer one failed. Without a key."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from fastapi import APIRouter, Request

from serving.champion import Champion, ChampionHolder
from serving.schemas import ModelBody

router = APIRouter(tags=["model"])
_SHOWN = (
    "head", "lambda_shift", "lambda_reason", "horizons_weeks", "classes", "decision_thresholds",
    "label_rule_id", "prompt_template_id", "language", "recipe_id", "dataset_version",
    "embedding_version", "feature_version", "as_of_week", "synthetic_scenes", "covariate_names",
    "metrics", "image_encoder", "text_encoder", "place",
)  # fmt: skip


@router.get("/model", summary="Which model answers", response_model=ModelBody)
async def model(request: Request) -> dict[str, Any]:
    """The champion of this worker; bundle_id is null before the first one."""
    holder: ChampionHolder = request.app.state.holder
    champion = holder.current
    about = _description(champion) if champion else {}
    return {**about, **holder.standing.facts(datetime.now(UTC)), **holder.status()}


def _description(champion: Champion) -> dict[str, Any]:
    meta, entry = champion.bundle.meta, champion.registered
    return {
        "version": entry.version,
        "bundle_id": entry.bundle_id,
        "mlflow_run_id": entry.run_id,
        "provisional": entry.provisional,
        **champion.rule(),
        "lone_row": champion.bundle.lone_row,
        "encoders": champion.encoders.state if champion.encoders else None,
        "municipalities": len(champion.bundle.thresholds),
        **meta.model_dump(mode="json", include=set(_SHOWN)),
    }
