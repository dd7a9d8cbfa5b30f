"""An MLflow with users refuses a model that it does not know; to us there is no champion then."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from pipelines.config import DeploymentPaths
from pipelines.errors import RegistryError
from pipelines.registry.lookup import find_version, lookup


@contextmanager
def refusing(models: list[str]) -> Iterator[str]:
    """As MLflow's basic-auth answers who may read: 403 for the model, and what may be seen."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            searched = "/registered-models/search" in self.path
            seen = {"registered_models": [{"name": name} for name in models]} if models else {}
            body = json.dumps(seen).encode() if searched else b"Permission denied"
            self.send_response(200 if searched else 403)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def test_a_model_that_nobody_registered_yet_has_no_champion(
    nowhere: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing([]) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        assert lookup("champion", nowhere) is None
        assert find_version(3, nowhere) is None


def test_a_model_that_is_somebody_elses_is_an_error(
    nowhere: DeploymentPaths, monkeypatch: pytest.MonkeyPatch
) -> None:
    with refusing(["denguard"]) as address:
        monkeypatch.setenv("MLFLOW_TRACKING_URI", address)
        with pytest.raises(RegistryError, match="Permission denied"):
            lookup("champion", nowhere)
