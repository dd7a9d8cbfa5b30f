"""A country as a distribution of its own goes the whole way to a served prediction; nothing here is
edited.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

PACK = Path(__file__).parent / "distribution"
ROOT = Path(__file__).parents[2]
PROFILE: dict[str, Any] = {
    "profile": "elbonia",
    "place": {"week": {"numbering": "iso"}, "codes": {"kind": "elbonia"}},
    "data": {"source": "elbonia"},
    "labels": {"rule": {"kind": "above_mean"}, "min_reference_cases": 10},
    "train": {"candidates": ["linear", {"kind": "elbonian_trees", "rounds": 20}]},
    "evaluate": {"test_years": {"last": 2}, "horizons_weeks": [4]},
}
KEY = "a-key-for-tests"
ROW = {
    "municipality_code": "e-7",
    "origin_week": "2025-w52",
    "horizon_weeks": 4,
    "recent_cases": [12.0] * 53,
}
SEEN_BY = """
import json, sys
from pipelines.config import load_profile
profile = load_profile("elbonia")
heavy = sorted({"torch", "pandas", "lightgbm"} & set(sys.modules))
print(json.dumps({"codes": profile.codes.normalise("e-7"), "rule": profile.labels.rule_id,
                  "candidates": list(profile.train.names), "heavy": heavy}))
"""
COMMANDS = """
import json, os
from pipelines.cli import app
for command in json.loads(os.environ["COMMANDS"]):
    app(command, standalone_mode=False)
    print("---")
"""
SERVE = """
from pathlib import Path
from pipelines.config import deployment_paths
from pipelines.registry.register import register_bundle
from pipelines.registry.aliases import set_champion
trained = json.loads((deployment_paths().artifacts / "runs" / "first" / "train.json").read_text())
folder = deployment_paths().home / trained["candidates"]["elbonian_trees"]["folder"] / "bundle"
version = register_bundle(folder, "by-hand", {}, {}, {}, {}, paths=deployment_paths())
set_champion(version, paths=deployment_paths())
from fastapi.testclient import TestClient
from serving.app import create_app
from serving.settings import Settings
with TestClient(create_app(Settings())) as client:
    row = json.loads(os.environ["ROW"])
    answer = client.post("/predictions", json={"rows": [row]}, headers={"Authorization": "Bearer " + os.environ["KEY"]})
    print(json.dumps([answer.status_code, answer.json()]))
