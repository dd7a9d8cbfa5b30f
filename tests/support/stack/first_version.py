"""A deployment of the first version: its own code, compose file, settings and weekly run."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import re
import secrets
import shutil
import subprocess
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

import httpx
from support.stack import run as weekly
from support.stack.engine import DAG, ROOT, Stack, until

COMMIT = "b6b6008"
LIGHT = "worker-default"
LASTING = (
    "postgres", "redis", "minio", "mlflow", "airflow-api-server", "airflow-scheduler",
    "airflow-dag-processor", LIGHT, "worker-cpu-heavy", "serving",
)  # fmt: skip
BUCKETS = {"artifacts": "s3", "versions": "s3", "mlflow": "s3_mlflow"}  # and whose they are now
_BESIDE = {"Dockerfile": "first.Dockerfile", "overlay.yml": "first.yml", "s3.sh": "first.s3.sh"}
_UP_S, _BUILD_S = 900, 3600
_AUDIT = "/opt/denguard/home/artifacts/audit/audit.jsonl"
_COPY = """
import sys, boto3
def client(url, key, secret):
    return boto3.client("s3", endpoint_url=url, aws_access_key_id=key, aws_secret_access_key=secret,
                        region_name="us-east-1")
old, new, count = client(*sys.argv[2:5]), client(*sys.argv[5:8]), 0
for page in old.get_paginator("list_objects_v2").paginate(Bucket=sys.argv[1]):
    for found in page.get("Contents", []):
        content = old.get_object(Bucket=sys.argv[1], Key=found["Key"])["Body"].read()
        new.put_object(Bucket=sys.argv[1], Key=found["Key"], Body=content)
        count += 1
