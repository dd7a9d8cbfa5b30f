"""Real receivers of alerts on loopback: a web server whose mood can change, and a mail server."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult


class Hook:
    """A webhook receiver.

    Attributes:
        status: what it answers.
        drips: it sends a byte now and then for a minute before it answers.
        dripped: whether a caller waited for the end of that.
    """

    def __init__(self) -> None:
        self.status, self.drips, self.dripped = 200, False, False
        self.calls = list[tuple[dict[str, str], bytes]]()
        self._closed = threading.Event()
        hook = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                raw = self.rfile.read(int(self.headers["Content-Length"]))
                hook.calls.append((dict(self.headers), raw))
                if hook.drips:
                    self._drip()
                    return
                self.send_response(hook.status)
                if hook.status == 302:
                    self.send_header("Location", f"{hook.url}/elsewhere")
                self.send_header("Content-Length", "0")
                self.end_headers()

            def _drip(self) -> None:
                """A byte now and then: no single read ever times out."""
                self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
                for _ in range(600):
                    if hook._closed.wait(0.1):
                        return
                    self.wfile.write(b"a")
                hook.dripped = True

            def do_GET(self) -> None:
                """What a redirect leads to: it answers well, but nobody hears the alert there."""
                self.send_response(200)
                self.send_header("Content-Length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:
                """Quiet."""

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._server.server_port}/hook/sesame"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def alerts(self) -> list[dict[str, Any]]:
        return [json.loads(raw) for _, raw in self.calls]

    @property
    def kinds(self) -> list[str]:
        return [alert["kind"] for alert in self.alerts]

    def close(self) -> None:
        self._closed.set()
        self._server.shutdown()
        self._server.server_close()


class _Inbox:
    def __init__(self, mails: list[Any]) -> None:
        self.mails = mails

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        self.mails.append(envelope)
        return "250 OK"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def mail_server(password: str) -> Iterator[tuple[str, list[Any]]]:
    """host:port and what arrived; the user `denguard` must log in with the password."""
    mails: list[Any] = []

    def login(server: Any, session: Any, envelope: Any, mechanism: str, auth: Any) -> AuthResult:
        return AuthResult(success=auth.password == password.encode(), handled=False)

    controller = Controller(
        _Inbox(mails),
        hostname="127.0.0.1",
        port=free_port(),
        authenticator=login,
        auth_required=True,
        auth_require_tls=False,
    )
    controller.start()
    try:
        yield f"127.0.0.1:{controller.port}", mails
    finally:
        controller.stop()
