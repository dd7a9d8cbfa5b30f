"""POST /predictions: from rows of fields, a row and a scene, or vectors; one or many."""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from functools import partial
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse

from serving.answers import MustEncode, answer
from serving.champion import Champion, ChampionHolder
from serving.examples import ROW_EXAMPLE, VECTOR_EXAMPLE
from serving.limits import read_body
from serving.plausible import age_of, check_values
from serving.problems import Problem
from serving.requests import JSON, MULTIPART, Asked, check_known, code_notes, parse
from serving.routes.by_hand import ByHand
from serving.schemas import PredictionsBody, ProblemBody
from serving.security import requires_key
from serving.settings import Settings
from serving.work import Work

router = APIRouter(tags=["predictions"], dependencies=[requires_key], route_class=ByHand)
# What a scene takes to decode, and a prompt that is new to encode, as rows of fields.
_SCENE, _PROMPT = 20, 4
_FEW_ROWS = 4  # their covariates cost a few milliseconds each; vectors cost next to nothing
_FORM_SCHEMA = {
    "type": "object",
    "required": ["row", "scene"],
    "properties": {
        "row": {"type": "string", "description": "one row of fields, as JSON"},
        "scene": {
            "type": "string",
            "format": "binary",
            "description": "TIFF (12 bands or RGB), PNG or JPEG",
        },
    },
}
# The body is read by hand, after the key and the size are checked; so OpenAPI is told by hand, too.
_BODY = {
    "required": True,
    "content": {
        JSON: {
            "schema": {"$ref": "#/components/schemas/PredictionRequest"},
            "examples": {
                "one row": {"value": {"rows": [ROW_EXAMPLE]}},
                "batch": {"value": {"rows": [ROW_EXAMPLE, {**ROW_EXAMPLE, "horizon_weeks": 1}]}},
                "vectors": {"value": {"vectors": [VECTOR_EXAMPLE]}},
            },
        },
        MULTIPART: {
            "schema": _FORM_SCHEMA,
            "examples": {
                "row and scene": {"value": {"row": json.dumps(ROW_EXAMPLE), "scene": "<file>"}}
            },
        },
    },
}
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemBody, "content": {"application/problem+json": {}}}
    for status in (401, 408, 413, 415, 422, 503, 504)
}


@router.post(
    "/predictions",
    summary="Probability of an outbreak week",
    response_model=PredictionsBody,
    responses=_PROBLEMS,
    openapi_extra={"requestBody": _BODY},
)
async def predictions(request: Request) -> JSONResponse:
    """Answers in the order of the rows sent, each with what it rests on."""
    settings: Settings = request.app.state.settings
    champion = serving_champion(request.app.state.holder)
    with request.app.state.bodies.share() as share:
        body = await read_body(request, settings.max_body_bytes, settings.request_timeout_s, share)
        return await _answered(request, champion, body)


async def _answered(request: Request, champion: Champion, body: bytes) -> JSONResponse:
    settings: Settings = request.app.state.settings
    asked = await parse(request, body, settings.max_rows)
    notes = code_notes(champion.bundle, asked)
    asked = check_known(champion.bundle, asked)
    check_values(asked, settings)
    old, headers = age_of(champion.bundle, asked, settings.model_age_weeks)
    stands = request.app.state.holder.standing.note(datetime.now(UTC))
    notes = [*notes, *old, *filter(None, [stands])]
    trace_id: str = request.state.trace_id
    answers = await _in_time(request, champion, asked)
    for entry in answers:
        entry["trace_id"] = trace_id
        request.app.state.metrics.predictions.labels(
            str(entry["horizon_weeks"]), str(entry["outbreak"]).lower()
        ).inc()
    extra = {"notes": notes} if notes else {}
    response = JSONResponse(
        {"trace_id": trace_id, "predictions": answers, **extra}, headers=headers
    )
    request.app.state.prediction_log.record(trace_id, champion.registered, body, answers)
    return response


def serving_champion(holder: ChampionHolder) -> Champion:
    """The reference that this request uses to its end, whatever is swapped meanwhile."""
    champion = holder.current
    if champion is None:
        raise holder.not_ready.problem()
    return champion


async def _in_time(request: Request, champion: Champion, asked: Asked) -> list[dict[str, Any]]:
    """Predict here if it is milliseconds, else in a thread: scenes, prompts that are new, many rows
    of fields."""
    settings: Settings = request.app.state.settings
    work: Work = request.app.state.work
    compute = partial(answer, champion, asked, settings.max_scene_pixels, request.app.state.pixels)
    rows = len(asked.rows) + (0 if asked.scene is None else _SCENE)
    if asked.vectors or (len(asked.rows) <= _FEW_ROWS and asked.scene is None):
        try:
            return compute(encode=False)
        except MustEncode:
            rows *= _PROMPT  # in a thread
    try:
        async with asyncio.timeout(settings.request_timeout_s):
            return await work.run(compute, rows)
    except TimeoutError:
        raise Problem(
            504,
            "too-slow",
            f"no answer within {settings.request_timeout_s:g} s",
            "send fewer rows a call",
        ) from None
