"""A run as its pages show it, read from the files that its steps left.

Belongs here: reading artifacts/runs/<run>. Does not belong here: HTML, and any judgement.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pipelines.config import Places
from pipelines.progress import spell
from pipelines.run import run_folder
from pipelines.steps import failure, outcome

SHOWN = 50  # runs on the first page: a year of bulletins
ROAD = ("start", "ingest", "validate", "snapshot", "plan_embedding", "embed_shard", "features", "train", "backtest", "evaluate", "gate", "register", "deploy", "forecast", "report")  # fmt: skip
_MAPPED = ("embed_shard", "backtest")
# Where a part's output is, if not in <part>.json.
_FILES = {"start": "run", "embed_shard": "embed"}


@dataclass(frozen=True)
class StepPage:
    """One part of the road.

    Attributes:
        state: done, failed, under way, or not yet.
        documents: title -> path relative to home, of those that are there.
    """

    part: str
    state: str
    said: str = ""
    progress: str = ""
    documents: dict[str, str] = field(default_factory=dict)
    failure: dict[str, Any] | None = None
    issues: list[dict[str, Any]] = field(default_factory=list)
    reasons: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class RunPage:
    """A run: parameters, steps in the order of the road, and the failure that stands, if any."""

    run_id: str
    params: dict[str, Any]
    steps: list[StepPage]
    failure: dict[str, Any] | None

    @property
    def state(self) -> str:
        """failed, finished or under way."""
        if self.failure:
            return "failed"
        return "finished" if self.steps[-1].state == "done" else "under way"

    @property
    def documents(self) -> dict[str, str]:
        """Documents of all steps, the report first."""
        return {title: path for step in reversed(self.steps) for title, path in step.documents.items()}  # fmt: skip

    @property
    def line(self) -> str:
        """The run in a sentence: cause of failure, the gate's first line, or how far it is."""
        if self.failure:
            return str(self.failure.get("cause", ""))
        gate = next(step for step in self.steps if step.part == "gate")
        done = sum(step.state == "done" for step in self.steps)
        return gate.said or f"{done} of {len(self.steps)} steps done"


def newest(where: Places) -> list[RunPage]:
    """The newest runs first."""
    root = where.artifacts / "runs"
    folders = sorted((p for p in root.glob("*") if p.is_dir()), key=lambda p: (p.stat().st_mtime, p.name), reverse=True)  # fmt: skip
    return [found for p in folders[:SHOWN] if (found := read(where, p.name)) is not None]


def read(where: Places, run_id: str) -> RunPage | None:
    """A run, or None if it left nothing. Raises ConfigError if it cannot be a run's name."""
    folder = run_folder(where, run_id)
    if not folder.is_dir():
        return None
    steps = [_step(where, folder, part) for part in _parts(folder)]
    return RunPage(run_id, _json(folder / "run.json") or {}, steps, _json(folder / failure.FAILURE))


def _parts(folder: Path) -> list[str]:
    """The road with shards and years by name, as far as they are known."""
    places_of = (folder, folder / "progress", folder / failure.FAILURES)
    names = {path.stem for place in places_of for path in place.glob("*.json")}
    shards = (_json(folder / "plan_embedding.json") or {}).get("shards", [])
    names |= {failure.part_name("embed_shard", shard) for shard in shards}
    found: list[str] = []
    for step in ROAD:
        mapped = sorted(n for n in names if n.startswith(f"{step}_") and n.removeprefix(f"{step}_").isdigit())  # fmt: skip
        found += mapped if step in _MAPPED and mapped else [step]
    return found


def _step(where: Places, folder: Path, part: str) -> StepPage:
    step = next(s for s in sorted(ROAD, key=len, reverse=True) if part == s or part.startswith(f"{s}_"))  # fmt: skip
    output = _json(folder / f"{part.replace(step, _FILES.get(step, step), 1)}.json")
    failed, progress = failure.standing(folder, part), _json(folder / "progress" / f"{part}.json")
    counted = _counted(progress) if progress else ""
    if failed is not None:
        return StepPage(part, "failed", failed.get("cause", ""), counted, failure=failed, issues=_issues(folder, step))  # fmt: skip
    if output is None:
        return StepPage(part, "under way" if progress else "not yet", progress=counted)
    named = outcome.documents(step, folder.name, output)
    there = {title: path for title, path in named.items() if (where.home / path).is_file()}
    reasons = [str(r) for r in output.get("reasons", [])] if step == "gate" else []
    return StepPage(part, "done", outcome.said(step, output), counted, there, None, _issues(folder, step), reasons)  # fmt: skip


def _issues(folder: Path, step: str) -> list[dict[str, Any]]:
    path = folder / "validation" / "issues.json"
    if step != "validate" or not path.is_file():
        return []
    found: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    order = {"critical": 0, "error": 1, "warning": 2}
    return sorted(found, key=lambda issue: order.get(str(issue.get("level")), 3))


def _counted(progress: dict[str, Any]) -> str:
    done, total = int(progress.get("done", 0)), int(progress.get("total", 0))
    eta = spell(float(progress.get("eta_s", 0)))
    left = f", {total - done} left, ETA {eta}" if done < total else ""
    return f"{progress.get('label')}: {done}/{total}{left}"


def _json(path: Path) -> dict[str, Any] | None:
    """A small file, or None if it is absent or not to be read: a page shows what is there."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
