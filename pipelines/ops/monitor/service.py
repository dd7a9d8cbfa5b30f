"""The watch as a service: rounds until it is told to stop, and its figures and health over HTTP."""

from __future__ import annotations

import logging
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

from prometheus_client import CONTENT_TYPE_LATEST, generate_latest

from pipelines.errors import ConfigError
from pipelines.ops.monitor.rounds import Rounds

log = logging.getLogger(__name__)
_CALL_TIMEOUT_S = 10.0
_PLAIN = "text/plain; charset=utf-8"


def serve_rounds(rounds: Rounds, say: Callable[[str], None], host: str, port: int | None) -> None:
    """Rounds until SIGTERM or SIGINT; a round that is under way is finished first.

    Args:
        say: takes each round's line.
        port: None = no figures over HTTP; 0 = any that is free.

    Raises:
        ConfigError: the port is taken.
    """
    stop = threading.Event()
    with _told_to_stop(stop), _served(rounds, host, port) as bound:
        if bound:
            log.info("figures on http://%s:%d/metrics", host, bound)
        while not stop.is_set():
            _one(rounds, say)
            stop.wait(rounds.every_s)
    log.info("told to stop: the watch ends")


def _one(rounds: Rounds, say: Callable[[str], None]) -> None:
    try:
        say(rounds.round())
    except Exception as err:  # noqa: BLE001 whatever a round meets, the next one looks again
        rounds.figures.rounds.labels("failed").inc()
        log.error("a round failed: %s: %s", type(err).__name__, err)
        return
    rounds.figures.rounds.labels("done").inc()


@contextmanager
def _told_to_stop(stop: threading.Event) -> Iterator[None]:
    signals = (signal.SIGTERM, signal.SIGINT)
    before = [signal.signal(one, lambda *_: stop.set()) for one in signals]
    try:
        yield
    finally:
        for one, handler in zip(signals, before, strict=True):
            signal.signal(one, handler)


@contextmanager
def _served(rounds: Rounds, host: str, port: int | None) -> Iterator[int]:
    """The port that answers, 0 for none."""
    if port is None:
        yield 0
        return
    try:
        server = ThreadingHTTPServer((host, port), _handler(rounds))
    except OSError as err:
        raise ConfigError(
            f"the watch cannot listen on {host}:{port}: {err.strerror}",
            fix="give a port that is free with --metrics-port",
        ) from err
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, name="figures", daemon=True).start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        server.server_close()


def _handler(rounds: Rounds) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        """GET /metrics for Prometheus, GET /healthz for compose; neither holds a secret."""

        timeout = _CALL_TIMEOUT_S

        def do_GET(self) -> None:
            if self.path == "/metrics":
                self._answer(200, CONTENT_TYPE_LATEST, generate_latest(rounds.figures.registry))
            elif self.path == "/healthz" and rounds.healthy():
                self._answer(200, _PLAIN, b"ok\n")
            elif self.path == "/healthz":
                self._answer(503, _PLAIN, b"no round finished within the time of three\n")
            else:
                self._answer(404, _PLAIN, b"/metrics or /healthz\n")

        def _answer(self, status: int, kind: str, body: bytes) -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: object) -> None:
            """A scrape every half minute is no news."""

    return Handler
