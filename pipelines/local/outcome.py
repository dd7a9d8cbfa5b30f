"""What a run led to, told on a terminal: decision, forecast, one prediction, addresses; or why not.

Belongs here: reading what runs left and saying it. Does not belong here: computing any of it.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from pipelines.config import Places
from pipelines.errors import ServiceError
from pipelines.local.question import question_for
from pipelines.local.services import Services
from pipelines.run import run_folder
from pipelines.storage import read_json

_ROWS_SHOWN = 10
_ASK_TIMEOUT_S = 60.0
_COLUMNS = {
    "municipality": "municipality",
    "target_week": "week",
    "horizon_weeks": "weeks ahead",
    "probability": "probability",
    "outbreak_expected": "outbreak expected",
    "threshold_cases": "above cases",
    "alert_rung": "made from",
}


def tell(services: Services, console: Console, weekly: str, triggered: str) -> None:
    """Decision and why of both runs, forecast table, one real prediction, where the report is."""
    places = services.layout.places
    for title, run_id in (("scheduled", weekly), ("triggered", triggered)):
        _tell_decision(console, places, title, run_id)
    rows = forecast_rows(places, triggered)
    if rows:
        _tell_forecast(console, rows)
    _tell_prediction(console, services, rows)
    console.print(
        f"\nreport    {read_json(run_folder(places, weekly) / 'report.json').get('report')}"
    )
    console.print(f"forecast  {forecast_folder(places, triggered) or 'none'}")


def failure(services: Services, run_id: str) -> ServiceError:
    """The error that says which task of a run failed, why, and what to do."""
    folder = run_folder(services.layout.places, run_id)
    logs = services.layout.airflow_home / "logs" / "dag_id=retraining" / f"run_id={run_id}"
    if not (folder / "failure.json").is_file():
        return ServiceError(f"run {run_id} failed before any step could say why", where=str(logs), fix="read the newest log there")  # fmt: skip
    said = read_json(folder / "failure.json")
    cause = f"{said['cause']} ({said['where']})" if said.get("where") else said["cause"]
    where = f"{logs / ('task_id=' + str(said['step']))}, {folder / 'failure.json'}"
    return ServiceError(f"run {run_id}: step {said['step']} failed. {cause}", where=where, fix=f"{said['fix']}; then make demo again")  # fmt: skip


def forecast_folder(places: Places, run_id: str) -> Path | None:
    """Folder of the forecast that a run published, or None if no champion forecast."""
    named = read_json(run_folder(places, run_id) / "forecast.json")["forecast"]
    return Path(str(named)) if named else None


def forecast_rows(places: Places, run_id: str) -> list[dict[str, Any]]:
    """Rows of a run's forecast, likeliest outbreaks first; empty if there is no champion."""
    from pandas import read_parquet

    folder = forecast_folder(places, run_id)
    if folder is None:
        return []
    table = read_parquet(folder / "forecast.parquet")
    table = table.sort_values(["probability", "municipality_code"], ascending=[False, True])
    return [{str(k): v for k, v in row.items()} for row in table.to_dict("records")]


def _tell_decision(console: Console, places: Places, title: str, run_id: str) -> None:
    gate = read_json(run_folder(places, run_id) / "gate.json")
    console.print(f"\n[bold]{title} run {escape(run_id)}: {gate.get('decision')}[/]")
    reasons = gate.get("reasons")
    lines = [gate.get("first_line"), *(reasons if isinstance(reasons, list) else [])]
    for line in lines:
        if line:
            console.print(f"  {escape(str(line))}")


def _tell_forecast(console: Console, rows: list[dict[str, Any]]) -> None:
    first = rows[0]
    drawn = ", synthetic scenes" if first["scene_synthetic"] else ""
    table = Table(title=f"Forecast of {first['origin_week']}: {_ROWS_SHOWN} likeliest of {len(rows)} rows{drawn}")  # fmt: skip
    for heading in _COLUMNS.values():
        table.add_column(heading)
    for row in rows[:_ROWS_SHOWN]:
        table.add_row(*(_cell(row[name]) for name in _COLUMNS))
    console.print(table)


def _cell(value: object) -> str:
    if isinstance(value, bool) or str(value) in {"True", "False"}:
        return "yes" if value else "no"
    return f"{value:.3f}" if isinstance(value, float) else escape(str(value))


def _tell_prediction(console: Console, services: Services, rows: list[dict[str, Any]]) -> None:
    """Ask the endpoint what anybody may ask; without a champion it says why it cannot answer."""
    url = services.urls["endpoint"]
    with httpx.Client(base_url=url, timeout=_ASK_TIMEOUT_S, trust_env=False) as client:
        if not rows:
            answer = client.get("/health/ready").json()
            console.print(f"the endpoint does not predict: {escape(str(answer.get('detail')))}")
            return
        question = question_for(services.layout.places, rows[0])
        key = {"Authorization": f"Bearer {services.secrets.api_key}"}
        answer = client.post("/predictions", json={"rows": [question]}, headers=key)
    if not answer.is_success:
        raise ServiceError(f"the endpoint did not predict, HTTP {answer.status_code}: {answer.text[:500]}", where=f"{url}/predictions", fix="read artifacts/local/logs/endpoint.log")  # fmt: skip
    said = answer.json()["predictions"][0]
    console.print(f"\n[bold]One prediction[/] from POST {url}/predictions (weekly cases and climate, no scene)")  # fmt: skip
    console.print(f"  {escape(str(rows[0]['municipality']))}, {said['target_week']}: probability {said['probability']:.3f}, outbreak {_cell(said['outbreak'])}, model version {said['model_version']}, trace {said['trace_id']}")  # fmt: skip
