"""GET /health/live, /health/ready and /metrics: for supervisors and Prometheus, without a key."""

from __future__ import annotations

from datetime import UTC, datetime

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from serving.champion import ChampionHolder
from serving.schemas import ProblemBody

router = APIRouter(tags=["health"])


@router.get("/health/live", summary="Is the process alive")
async def live() -> dict[str, str]:
    """Always 200 while the process can answer."""
    return {"status": "live"}


@router.get("/health/ready", summary="Can it predict", responses={503: {"model": ProblemBody}})
async def ready(request: Request) -> dict[str, str | bool | None]:
    """200 if a model answers, else 503 with the reason. `adopted_rule_id` is null unless the label
    rule was changed and its first champion is awaited: then the old rule's model answers.

    `champion_as_of` is when the registry last named the model. Where it is away since
    (`registry_away_since`), the model answers on; `note` says so, and `stale` after long.
    """
    holder: ChampionHolder = request.app.state.holder
    if holder.current is None:
        raise holder.not_ready.problem()
    current, now = holder.current, datetime.now(UTC)
    note = holder.standing.note(now)
    return {
        "status": "ready",
        "bundle_id": current.registered.bundle_id,
        **current.rule(),
        **holder.standing.facts(now),
        **({"note": note} if note else {}),
    }


@router.get("/metrics", summary="Prometheus metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Counters of this worker; with several workers each one has its own."""
    return Response(
        generate_latest(request.app.state.metrics.registry), media_type=CONTENT_TYPE_LATEST
    )
