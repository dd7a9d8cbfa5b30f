"""kill -9 at each write of a fallback forecast: made again it is the same version, said once."""

from __future__ import annotations

import importlib
import os
import shutil
import signal
from collections.abc import Callable
from typing import Any

import pytest
from support.homes import Home
from support.registries import closed_port
from support.tabular import paths, stopped

import pipelines.evaluate.bulletin_page
import pipelines.inference.forecast
import pipelines.steps.bulletin
import pipelines.steps.last_accepted
import pipelines.versioning
from pipelines import steps
from pipelines.registry import retries
from pipelines.run.events import read_events
from pipelines.storage import folder_id, manifest_of

MODULE = importlib.import_module("pipelines.steps.fallback")
# where the process ends: at the start of this call, before it has done anything
WRITES: dict[str, tuple[Any, str]] = {
    "the bundle's copy": (pipelines.steps.last_accepted, "_as_fetched"),
    "a file of the forecast": (pipelines.inference.forecast, "write_atomic"),
    "the page": (pipelines.evaluate.bulletin_page, "write_atomic"),
    "the version": (pipelines.versioning, "add_versions"),
    "the run's record": (MODULE, "write_json"),
    "the event": (MODULE, "append_event"),
}
LAST = "the event"  # the shortest way through all of them; the others take as long each


def _die(*_: object, **__: object) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def _killed_at(module: Any, name: str) -> None:
    """Make the fallback in a child that is killed when it calls the function."""
    child = os.fork()
    if child == 0:
        setattr(module, name, _die)
        steps.fallback(run_id="second")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == signal.SIGKILL


@pytest.mark.parametrize(
    "write", [*(pytest.param(w, marks=pytest.mark.slow) for w in WRITES if w != LAST), LAST]
)
def test_a_fallback_killed_at_a_write_is_made_whole_by_the_next_try(
    write: str, copied_tabular: Callable[[], Home], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retries, "PAUSES_S", ())
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_MAX_RETRIES", "0")
    home = copied_tabular()
    stopped(home)
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"http://127.0.0.1:{closed_port()}")
    if write == "the bundle's copy":
        shutil.rmtree(home.path / "artifacts" / "bundles")
    before = {p.name for p in (home.path / "artifacts" / "forecasts").glob("[!.]*")}

    _killed_at(*WRITES[write])
    made = steps.fallback(run_id="second")

    after = {p.name for p in (home.path / "artifacts" / "forecasts").glob("[!.]*")}
    (event,) = read_events(paths(home), "fallback-forecast")
    assert after == before | {str(event["forecast_version"])}
    folder = home.path / "artifacts" / "forecasts" / str(event["forecast_version"])
    assert folder.name.endswith(folder_id(manifest_of(folder)))
    assert (
        made.forecast_version
        == event["forecast_version"]
        == home.output("second", "fallback")["forecast_version"]
    )
