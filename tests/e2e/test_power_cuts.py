"""kill -9 in the middle of a step, then two runs at once of which one is refused: the bundle is the
undisturbed one, byte for byte.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from support.homes import Home

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
CYCLE = ("run", "--profile", "ci", "--horizon", "4")


class _EndpointThatNeverTakesABundle(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        body = json.dumps({"bundle_id": None, "candidate_error": None}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Quiet: the test reads no log."""


@contextmanager
def _stubborn_endpoint() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), _EndpointThatNeverTakesABundle)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


def _alias_moved(home: Home) -> bool:
    from pipelines.config import DeploymentPaths
    from pipelines.errors import RegistryError
    from pipelines.registry.lookup import lookup

    try:
        return lookup("champion", DeploymentPaths(home=home.path)) is not None
    except RegistryError:
        return False


def _being_written(folder: Path) -> bool:
    """A folder under its temporary name: not yet put in place."""
    return any(p.name.startswith(".") for p in folder.glob("*")) if folder.is_dir() else False


def test_runs_killed_in_embed_train_and_deploy_end_in_the_undisturbed_bundle(
    finished: Home, new_home: Callable[[str], Home]
) -> None:
    home = new_home("disturbed")
    store = home.path / "artifacts" / "embeddings" / "store"
    home.kill_when(
        home.start(*CYCLE, "--run-id", "cut-1"),
        lambda: any(store.rglob("shard*/*.parquet")) or any(store.rglob("*.parquet")),
    )
    assert not (home.path / "artifacts" / "features").exists(), "the cut came after embedding"

    candidates = home.path / "artifacts" / "candidates"
    home.kill_when(home.start(*CYCLE, "--run-id", "cut-2"), lambda: _being_written(candidates))
    assert not (home.path / "artifacts" / "runs" / "cut-2" / "train.json").exists()

    with _stubborn_endpoint() as url:
        process = home.start(*CYCLE, "--run-id", "cut-3", DENGUARD_ENDPOINT_URL=url)
        home.kill_when(process, lambda: _alias_moved(home))
    assert not (home.path / "artifacts" / "runs" / "cut-3" / "deploy.json").exists()

    two = {run_id: home.start(*CYCLE, "--run-id", run_id) for run_id in ("last-a", "last-b")}
    outputs = {run_id: process.communicate(timeout=600)[0] for run_id, process in two.items()}
    completed, refused = sorted(two, key=lambda run_id: two[run_id].returncode)
    assert (two[completed].returncode, two[refused].returncode) == (0, 2), outputs
    assert f"run {completed} (by hand, process {two[completed].pid}" in outputs[refused]
    assert not (home.path / "artifacts" / "runs" / refused).exists()

    assert home.champion_bundle() == finished.champion_bundle()
    forecasts = {p.name for p in (home.path / "artifacts" / "forecasts").iterdir()}
    assert forecasts == {p.name for p in (finished.path / "artifacts" / "forecasts").iterdir()}
