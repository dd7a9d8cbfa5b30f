"""A port that is free, and a disk that loses bytes."""

from __future__ import annotations

import shutil
import socket

from pipelines.config import Places
from pipelines.registry import promote


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def damage(where: Places, version: str) -> None:
    """Break a registered bundle, as a bad disk would, and whatever was fetched of it."""
    stored = where.artifacts / "mlflow" / "artifacts" / promote.get_version(version).run_id
    weights = min(stored.rglob("linear.safetensors"))
    weights.write_bytes(b"damaged")
    shutil.rmtree(where.artifacts / "bundles", ignore_errors=True)