"""


class Country:
    """A deployment with the pack installed, whose processes are all of their own."""

    def __init__(self, home: Path, site: Path) -> None:
        self.home = home
        self.trial = ""  # what `denguard validate --json` said of its bulletin
        self.answer = ""  # of the endpoint
        self.environment = {
            **os.environ,
            "DENGUARD_HOME": str(home),
            "PYTHONPATH": f"{ROOT}{os.pathsep}{site}",
            "OMP_NUM_THREADS": "1",
        }

    def run(self, *arguments: str, **more: str) -> str:
        done = subprocess.run(
            [sys.executable, *arguments],
            env={**self.environment, **more},
            cwd=self.home,
            capture_output=True,
            text=True,
            timeout=280,
        )
        assert done.returncode == 0, done.stderr[-4000:]
        return done.stdout

    def walk(self, *commands: list[str], **more: str) -> list[str]:
        """What each of the commands prints, and then the endpoint; all in one process, because
        loading takes longer than they do."""
        output = self.run("-c", COMMANDS + SERVE, COMMANDS=json.dumps(commands), **more)
        return output.split("---\n")

    def record(self, run_id: str, step: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            (self.home / f"artifacts/runs/{run_id}/{step}.json").read_text()
        )
        return found


def bulletin(path: Path, years: range, provinces: int) -> Path:
    """Made-up counts: waves of three years that reach the provinces one after another."""
    random = np.random.default_rng(3)
    lines = ["Weekly bulletin of Elbonia"]
    for unit in range(provinces):
        for year in years:
            for week in range(1, 53):
                wave = 1 + np.sin(2 * np.pi * ((year - 2015) * 52 + week + 3 * unit) / 156)
                cases = random.poisson(4 + 14 * wave)
                lines.append(f"e-{unit + 1} week {week} of {year}: {cases} cases")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def country(tmp_path_factory: pytest.TempPathFactory, empty_registry: Path) -> Country:
    """The pack installed by pip without the network, a profile of the deployment, and one run."""
    site, home = tmp_path_factory.mktemp("site"), tmp_path_factory.mktemp("elbonia")
    pip = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--quiet",
        "--no-index",
        "--no-deps",
        "--no-build-isolation",
        "--target",
        str(site),
        str(_copied(tmp_path_factory)),
    ]
    subprocess.run(pip, check=True, timeout=120)
    (home / "profiles").mkdir()
    (home / "profiles" / "elbonia.yaml").write_text(yaml.safe_dump(PROFILE), encoding="utf-8")
    (home / "artifacts" / "mlflow").mkdir(parents=True)
    shutil.copy(empty_registry, home / "artifacts" / "mlflow")  # to make one takes four seconds
    made = Country(home, site)
    table = bulletin(home / "bulletin.txt", range(2019, 2026), provinces=12)
    received = date.fromisocalendar(2025, 52, 7) + timedelta(days=2)
    of = ["--profile", "elbonia"]
    at = [str(table), *of, "--received", received.isoformat()]
    variables = {
        "KEY": KEY,
        "ROW": json.dumps(ROW),
        "DENGUARD_API_KEY_SHA256": hashlib.sha256(KEY.encode()).hexdigest(),
    }
    *_, made.trial, answered = made.walk(
        ["drop", *at], ["run", *of, "--run-id", "first"], ["validate", *at, "--json"], **variables
    )
    made.answer = answered.splitlines()[-1]
    return made


def _copied(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """pip builds in the folder that it is given; ours stays as it is."""
    copy = tmp_path_factory.mktemp("pack") / "distribution"
    copy.mkdir()
    for path in PACK.iterdir():
        if path.is_file():
            (copy / path.name).write_bytes(path.read_bytes())
    return copy


def test_the_pack_is_four_files_and_names_no_file_of_ours() -> None:
    assert len([path for path in PACK.iterdir() if path.is_file()]) <= 4


def test_a_profile_that_names_its_plug_ins_is_read_without_heavy_libraries(
    country: Country,
) -> None:
    seen = json.loads(country.run("-c", SEEN_BY))
    assert seen["codes"] == "E-07" and seen["rule"] == "mean_times_1.2"
    assert seen["candidates"] == ["linear", "elbonian_trees"]
    assert seen["heavy"] == []


def test_its_counts_are_read_and_its_codes_are_written_by_its_rule(country: Country) -> None:
    trial = json.loads(country.trial)
    assert (trial["stops"], trial["found"]["units"]) == (False, 12)
    assert country.record("first", "snapshot")["as_of_week"] == "2025-w52"


def test_its_forecaster_is_trained_and_judged_beside_ours(country: Country) -> None:
    assert set(country.record("first", "train")["candidates"]) == {"linear", "elbonian_trees"}
    metrics = json.loads((country.home / "artifacts/runs/first/metrics.json").read_text())
    assert metrics["horizons"]["4"]["heads"]["elbonian_trees"]["brier"] > 0


def test_a_bundle_of_its_forecaster_serves_and_answers(country: Country) -> None:
    """Promoted by hand: whether it deserves to serve is the gate's, that it can is what
    this says."""
    status, body = json.loads(country.answer)
    assert status == 200, body
    answer = body["predictions"][0]
    assert (answer["municipality_code"], answer["head"], answer["target_week"]) == (
        "E-07",
        "elbonian_trees",
        "2026-w04",
    )
    assert 0 < answer["probability"] < 1


def test_its_own_tests_pass_by_the_public_name(country: Country, tmp_path: Path) -> None:
    """As its authors run them: beside no file of ours, with the pack and denguard installed."""
    shutil.copyfile(Path(__file__).parent / "own_tests.py", tmp_path / "test_elbonia.py")
    # an installed denguard brings the name itself (tests/architecture/test_public_name.py)
    path = os.pathsep.join([str(ROOT / "pipelines" / "public"), country.environment["PYTHONPATH"]])
    output = country.run(
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(tmp_path),
        str(tmp_path),
        PYTHONPATH=path,
    )
    assert "4 passed" in output


def test_an_airflow_task_sees_it_as_a_parameter_and_runs_its_step(country: Country) -> None:
    output = country.run(
        "-c",
        "from dags.retraining import dag; print('elbonia' in "
        "dag.params.get_param('profile').schema['enum'])",
        AIRFLOW_HOME=str(country.home / "airflow"),
    )
    assert output.splitlines()[-1] == "True"
