"""GET /forecast: the published forecast by unit, horizon and week."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query, Request
from fastapi.responses import JSONResponse

from pipelines.config import DeploymentPaths
from pipelines.contracts import CURRENT
from pipelines.inference.forecast import ABOUT
from pipelines.registry.named import Registered
from pipelines.run.withdrawn import Withdrawn
from pipelines.storage import read_json
from serving.champion import Champion
from serving.problems import Problem
from serving.published import Answer, Asked, Published, by_version, newest
from serving.requests import code_note, known_code, known_week, no_model
from serving.routes.predictions import serving_champion
from serving.schemas import ForecastBody, ProblemBody
from serving.security import requires_key

router = APIRouter(tags=["forecast"], dependencies=[requires_key])
_VERSION = r"^[0-9]{4}-w[0-9]{2}-[0-9a-f]{16}$"
_PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemBody, "content": {"application/problem+json": {}}}
    for status in (401, 404, 422, 503)
}


@router.get(
    "/forecast",
    summary="What was published, by unit and week",
    response_model=ForecastBody,
    response_model_exclude_unset=True,
    responses=_PROBLEMS,
)
async def forecast(
    request: Request,
    municipality_code: Annotated[
        str | None, Query(min_length=1, max_length=64, description="none = every unit")
    ] = None,
    horizon_weeks: Annotated[
        int | None, Query(ge=0, le=12, description="weeks ahead; none = all")
    ] = None,
    origin_week: Annotated[
        str | None, Query(max_length=8, description="such as 2018-w48; none = the newest")
    ] = None,
    forecast_version: Annotated[
        str | None, Query(pattern=_VERSION, description="this one, withdrawn or not")
    ] = None,
) -> JSONResponse:
    """Rows of the newest forecast that the champion's bundle made, or of that of one origin week.

    A champion that was just promoted has none for some seconds: then the newest one of the champion
    before it is given, if that was not taken out of service; `made_by` and `note` say so.

    `data_state` is `current`, or says that no run has finished for this week and the champion
    forecast from the last accepted data; `why` then says why.

    It answers whatever serves. A champion that reads more than a row of fields holds is asked here
    alone; GET /model says so as `lone_row`. A withdrawn forecast is passed over, and `note` says
    so; asked for by its version it is given, with `withdrawn`.
    """
    champion, note = serving_champion(request.app.state.holder), None
    if municipality_code is not None:
        note = code_note(champion.bundle, municipality_code)
        municipality_code = known_code(champion.bundle, municipality_code, "municipality_code")
    if origin_week is not None:
        known_week(champion.bundle, origin_week, "origin_week")
    _check_horizon(champion, horizon_weeks)
    paths = request.app.state.settings.paths
    answer = await asyncio.to_thread(_look, paths, champion, origin_week, forecast_version)
    found = answer.forecast
    state = await asyncio.to_thread(_state, paths, found)
    if found is None:
        raise _absent(champion, origin_week, forecast_version, answer.note)
    rows = found.rows(municipality_code, horizon_weeks)
    if not rows:
        raise Problem(
            404,
            "not-forecast",
            f"the forecast {found.version} has no such row",
            "ask for a unit and a horizon of its own; without either it answers with all of them",
        )
    trace_id: str = request.state.trace_id
    stands = request.app.state.holder.standing.note(datetime.now(UTC))
    notes = "; ".join(filter(None, (note, answer.note, stands)))
    body = {
        **_body(trace_id, found, rows),
        **state,
        **champion.rule(),
        **({"note": notes} if notes else {}),
        **_marks(champion, found, answer.withdrawal),
    }
    response = JSONResponse(body)
    logged = [] if municipality_code is None else [_logged(row) for row in rows]
    request.app.state.prediction_log.record(
        trace_id, _maker(champion, found), request.scope["query_string"], logged, found.version
    )
    return response


def _check_horizon(champion: Champion, weeks: int | None) -> None:
    known = champion.bundle.models
    if weeks is not None and weeks not in known:
        what, fix = no_model(champion.bundle, weeks), f"use one of {sorted(known)}"
        raise Problem(422, "unknown-horizon", what, fix)


def _look(
    paths: DeploymentPaths, champion: Champion, week: str | None, version: str | None
) -> Answer:
    rule = champion.bundle.meta.label_rule_id
    asked = Asked(champion.registered, rule, champion.former)
    return newest(paths, asked, week) if version is None else by_version(paths, asked, version)


def _absent(
    champion: Champion, origin_week: str | None, version: str | None, withdrawn: str | None
) -> Problem:
    bundle = f"version {champion.registered.version} (bundle {champion.registered.bundle_id})"
    if version is not None:
        return Problem(
            404,
            "no-forecast",
            f"no forecast {version} by the champion's label rule is here",
            "leave forecast_version out for the newest one, or fetch it with `denguard pull "
            "forecasts`",
        )
    if withdrawn is not None:
        return Problem(
            404 if origin_week else 503,
            "forecast-withdrawn",
            f"{withdrawn}; no other forecast stands in its place",
            "run the weekly cycle, or roll back; by forecast_version the withdrawn one is given "
            "all the same",
        )
    if origin_week is not None:
        return Problem(
            404,
            "no-forecast",
            f"{bundle} made no forecast at {origin_week} that is here",
            "leave origin_week out for the newest one, or ask GET /model which bundle serves",
        )
    return Problem(
        503,
        "no-forecast",
        f"no forecast of {bundle} is here yet",
        "run the forecast step, and let the endpoint see its folder artifacts/forecasts "
        "(DENGUARD_HOME)",
        headers={"Retry-After": "30"},
    )


def _body(trace_id: str, found: Published, rows: list[dict[str, Any]]) -> dict[str, Any]:
    return {
        "trace_id": trace_id,
        "forecast_version": found.version,
        "origin_week": found.origin_week,
        "rows": rows,
    }


def _marks(
    champion: Champion, found: Published, withdrawal: Withdrawn | None
) -> dict[str, dict[str, str]]:
    """What sets a forecast apart from the champion's own that stands."""
    marks = {}
    if _maker(champion, found) != champion.registered:
        marks["made_by"] = found.made_by
    if withdrawal:
        marks["withdrawn"] = {"at": withdrawal.at, "reason": withdrawal.reason}
    return marks


def _maker(champion: Champion, found: Published) -> Registered:
    """The champion, unless another version made the forecast."""
    version, bundle_id = found.made_by["model_version"], found.made_by["bundle_id"]
    if bundle_id == champion.registered.bundle_id:
        return champion.registered
    return Registered(version, bundle_id, run_id="", source="")


def _state(paths: DeploymentPaths, found: Published | None) -> dict[str, str]:
    """What a forecast says of its data; one of an earlier version of denguard is a
    finished run's."""
    columns = {} if found is None else found.table.iloc[0].to_dict()
    state = str(columns.get("data_state", CURRENT))
    if found is None or state == CURRENT:
        return {"data_state": state}
    about = read_json(paths.artifacts / "forecasts" / found.version / ABOUT)
    return {"data_state": state, "why": str(about.get("why", ""))}


def _logged(row: dict[str, Any]) -> dict[str, Any]:
    """A row of the forecast under the names of an answer."""
    return {**row, "outbreak": row["outbreak_expected"]}
