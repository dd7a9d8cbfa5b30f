"""The FastAPI app: routes, errors, tracing, the champion's thread and the log, put together.

Start it with `uvicorn --http serving.door:Door --ws none --factory serving.app:create_app`.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi_offline import FastAPIOffline

from serving import problems
from serving.champion import ChampionHolder
from serving.limits import Budget
from serving.metrics import Metrics
from serving.prediction_log_writer import PredictionLogWriter
from serving.routes import forecast, health, model, predictions
from serving.schemas import PredictionRequest
from serving.settings import Settings, load_settings
from serving.tracing import TraceMiddleware
from serving.work import Work

# Its encoders are loaded after it; without a registry the endpoint opens all the same.
_FIRST_LOOK_S = 20.0
# While a thread computes, the loop waits this long whenever it has read or written, several times a
# request; with Python's own 5 ms, health and refusals waited as long as what is computed.
_TURN_S = 0.001
_DESCRIPTION = """Probability that a municipality's dengue cases exceed its threshold, weeks ahead.

Ask `POST /predictions` with a row of fields, a row and a scene, or vectors; ask `GET /forecast` for
what was published, by unit and week. Errors are problem+json and say what to send. A new champion
is taken without a restart."""


def create_app(settings: Settings | None = None) -> FastAPI:
    """The endpoint. Raises ConfigError if the environment lacks or mistakes a setting."""
    settings = settings or load_settings()
    metrics = Metrics()
    app: FastAPI = FastAPIOffline(
        title="denguard", version="1", description=_DESCRIPTION, lifespan=_lifespan, redoc_url=None
    )
    app.state.settings, app.state.metrics = settings, metrics
    app.state.bodies = Budget(max(settings.max_body_bytes_at_once, settings.max_body_bytes))
    app.state.pixels = Budget(max(settings.max_pixels_at_once, settings.max_scene_pixels))
    app.state.work = Work(settings.max_computed_at_once, settings.max_rows_in_hand)
    app.state.holder = ChampionHolder(settings, metrics)
    app.state.prediction_log = PredictionLogWriter(settings, metrics)
    app.add_middleware(TraceMiddleware, metrics=metrics)
    problems.install(app)
    app.openapi = lambda: _openapi(app)  # type: ignore[method-assign]
    for room in (predictions, forecast, model, health):
        app.include_router(room.router)
    return app


def _openapi(app: FastAPI) -> dict[str, Any]:
    """FastAPI's schema plus the body of POST /predictions, which is parsed by hand."""
    if app.openapi_schema is None:
        schema = get_openapi(
            title=app.title, version=app.version, description=app.description, routes=app.routes
        )
        body = PredictionRequest.model_json_schema(ref_template="#/components/schemas/{model}")
        schema["components"]["schemas"] |= body.pop("$defs", {}) | {"PredictionRequest": body}
        app.openapi_schema = schema
    return app.openapi_schema


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    holder: ChampionHolder = app.state.holder
    prediction_log: PredictionLogWriter = app.state.prediction_log
    # Nothing is accepted before: a worker that is started anew beside others refuses nobody.
    await asyncio.to_thread(holder.start, _FIRST_LOOK_S)
    usual_s = sys.getswitchinterval()
    sys.setswitchinterval(_TURN_S)
    tidying = asyncio.create_task(prediction_log.keep_tidy())
    try:
        yield
    finally:
        tidying.cancel()
        sys.setswitchinterval(usual_s)
        holder.stop()
        app.state.work.close()
        prediction_log.close()
