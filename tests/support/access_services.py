"""Airflow's and MLflow's users over HTTP, as their real APIs answer.

For the default tests: the extra `production` is not installed everywhere, and with it
tests/access/test_real_services.py asks the real ones. Passwords are kept so that a test can ask
which one holds.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, unquote, urlsplit

ADMIN = "the-password-of-admin"
Body = dict[str, object]


@dataclass
class Users:
    """Name -> password, and what the service keeps beside it."""

    passwords: dict[str, str] = field(default_factory=lambda: {"admin": ADMIN})
    roles: dict[str, str] = field(default_factory=lambda: {"admin": "Admin"})
    away: bool = False


class _Handler(BaseHTTPRequestHandler):
    users: Users
    protocol_version = "HTTP/1.1"

    def _any(self) -> None:
        size = int(self.headers.get("Content-Length") or 0)
        body: Body = json.loads(self.rfile.read(size)) if size else {}
        status, answer = self.answer(urlsplit(self.path).path, body)
        raw = b"" if answer is None else json.dumps(answer).encode()
        self.send_response(503 if self.users.away else status)
        self.send_header("Content-Length", str(len(raw)))
        self.end_headers()
        self.wfile.write(raw)

    do_GET = do_POST = do_PATCH = do_DELETE = _any

    def answer(self, path: str, body: Body) -> tuple[int, object]:
        raise NotImplementedError

    def log_message(self, format: str, *args: object) -> None:
        """Quiet."""


class _Airflow(_Handler):
    def answer(self, path: str, body: Body) -> tuple[int, object]:
        users = self.users
        if path == "/auth/token":
            right = users.passwords.get(str(body["username"])) == body["password"]
            return (
                (201, {"access_token": "t"}) if right else (401, {"detail": "Invalid credentials"})
            )
        if self.headers.get("Authorization") != "Bearer t":
            return 401, {"detail": "Not authenticated"}
        if path == "/auth/fab/v1/users" and self.command == "GET":
            return 200, self._page()
        name = str(body["username"]) if self.command == "POST" else unquote(path.rpartition("/")[2])
        if self.command != "POST" and name not in users.passwords:
            return 404, {"detail": "not found"}
        if self.command == "DELETE":
            users.passwords.pop(name), users.roles.pop(name)
            return 204, None
        if "password" in body:
            users.passwords[name] = str(body["password"])
        if isinstance(roles := body.get("roles"), list):
            users.roles[name] = roles[0]["name"]
        return 200, {"username": name}

    def _page(self) -> object:
        asked = parse_qs(urlsplit(self.path).query)
        start, count = int(asked["offset"][0]), min(int(asked["limit"][0]), 2)
        named = sorted(self.users.roles.items())
        found = [{"username": n, "roles": [{"name": r}]} for n, r in named[start : start + count]]
        return {"users": found, "total_entries": len(named)}


class _Mlflow(_Handler):
    def answer(self, path: str, body: Body) -> tuple[int, object]:
        users, what = self.users, path.rpartition("/")[2]
        asked = parse_qs(urlsplit(self.path).query).get("username", [""])[0]
        name = str(body.get("username") or asked)
        if what == "list":
            named = users.passwords
            kinds = [{"username": n, "is_admin": users.roles.get(n) == "admin"} for n in named]
            return 200, {"users": kinds}
        if what != "create" and name not in users.passwords:
            return 404, {"error_code": "RESOURCE_DOES_NOT_EXIST"}
        if what == "update-password" and name == "admin" and "current_password" not in body:
            return 400, {"error_code": "INVALID_PARAMETER_VALUE"}
        if what in ("create", "update-password"):
            users.passwords[name] = str(body["password"])
        elif what == "update-admin":
            users.roles[name] = "admin" if body["is_admin"] else "reads"
        elif what == "delete":
            users.passwords.pop(name)
        return 200, {"user": {"username": name}}


@contextmanager
def service(kind: str) -> Iterator[tuple[str, Users]]:
    """Address and users of a stand-in: kind is airflow or mlflow."""
    users = Users()
    handler = type("Bound", (_Airflow if kind == "airflow" else _Mlflow,), {"users": users})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", users
    finally:
        server.shutdown()
        server.server_close()
