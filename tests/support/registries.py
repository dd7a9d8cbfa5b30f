"""A recipe, a port that nobody answers at, and a disk that loses bytes."""

from __future__ import annotations

import shutil
import socket

from pipelines.config import Places
from pipelines.registry import promote

RECIPE = {"head": "linear", "labels": {"rule_id": "median_2016_2017"}}  # as little as one can say
_TAKEN: list[socket.socket] = []


def closed_port() -> int:
    """A port that refuses everybody: it is taken, so that no other test listens there meanwhile."""
    taken = socket.socket()
    taken.bind(("127.0.0.1", 0))
    _TAKEN.append(taken)
    return int(taken.getsockname()[1])


def damage(where: Places, version: str) -> None:
    """Break a registered bundle, as a bad disk would, and whatever was fetched of it."""
    stored = where.artifacts / "mlflow" / "artifacts" / promote.get_version(version).run_id
    weights = min(stored.rglob("linear.safetensors"))
    weights.write_bytes(b"damaged")
    shutil.rmtree(where.artifacts / "bundles", ignore_errors=True)
