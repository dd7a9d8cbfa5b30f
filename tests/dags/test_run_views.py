"""One run, as terminal, JSON, pages, alerts and Airflow's note show it at each stage: the same
words as views/run.json has, which a version wrote that read them from files of the steps.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from fastapi.testclient import TestClient
from support.acted import act, act_all, begin
from typer.testing import CliRunner

from dags import _run_note
from dags.pages import app as pages
from pipelines.cli import app as command
from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError, ValidationStopped
from pipelines.ops.alerts import send_alerts
from pipelines.run.lock import by_airflow, hold, release

RUN = "weekly"
STORED = Path(__file__).parent / "views" / "run.json"
# What differs from one time or machine to the next: clocks, the home, a process, a disk.
_VARIES = (
    (re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(\+00:00|Z)?"), "AT"),
    (re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d"), "AT"),
    (re.compile(r"process \d+"), "process N"),
    (re.compile(r'"pid": \d+'), '"pid": 0'),
    (re.compile(r"ETA [\d.]+ (s|min|h)"), "ETA T"),
    (re.compile(r'"eta_s": [\d.]+'), '"eta_s": 0'),
    (re.compile(r"finished \d+ s ago"), "finished T ago"),
    (re.compile(r"<!doctype.*?<main>", re.DOTALL), ""),
    (re.compile(r"disk .*"), ""),
)
SHARDS = {"shards": [0, 1], "titles": ["a", "b"], "work_files": ["w0", "w1"]}


def plain(text: str, home: Path) -> str:
    """Its words; where a line ends depends on how long the home's path is, so the path goes first,
    broken over lines or not."""
    text = re.sub(r"\s*".join(map(re.escape, str(home))), "HOME", text)
    text = " ".join(text.split())
    for pattern, instead in _VARIES:
        text = pattern.sub(instead, text)
    return text


def unspaced(words: Any) -> Any:
    return re.sub(r"\s+", "", words) if isinstance(words, str) else words


@pytest.fixture
def browser(home: Path) -> Iterator[TestClient]:
    app = pages.create_pages()
    app.dependency_overrides |= {pages.may_see: lambda: None, pages.may_see_line: lambda: None}
    with TestClient(app, follow_redirects=False) as client:
        yield client


@pytest.fixture
def look(home: Path, browser: TestClient) -> Callable[[], dict[str, Any]]:
    """Every view of the run, at this moment."""

    def now() -> dict[str, Any]:
        terminal = CliRunner().invoke(command, ["status", RUN])
        machine = CliRunner().invoke(command, ["status", RUN, "--json"])
        note = SimpleNamespace(dag_id="retraining", run_id=RUN, note=None)
        _run_note.on_dag_run_failed(note, "failed")
        alerts = send_alerts(DeploymentPaths(home=home))
        views = {
            "exit": terminal.exit_code,
            "terminal": terminal.stdout,
            "json": json.dumps(json.loads(machine.stdout)["run"], sort_keys=True),
            "note": note.note,
            "alerts": json.dumps([{k: a[k] for k in sorted(a) if k != "id"} for a in alerts]),
            **{
                path: browser.get(path).text
                for path in (
                    "/",
                    f"/runs/{RUN}",
                    *(f"/runs/{RUN}/{part}" for part in ("validate", "embed_shard_001")),
                )
            },
        }
        return {
            name: plain(value, home) if isinstance(value, str) else value
            for name, value in views.items()
        }

    return now


def turns(look: Callable[[], dict[str, Any]], home: Path) -> dict[str, dict[str, Any]]:
    """A run by hand that stops at its data, goes on by Airflow with trouble, and ends."""
    paths, seen = DeploymentPaths(home=home), {}
    full = StoreError("no room is left", fix="make room")
    stop = ValidationStopped("a column is missing", where="cases.csv row 1", fix="deliver it")
    with hold(paths, RUN):
        begin(RUN)
        act_all(RUN, "ingest")
        with pytest.raises(ValidationStopped):
            act(RUN, "validate", error=stop)
    seen["stopped by its data"] = look()
    with by_airflow():
        act_all(RUN, "validate", "snapshot")
        seen["between two steps"] = look()
        act(RUN, "plan_embedding", **SHARDS)
        act(RUN, "embed_shard", 0, counted=(4, 4))
        with pytest.raises(StoreError):
            act(
                RUN,
                "embed_shard",
                1,
                counted=(3, 10),
                error=full,
            )
        seen["a shard failed, it may be tried again"] = look()
    release(paths, RUN)
    seen["a shard failed for good"] = look()
    with by_airflow():
        act(RUN, "embed_shard", 1)
        act_all(RUN, "features", "train", "backtest", "evaluate", "gate")
    release(paths, RUN)
    seen["nobody goes on with it"] = look()
    with hold(paths, RUN):
        act_all(RUN, "register", "deploy", "forecast", "report")
    seen["finished"] = look()
    with hold(paths, RUN):
        act(RUN, "evaluate", counted=(3, 9), meanwhile=lambda: seen.update({"at work": look()}))
        seen["a step was done again"] = look()
    return seen


def test_a_run_is_shown_in_the_same_words_as_before(
    look: Callable[[], dict[str, Any]], home: Path
) -> None:
    seen = turns(look, home)
    expected = json.loads(STORED.read_text(encoding="utf-8"))
    for turn, views in expected.items():
        for reader, words in views.items():
            assert unspaced(seen[turn][reader]) == unspaced(words), f"{reader}: {turn}"
    assert list(seen) == list(expected)
