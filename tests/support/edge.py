"""A real nginx by deploy/proxy/start.sh on loopback, replicas behind it, and their name server."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import httpx

ROOT = Path(__file__).resolve().parents[2]
_ANSWERED_S = 150.0


def nginx() -> str | None:
    """The nginx of this machine: DENGUARD_NGINX, else the installed one; None if there is none."""
    return os.environ.get("DENGUARD_NGINX") or shutil.which(
        "nginx", path=f"{os.environ['PATH']}:/usr/sbin"
    )


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        return int(probe.getsockname()[1])


class NameServer:
    """Answers every A question with `addresses`, over UDP, as Docker's does with a service's.

    Attributes:
        addresses: of the replicas; may be changed while it runs.
    """

    def __init__(self, addresses: list[str]) -> None:
        self.addresses = addresses
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self.port = int(self._socket.getsockname()[1])
        threading.Thread(target=self._serve, daemon=True).start()

    def close(self) -> None:
        """Stop answering."""
        self._socket.close()

    def _serve(self) -> None:
        with suppress(OSError):
            while True:
                asked, who = self._socket.recvfrom(512)
                self._socket.sendto(self._answer(asked), who)

    def _answer(self, asked: bytes) -> bytes:
        question = asked[12 : asked.index(0, 12) + 5]
        count = len(self.addresses).to_bytes(2, "big")
        head = asked[:2] + b"\x81\x80" + b"\x00\x01" + count + b"\x00" * 4
        records = [
            b"\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x01\x00\x04" + socket.inet_aton(one)
            for one in self.addresses
        ]
        return head + question + b"".join(records)


@dataclass
class Replica:
    """One process behind the proxy, on an address of its own."""

    host: str
    port: int
    gate: Path
    process: subprocess.Popen[bytes] | None = None

    def start(self) -> Replica:
        """Start it and wait until it listens."""
        environment = {
            **os.environ,
            "PYTHONPATH": f"{ROOT}:{ROOT / 'tests'}",
            "EDGE_NAME": self.host,
            "EDGE_GATE": str(self.gate),
        }
        self.process = subprocess.Popen(
            [
                sys.executable,
                "-m",
                "uvicorn",
                "--factory",
                "support.edge_upstream:create_app",
                "--ws",
                "none",
                "--log-level",
                "error",
                "--host",
                self.host,
                "--port",
                str(self.port),
            ],
            env=environment,
        )
        try:
            wait_for_port(self.host, self.port)
        except TimeoutError:
            self.kill()
            raise
        return self

    def kill(self) -> None:
        """As a power cut does."""
        if self.process is not None:
            self.process.send_signal(signal.SIGKILL)
            self.process.wait()


def wait_for_port(host: str, port: int) -> None:
    """Until something listens there."""
    end = time.monotonic() + _ANSWERED_S
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection((host, port), 1):
            return
        time.sleep(0.05)
    raise TimeoutError(f"nothing listens on {host}:{port}")


@dataclass
class Edge:
    """A proxy that runs.

    Attributes:
        log: its access log.
        said: what start.sh and nginx wrote on stderr.
    """

    folder: Path
    settings: dict[str, str]
    ports: dict[str, int] = field(default_factory=dict)
    process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return (self.folder / "log").read_text()

    @property
    def said(self) -> str:
        return (self.folder / "said").read_text()

    def url(self, path: str, server: str = "ENDPOINT") -> str:
        """Address of a path on one of its servers."""
        scheme = "http" if server == "HTTP" else "https"
        return f"{scheme}://127.0.0.1:{self.ports[server]}{path}"

    def client(self) -> httpx.Client:
        """Trusts the certificate that is served, and nobody else's."""
        return httpx.Client(verify=self.trust(), timeout=_ANSWERED_S)

    def trust(self) -> ssl.SSLContext:
        """A context that trusts the served certificate."""
        return ssl.create_default_context(cafile=str(self.folder / "run/tls/cert.pem"))

    def connection(self, server: str = "ENDPOINT") -> ssl.SSLSocket:
        """A connection for bytes as they come."""
        raw = socket.create_connection(("127.0.0.1", self.ports[server]), _ANSWERED_S)
        return self.trust().wrap_socket(raw, server_hostname="127.0.0.1")

    def start(self) -> subprocess.Popen[bytes]:
        """Run start.sh, as a user without rights where the tests run as root."""
        self.process = subprocess.Popen(
            ["sh", str(self.folder / "proxy/start.sh")],
            env={"PATH": os.environ["PATH"], **self.settings},
            stderr=(self.folder / "said").open("ab"),
            user="nobody" if os.geteuid() == 0 else None,
        )
        return self.process

    def wait_until_up(self) -> None:
        """Until it answers. The look at the configuration before listens for a moment, too, but
        leaves the file of its process id empty."""
        pid = self.folder / "run/nginx.pid"
        end = time.monotonic() + _ANSWERED_S
        while not pid.exists() or not pid.read_text().strip():
            assert self.process is not None and self.process.poll() is None, self.said
            assert time.monotonic() < end, "the proxy did not come up"
            time.sleep(0.02)
        wait_for_port("127.0.0.1", self.ports["ENDPOINT"])

    def stop(self) -> None:
        """As `docker stop` does."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait()


@contextmanager
def edge(folder: Path, upstream: str, **settings: str) -> Iterator[Edge]:
    """A proxy in a folder, by the deployment's own files.

    Args:
        folder: empty, and readable by everybody.
        upstream: host:port behind all three servers.
        settings: PROXY_ variables, without the prefix.
    """
    built = laid(folder, upstream, **settings)
    try:
        built.start()
        built.wait_until_up()
        yield built
    finally:
        built.stop()


def laid(folder: Path, upstream: str, **settings: str) -> Edge:
    """The same, not started."""
    found = nginx()
    assert found is not None
    shutil.copytree(ROOT / "deploy/proxy", folder / "proxy")
    (folder / "said").touch()
    if os.geteuid() == 0:
        shutil.chown(folder, "nobody")
    ports = {name: free_port() for name in ("HTTP", "ENDPOINT", "AIRFLOW", "MLFLOW", "GRAFANA")}
    chosen = {
        **{f"PROXY_{name}": str(port) for name, port in ports.items()},
        **{f"PROXY_TO_{name}": upstream for name in ("SERVING", "AIRFLOW", "MLFLOW", "GRAFANA")},
        **{"PROXY_NGINX": found, "PROXY_LOG": str(folder / "log"), "PROXY_NAME": "127.0.0.1"},
        "PROXY_SLOW_S": "120",  # a busy machine is no slow caller
        **{f"PROXY_{key}": str(folder / value) for key, value in _FOLDERS.items()},
        **{f"PROXY_{key}": value for key, value in settings.items()},
    }
    return Edge(folder, chosen, ports)


_FOLDERS = {"RUN_DIR": "run", "STATE_DIR": "state", "TLS_DIR": "tls"}
