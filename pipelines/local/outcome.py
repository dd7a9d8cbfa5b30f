"""What a run led to, on a terminal: decision, forecast, one prediction, addresses; or why not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.config import DeploymentPaths
from pipelines.errors import ServiceError
from pipelines.local.question import question_for
from pipelines.local.services import Services
from pipelines.run import run_folder
from pipelines.run.outputs import ForecastOutput, GateOutput, ReportOutput
from pipelines.steps.failure import FAILURE
from pipelines.steps.history import history

_PLACES_SHOWN = 10
_ASK_TIMEOUT_S = 60.0


def tell(services: Services, console: Console, weekly: str, triggered: str) -> None:
    """Decision and why of both runs, forecast table, one real prediction, where the report is."""
    paths = services.layout.paths
    for title, run_id in (("scheduled", weekly), ("triggered", triggered)):
        _tell_decision(console, paths, title, run_id)
    rows = forecast_rows(paths, triggered)
    if rows:
        _tell_forecast(console, rows)
    _tell_prediction(console, services, rows)
    page = paths.home / ReportOutput.read(run_folder(paths, weekly)).report
    console.print(f"\nreport    {page}")
    console.print(f"forecast  {forecast_folder(paths, triggered) or 'none'}")


def failure(services: Services, run_id: str) -> ServiceError:
    """The error that says which task of a run failed, why, and what to do."""
    paths = services.layout.paths
    folder = run_folder(paths, run_id)
    logs = services.layout.airflow_home / "logs" / "dag_id=retraining" / f"run_id={run_id}"
    failure = history(paths, run_id).failure
    if failure is None:
        return ServiceError(
            f"run {run_id} failed before any step could say why",
            where=str(logs),
            fix="read the newest log there",
        )
    cause = f"{failure.cause} ({failure.where})" if failure.where else failure.cause
    return ServiceError(
        f"run {run_id}: step {failure.step} failed. {cause}",
        where=f"{folder / FAILURE}; logs below {logs}",
        fix=f"{failure.fix}; then make demo again",
    )


def forecast_folder(paths: DeploymentPaths, run_id: str) -> Path | None:
    """Folder of the forecast that a run published, or None if no champion forecast."""
    named = ForecastOutput.read(run_folder(paths, run_id)).forecast
    return paths.home / named if named else None


def forecast_rows(paths: DeploymentPaths, run_id: str) -> list[dict[str, Any]]:
    """Rows of a run's forecast that have a probability, likeliest outbreaks first; empty if there
    is no champion."""
    from pandas import read_parquet

    folder = forecast_folder(paths, run_id)
    if folder is None:
        return []
    table = read_parquet(folder / "forecast.parquet").dropna(subset=["probability"])
    table = table.sort_values(["probability", "municipality_code"], ascending=[False, True])
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _tell_decision(console: Console, paths: DeploymentPaths, title: str, run_id: str) -> None:
    gate = GateOutput.read(run_folder(paths, run_id))
    console.print(f"\n[bold]{title} run {escape(run_id)}: {gate.decision}[/]")
    for line in (gate.first_line, *gate.reasons):
        console.print(f"  {escape(line)}")


def _tell_forecast(console: Console, rows: list[dict[str, Any]]) -> None:
    """Municipalities with their probability at each horizon, likeliest outbreaks first."""
    weeks = {row["horizon_weeks"]: row["target_week"] for row in rows}
    by_place: dict[str, dict[int, dict[str, Any]]] = {}
    for row in rows:
        by_place.setdefault(str(row["municipality_code"]), {})[row["horizon_weeks"]] = row
    drawn = "; scenes are synthetic" if any(row["scene_synthetic"] for row in rows) else ""
    table = Table(
        title=(
            f"Forecast of {rows[0]['origin_week']}: probability of an outbreak week, "
            f"{_PLACES_SHOWN} likeliest of {len(by_place)} municipalities{drawn}"
        )
    )
    ahead = [f"{weeks[h][5:]} +{h}" for h in sorted(weeks)]
    for heading in ("municipality", "cases >", *ahead):
        table.add_column(heading, no_wrap=True)
    for found in list(by_place.values())[:_PLACES_SHOWN]:
        first = next(iter(found.values()))
        cells = [_share(found[h]["probability"]) if h in found else "" for h in sorted(weeks)]
        table.add_row(
            escape(str(first["municipality"]))[:24], f"{first['threshold_cases']:g}", *cells
        )
    console.print(table)


def _share(probability: float) -> str:
    """Three decimals, but never a certainty that no model has."""
    return ">0.999" if probability > 0.9995 else f"{max(probability, 0.001):.3f}"


def _tell_prediction(console: Console, services: Services, rows: list[dict[str, Any]]) -> None:
    """Ask the endpoint what anybody may ask; without a champion it says why it cannot answer."""
    url = services.urls["endpoint"]
    with httpx.Client(base_url=url, timeout=_ASK_TIMEOUT_S, trust_env=False) as client:
        if not rows:
            answer = client.get("/health/ready").json()
            console.print(f"the endpoint does not predict: {escape(str(answer.get('detail')))}")
            return
        row = min(rows, key=lambda known: abs(known["probability"] - 0.5))  # the least obvious one
        question = question_for(services.layout.paths, row)
        key = {"Authorization": f"Bearer {services.secrets.api_key}"}
        answer = client.post("/predictions", json={"rows": [question]}, headers=key)
    if not answer.is_success:
        raise ServiceError(
            f"the endpoint did not predict, HTTP {answer.status_code}: {answer.text[:500]}",
            where=f"{url}/predictions",
            fix="read artifacts/local/logs/endpoint.log",
        )
    prediction = answer.json()["predictions"][0]
    console.print(
        f"\n[bold]One prediction[/] from POST {url}/predictions (weekly cases and climate, no "
        "scene)"
    )
    outbreak = "an outbreak week" if prediction["outbreak"] else "no outbreak week"
    console.print(
        f"  {escape(str(row['municipality']))}, {prediction['target_week']}: probability "
        f"{_share(prediction['probability'])}, {outbreak}; the forecast says "
        f"{_share(row['probability'])}"
    )
    console.print(
        f"  model version {prediction['model_version']}, trace id {prediction['trace_id']}"
    )
