"""A second host: one worker of the queue cpu-heavy, as docs/second-host.md sets it up.

On the same engine, in a folder and in networks of its own: it reaches the first host by one TLS
port of the engine's bridge and by nothing else.
"""

from __future__ import annotations

import shlex
import shutil
import socket
from dataclasses import dataclass

import httpx
from support.stack import doors
from support.stack.engine import DAG, Stack

OVERLAYS = ("workers", "s3", "second-host")
LINK, WORKER, QUEUE = "link", "worker-cpu-heavy", "cpu-heavy"
SECRETS = (
    "link.pem", "airflow_db_password", "redis_password", "mlflow_service_password",
    "s3_access_key", "s3_secret_key",
)  # fmt: skip
_API = "airflow-api-server"
_ASKED = ("/opt/denguard/deploy/health.sh", "8080", "/api/v2/version", "", _API)
_TIMEOUT_S = 30


@dataclass(frozen=True)
class Place:
    """Where a task ran.

    Attributes:
        host: a container's own name, which is the start of its id.
    """

    task: str
    host: str


class SecondHost(Stack):
    """The compose project of deploy/second-host.yml."""

    def compose(self, *argv: str, timeout_s: float = 120, check: bool = True) -> str:
        here = ("--project-directory", ".", "-f", "deploy/second-host.yml")
        called = ("compose", "-p", self.project, *here, *argv)
        return self.docker(*called, timeout_s=timeout_s, check=check)

    def bring(self, first: Stack, address: str) -> None:
        """What the page says is brought from the first host, and where that one is."""
        self.lay_out()
        settings = (first.folder / ".env").read_text(encoding="utf-8")
        (self.folder / ".env").write_text(f"{settings}FIRST_HOST={address}\n", encoding="utf-8")
        (self.folder / "secrets").mkdir(mode=0o700)
        for name in SECRETS:
            shutil.copy2(first.folder / "secrets" / name, self.folder / "secrets" / name)

    def cut(self) -> None:
        """The way to the first host: from now on packets are lost, and nothing is closed."""
        self.docker("network", "disconnect", f"{self.project}_outside", self.container(LINK))

    def mend(self) -> None:
        """The way is there again."""
        self.docker("network", "connect", f"{self.project}_outside", self.container(LINK))

    def reaches(self) -> bool:
        """Whether the first host's Airflow answers its worker."""
        asked = f"timeout 5 {shlex.join(_ASKED)} && echo answered"
        return "answered" in self.compose("exec", "-T", WORKER, "sh", "-c", asked, check=False)


def bridge_port(stack: Stack) -> str:
    """A free port of the engine's bridge, as address:port, for this machine alone."""
    form = "{{(index .IPAM.Config 0).Gateway}}"
    address = stack.docker("network", "inspect", "-f", form, "bridge").strip()
    with socket.create_server((address, 0)) as free:
        return f"{address}:{free.getsockname()[1]}"


def places(stack: Stack, run_id: str) -> list[Place]:
    """Where the tasks of the queue cpu-heavy ran that a run has begun."""
    url = f"http://{stack.address(_API)}:8080/api/v2/dags/{DAG}/dagRuns/{run_id}/taskInstances"
    token = doors.airflow_token(stack, "admin", stack.secret("airflow_admin_password"))
    headers, asked = {"Authorization": f"Bearer {token}"}, {"limit": 500}
    answer = httpx.get(url, headers=headers, params=asked, timeout=_TIMEOUT_S)
    found = answer.raise_for_status().json()["task_instances"]
    heavy = [t for t in found if t["queue"] == QUEUE and t["hostname"]]
    return [Place(f"{t['task_id']} {t['map_index']}", t["hostname"]) for t in heavy]
