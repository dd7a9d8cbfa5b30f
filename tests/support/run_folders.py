"""Runs as they lie in a home, written in the formats that the steps write."""

from __future__ import annotations

import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.registry import audit
from pipelines.run.events import append_event
from pipelines.run.success import record_success
from pipelines.steps import outcome, summary
from pipelines.storage import write_json
from support.outputs import stored

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
DECISION = {
    "decision": "promote",
    "first_line": "The linear head serves.",
    "reasons": ["fresher data"],
}
_SHARD = {**stored("embed_000"), "embedded": 1}
OUTPUTS: dict[str, dict[str, Any]] = {
    "ingest": {"drops": [{"received_date": "2026-11-20", "sha256": "x"}]},
    "validate": {**stored("validate"), "issues": {"info": 1}, "quarantined": 0},
    "snapshot": {**stored("snapshot"), "as_of_week": "2026-w46", "dataset_version": "d"},
    "plan_embedding": {
        **stored("plan_embedding"),
        "shards": [0, 1],
        "counts": {"image": {"missing": 1, "distinct": 2}},
    },
    "embed_000": _SHARD,
    "embed_001": _SHARD,
    "features": {**stored("features"), "feature_version": "f", "as_of_week": "2026-w46"},
    "train": {"candidates": {}},
    **{f"backtest_{year}": {**stored("backtest_2018"), "year": year} for year in range(2015, 2019)},
    "evaluate": {**stored("evaluate"), "predictions": [], "metrics": "m"},
    "gate": {**stored("gate"), **DECISION},
    "register": {**stored("register"), "version": "1"},
    "deploy": {"deployed": True, "error": None, "version": "1"},
    "forecast": {"forecast": "artifacts/forecasts/v", "forecast_version": "v", "note": "v"},
    "report": {"report": "artifacts/reports/r/report.html", "first_line": "ok"},
}


def walk(home: Path, run_id: str, until: str = "report", at: datetime = NOW) -> Path:
    """A run that got as far as `until`; a finished one is the newest success."""
    paths = DeploymentPaths(home=home)
    folder = home / "artifacts" / "runs" / run_id
    for number, (step, output) in enumerate(
        {"run": {"profile": "ci", "as_of": None, "horizons": [4]}, **OUTPUTS}.items()
    ):
        stamp = at + timedelta(seconds=number)
        path = write_json(folder / f"{step}.json", output)
        os.utime(path, (stamp.timestamp(), stamp.timestamp()))
        part = {"run": "start"}.get(step, step.replace("embed_0", "embed_shard_0"))
        read = summary.read(re.sub(r"_\d+$", "", part), output)
        append_event(paths, "step-started", {"step": part}, run_id, stamp)
        facts = {"step": part, **summary.end_facts(run_id, read)}
        append_event(paths, "step-done", facts, run_id, stamp)
        if step == until:
            break
    if until == "report":
        record_success(paths, run_id, "2026-w46", "2026-w46-v", at)
    return folder


def fail(folder: Path, step: str, error: Exception) -> None:
    """A step of a run fails, now."""
    outcome.fail(DeploymentPaths(home=folder.parents[2]), folder.name, step, error)


def mend(folder: Path, step: str) -> None:
    """A step of a run that failed is done, now."""
    outcome.finish(DeploymentPaths(home=folder.parents[2]), folder.name, step, None)


def move(home: Path, action: Any, before: str | None, after: str | None) -> None:
    audit.append(
        DeploymentPaths(home=home),
        action=action,
        model_name="denguard",
        from_version=before,
        to_version=after,
        bundle_id="b",
        run_id=None,
        by="weekly cycle",
        reason="fresher data",
    )
