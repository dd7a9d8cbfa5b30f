"""What the watch looks at: an Airflow and a Prometheus on loopback, a certificate, backups, and a
home in which every figure has a value."""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TypeVar

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from pipelines.errors import StoreError
from pipelines.storage import write_json
from support.run_folders import fail, move, walk

Server = TypeVar("Server", bound="Answerer")
USER, PASSWORD = "watch", "sesame-of-the-watch"


@dataclass
class Answerer:
    """A server on loopback that answers JSON by path, and counts what it was asked.

    Attributes:
        answers: path without its query -> status and body.
        asked: method, path with query, and Authorization of each request.
    """

    answers: dict[str, tuple[int, object]] = field(default_factory=dict)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    location: str = ""
    url: str = ""

    def reply(self, method: str, path: str, key: str) -> tuple[int, object]:
        self.asked.append((method, path, key))
        return self.answers.get(path.partition("?")[0], (404, {}))


class Airflow(Answerer):
    """Airflow's API as far as the watch asks it, with the answers' shapes of version 3.3.

    Attributes:
        token: that is good now.
        queued: queue and moment of each task that waits.
    """

    token = "t1"

    def __init__(self) -> None:
        super().__init__()
        self.logins, self.queued = 0, list[tuple[str, datetime]]()
        self.heartbeat = datetime.now(UTC)

    def reply(self, method: str, path: str, key: str) -> tuple[int, object]:
        self.asked.append((method, path, key))
        match path.partition("?")[0]:
            case "/api/v2/monitor/health":
                return 200, self._health()
            case "/auth/token":
                self.logins += 1
                return 201, {"access_token": self.token}
            case "/api/v2/dags/~/dagRuns/~/taskInstances" if key == f"Bearer {self.token}":
                return 200, {"task_instances": [_task(*one) for one in self.queued]}
        return 401, {"detail": "Invalid JWT token"}

    def _health(self) -> object:
        last = self.heartbeat.isoformat()
        return {
            "metadatabase": {"status": "healthy"},
            "scheduler": {"status": "healthy", "latest_scheduler_heartbeat": last},
            "triggerer": {"status": None, "latest_triggerer_heartbeat": None},
            "dag_processor": {"status": "healthy", "latest_dag_processor_heartbeat": last},
        }


def _task(queue: str, since: datetime) -> object:
    return {"queue": queue, "queued_when": since.isoformat(), "run_after": since.isoformat()}


@contextmanager
def answering(server: Server) -> Iterator[Server]:
    """It listens while this holds."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            key = self.headers.get("Authorization", "")
            status, body = server.reply(self.command, self.path, key)
            raw = json.dumps(body).encode()
            self.send_response(status)
            if 300 <= status < 400:
                self.send_header("Location", server.location)
            self.send_header("Content-Length", str(len(raw)))
            self.end_headers()
            self.wfile.write(raw)

        def do_POST(self) -> None:
            sent = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            assert sent == {"username": USER, "password": PASSWORD}
            self.do_GET()

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    listening = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    listening.daemon_threads = True
    threading.Thread(target=listening.serve_forever, daemon=True).start()
    server.url = f"http://127.0.0.1:{listening.server_port}"
    try:
        yield server
    finally:
        listening.shutdown()
        listening.server_close()


def certificate(path: Path, *ends: datetime) -> Path:
    """A PEM file with a certificate that signs itself for each end."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "denguard.example")])
    pems = []
    for end in ends:
        made = (
            x509.CertificateBuilder()
            .subject_name(name)
            .issuer_name(name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(end - timedelta(days=90))
            .not_valid_after(end)
        )
        pems.append(made.sign(key, hashes.SHA256()).public_bytes(Encoding.PEM))
    path.write_bytes(b"".join(pems))
    return path


def backup(folder: Path, name: str) -> Path:
    """The record of a backup, as far as its name tells."""
    path = folder / "backups" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"{}")
    return path


def held(home: Path, drop: str, direction: str = "high") -> None:
    """A cause of a drop that waits for an answer."""
    cause = {
        "cause_id": "1a2b3c4d",
        "drop": drop,
        "rule": "jumped",
        "outcome": "hold",
        "direction": direction,
        "message": "a count jumped",
        "fix": "ask",
        "answer": "",
        "units": 1,
        "cells": 1,
        "waiting": 1,
        "span": "2026-w46",
    }
    write_json(home / "artifacts" / "held" / "causes.json", {"causes": [cause], "judged_by": ""})


def eventful(home: Path, now: datetime) -> Mapping[str, str]:
    """A home in which every figure of its files has a value; settings for what lies beside it."""
    walk(home, "weekly", at=now - timedelta(days=2))
    fail(
        walk(home, "next", "ingest", now - timedelta(hours=2)),
        "validate",
        StoreError("a shard is damaged", fix="run it again"),
    )
    move(home, "promote", None, "7")
    held(home, "2026-11-20")
    pem = certificate(home / "proxy.pem", now + timedelta(days=40))
    backup(home / "vault", "2026-11-22T060000Z.json")
    return {
        "DENGUARD_WATCH_CERTIFICATE": os.fspath(pem),
        "DENGUARD_BACKUP_INTO": os.fspath(home / "vault"),
    }
