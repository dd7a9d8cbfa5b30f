"""Schemathesis attacks the endpoint along its own OpenAPI: what is documented is what happens."""

from __future__ import annotations

import os
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    ignored_auth,
    negative_data_rejection,
    response_headers_conformance,
    response_schema_conformance,
    status_code_conformance,
    unsupported_method,
)
from support.api import KEY, make_app
from support.published import forecast_rows

from pipelines.inference.forecast import publish_forecast

EXAMPLES = int(os.environ.get("DENGUARD_OPENAPI_EXAMPLES", "60"))
CHECKS = [
    schemathesis.checks.not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_headers_conformance,
    response_schema_conformance,
    negative_data_rejection,
    unsupported_method,
    ignored_auth,
]
OPERATIONS = (
    ("POST", "/predictions"),
    ("GET", "/model"),
    ("GET", "/forecast"),
    ("GET", "/health/live"),
    ("GET", "/health/ready"),
    ("GET", "/metrics"),
)


@pytest.fixture(scope="module")
def schema(tmp_path_factory: pytest.TempPathFactory) -> Any:
    home = tmp_path_factory.mktemp("openapi")
    publish_forecast(forecast_rows("b" * 16, "2018-w48", 0.25), home / "artifacts" / "forecasts")
    app = make_app(home, prediction_log_days=0)

    async def requests_only(scope: Any, receive: Any, send: Any) -> None:
        """The app without its champion's thread, which a call each would start anew."""
        if scope["type"] == "http":
            await app(scope, receive, send)
            return
        for _ in ("startup", "shutdown"):
            await send({"type": f"{(await receive())['type']}.complete"})

    return schemathesis.openapi.from_asgi("/openapi.json", requests_only)


def test_every_documented_operation_is_attacked(schema: Any) -> None:
    found = {(o.ok().method.upper(), o.ok().path) for o in schema.get_all_operations()}
    assert found == set(OPERATIONS)


def ask_what_is_known(body: Any) -> None:
    """Point good rows at a municipality and a horizon that the model knows, so that it is asked."""
    for kind in ("rows", "vectors"):
        for row in (body.get(kind) or []) if isinstance(body, dict) else []:
            row |= {"municipality_code": "05001", "horizon_weeks": 4}


KNOWN_QUERY: dict[str, dict[str, Any]] = {
    "/forecast": {"municipality_code": "05001", "horizon_weeks": 4, "origin_week": "2018-w48"}
}
NOT_WRONG, WRONG = GenerationMode.POSITIVE, GenerationMode.NEGATIVE
ATTACKS = [*((*o, NOT_WRONG) for o in OPERATIONS), ("POST", "/predictions", WRONG)]


@pytest.mark.parametrize(("method", "path", "mode"), ATTACKS)
def test_what_is_documented_is_what_happens(
    schema: Any, method: str, path: str, mode: GenerationMode
) -> None:
    operation = schema[path][method]
    statuses: list[int] = []

    @given(case=operation.as_strategy(generation_mode=mode))
    @settings(
        max_examples=EXAMPLES if path == "/predictions" else 5,
        derandomize=True,
        deadline=None,
        database=None,
        suppress_health_check=list(HealthCheck),
        phases=[Phase.explicit, Phase.generate],
    )
    def attack(case: schemathesis.Case) -> None:
        if mode is NOT_WRONG:
            ask_what_is_known(case.body)
            case.query = KNOWN_QUERY.get(path, case.query)
        answer = case.call(headers={"Authorization": f"Bearer {KEY}"})
        case.validate_response(answer, headers={"Authorization": f"Bearer {KEY}"}, checks=CHECKS)
        statuses.append(answer.status_code)

    attack()
    # a wrong header that the call itself puts right may be answered; wrong data are the checks'
    # matter
    assert (200 if mode is NOT_WRONG else 422) in statuses