print(count)
"""


def why_not() -> str:
    """ "" if the first version's files can be had here, else why not."""
    argv = ["git", "cat-file", "-e", f"{COMMIT}^{{commit}}"]
    done = subprocess.run(argv, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    return f"the history has no {COMMIT}: {done.stderr.strip()}" if done.returncode else ""


@dataclass(frozen=True)
class Before:
    """What a deployment was before it was upgraded."""

    forecasts: dict[str, str]
    audit: str
    runs: dict[str, str]
    bundle: str


@dataclass
class FirstVersion(Stack):
    """In a folder of its own; `settings` name its ports.

    Attributes:
        env: its `.env`, every secret in it.
    """

    env: dict[str, str] = field(default_factory=dict)

    def files(self) -> list[str]:
        """Its compose file, and the images that can be had."""
        return ["docker-compose.yml", "first.yml", *([self.override] if self.override else ())]

    def lay_out(self) -> None:
        """Its files, and a `.env` as its `.env.example` says."""
        packed = subprocess.run(
            ["git", "archive", COMMIT], cwd=ROOT, capture_output=True, timeout=60, check=True
        )
        subprocess.run(["tar", "x", "-C", self.folder], input=packed.stdout, timeout=60, check=True)
        for name, here in _BESIDE.items():
            shutil.copy2(ROOT / "tests" / "stack" / "first" / name, self.folder / here)
        self.endpoint_key = secrets.token_urlsafe(32)
        names = re.findall(r"^([A-Z_0-9]+)=$", (self.folder / ".env.example").read_text(), re.M)
        self.env = {n: secrets.token_hex(16) for n in names if not n.startswith("DENGUARD_")}
        self.env |= {
            "TORCH_INDEX": "",
            "AIRFLOW_FERNET_KEY": base64.urlsafe_b64encode(os.urandom(32)).decode(),
            "DENGUARD_API_KEY_SHA256": hashlib.sha256(self.endpoint_key.encode()).hexdigest(),
            "DENGUARD_VERSION": "first",
        }
        lines = [f"{name}={value}\n" for name, value in self.env.items()]
        (self.folder / ".env").write_text("".join(lines), encoding="utf-8")

    def secret(self, name: str) -> str:
        """Of its `.env`, by today's name."""
        return self.env[name.upper()]

    def bring_up(self) -> None:
        """Build its image, start everything, let its first week begin."""
        self.compose("build", "mlflow", timeout_s=_BUILD_S)
        (self.folder / "data" / "drops").mkdir(parents=True)
        self.give(self.folder / "data")
        self.compose("up", "-d", "--no-build", timeout_s=_UP_S)
        for service in LASTING:
            until(f"{service} is healthy", partial(self.healthy, service), _UP_S, every_s=2)
        with self.airflow() as api:
            api.unpause(DAG)

    def give(self, folder: Path) -> None:
        """A folder of the host to the user of the containers."""
        give(self, folder)

    def before(self) -> Before:
        """What must still be so afterwards."""
        with self.airflow() as api:
            runs = {str(r["dag_run_id"]): str(r["state"]) for r in api.runs(DAG)}
        return Before(
            forecasts=weekly.forecasts(self, LIGHT),
            audit=self.execute(LIGHT, "cat", _AUDIT),
            runs=runs,
            bundle=bundle_of(self),
        )


def give(stack: Stack, *folders: Path) -> None:
    """Folders of the host to the user of the containers."""
    for folder in folders:
        run = ("run", "--rm", "--user", "0", "--entrypoint", "chown", "-v", f"{folder}:/given")
        stack.docker(*run, "postgres:17.6-bookworm", "-R", "50000:50000", "/given")


def bundle_of(stack: Stack) -> str:
    """Id of the bundle that the endpoint serves."""
    model = stack.endpoint("/model")
    if model.status_code != 200:
        raise httpx.HTTPError(f"GET /model says {model.status_code}")
    return str(model.json()["bundle_id"])


def move_buckets(first: FirstVersion, new: Stack) -> dict[str, int]:
    """Objects of each bucket, copied from the old server, which runs alone, to the new one."""
    network, old = f"{new.project}_inside", f"{new.project}-old-store"
    image = new.inspect("s3", "{{.Config.Image}}")
    given = ("-e", "MINIO_ROOT_USER", "-e", "MINIO_ROOT_PASSWORD", "--user", "1000:1000")
    mounted = (
        "-v", f"{first.project}_minio:/data", "-v", f"{first.folder}/first.s3.sh:/s3.sh:ro",
    )  # fmt: skip
    run = ("run", "-d", "--name", old, "--network", network, *given, *mounted)
    keys = {name: first.env[name] for name in ("MINIO_ROOT_USER", "MINIO_ROOT_PASSWORD")}
    with_keys = Stack(new.folder, {**new.settings, **keys}, project=new.project)
    with_keys.docker(*run, "--entrypoint", "/bin/sh", image, "/s3.sh", "server")
    try:
        until("the old store runs", lambda: _answers(new, old), 60)
        return {bucket: _copied(first, new, bucket, old) for bucket in BUCKETS}
    finally:
        new.docker("rm", "-f", old)


def _answers(stack: Stack, container: str) -> bool:
    """Whether a store does, which begins with an error or two."""
    asked = "wget -q -O /dev/null http://127.0.0.1:9000/healthz && echo up"
    return "up" in stack.docker("exec", container, "/bin/sh", "-c", asked, check=False)


def _copied(first: FirstVersion, new: Stack, bucket: str, old: str) -> int:
    """By a container of the network, since a host need not reach it."""
    whose = BUCKETS[bucket]
    pair = [new.secret(f"{whose}_{part}") for part in ("access_key", "secret_key")]
    source = (f"http://{old}:9000", first.env["MINIO_ROOT_USER"], first.env["MINIO_ROOT_PASSWORD"])
    image = f"denguard-airflow:{os.environ.get('DENGUARD_VERSION', 'latest')}"
    run = ("run", "--rm", "--network", f"{new.project}_inside", "--entrypoint", "python", image)
    said = new.docker(*run, "-c", _COPY, bucket, *source, "http://s3:8333", *pair, timeout_s=900)
    return int(json.loads(said))
