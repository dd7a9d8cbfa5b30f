"""One run, made in turns by two machines that share nothing but S3 and the registry.

Artifacts, DVC's remote and MLflow's files all lie on a real S3-speaking server, which stops taking
writes twice on the way. The bundle and the forecast are those of an undisturbed run on folders.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from support.homes import Home
from support.s3 import Bucket, Server

from pipelines import steps
from pipelines.errors import RegistryError
from pipelines.storage import manifest_of

pytestmark = [
    pytest.mark.e2e,
    pytest.mark.slow,
    pytest.mark.timeout(900),
]  # the first test runs it all
RUN = "shared"


@dataclass
class TwoMachines:
    """Two machines, what they share, and what was seen on the way."""

    machines: list[Home]
    bucket: Bucket
    patch: pytest.MonkeyPatch
    seen: dict[str, Any] = field(default_factory=dict)
    turn: int = 0

    def step(self, name: str, *arguments: Any) -> Any:
        """Run a step on the machine whose turn it is."""
        self.patch.setenv("DENGUARD_HOME", str(self.machines[self.turn % 2].path))
        self.turn += 1
        return getattr(steps, name)(RUN, *arguments)

    def refused_features(self) -> None:
        """The command on one machine, with a store that takes no write from its objects on."""
        server, home = self.bucket.server, self.machines[self.turn % 2]
        server.refuse_writes_from("/artifacts/objects/")
        self.seen["refused"] = home.denguard("step", "features", "--run-id", RUN)
        server.allow()
        self.seen["half"] = self.bucket.keys("artifacts/manifests/artifacts/features")
        self.turn += 1

    def refused_register(self) -> None:
        with self.bucket.server.forbidding_writes(), pytest.raises(RegistryError) as refused:
            self.step("register")
        self.seen["register"] = str(refused.value)


@pytest.fixture(scope="module")
def shared(
    s3_server: Server, tmp_path_factory: pytest.TempPathFactory, new_home: Callable[[str], Home]
) -> Iterator[TwoMachines]:
    bucket = s3_server.new_bucket()
    registry = tmp_path_factory.mktemp("registry")
    with pytest.MonkeyPatch.context() as patch:
        for name, value in bucket.env.items():
            patch.setenv(name, value)
        patch.setenv("AWS_MAX_ATTEMPTS", "2")
        patch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{registry}/mlflow.db")
        patch.setenv("DENGUARD_ARTIFACTS_URI", f"{bucket.uri}/artifacts")
        patch.setenv("DENGUARD_MLFLOW_ARTIFACTS_URI", f"{bucket.uri}/mlflow")
        patch.setenv("DENGUARD_DVC_REMOTE", f"{bucket.uri}/versions")
        empty = Home(tmp_path_factory.mktemp("empty"))
        found = TwoMachines([new_home("holds-the-drop"), empty], bucket, patch)
        _run(found)
        yield found


def _run(shared: TwoMachines) -> None:
    shared.step("start", {"profile": "ci", "horizons": [4]})
    shared.turn = 0  # the machine that has the drop reads it; the empty one validates
    for name in ("ingest", "validate", "snapshot"):
        shared.step(name)
    for shard in shared.step("plan_embedding").shards:
        shared.step("embed_shard", shard)
    shared.refused_features()
    shared.step("features")
    shared.step("train")
    for year in steps.backtest_years(RUN):
        shared.step("backtest", year)
    shared.step("evaluate")
    shared.step("gate")
    shared.refused_register()
    for name in ("register", "deploy", "forecast", "report"):
        shared.seen[name + " done"] = shared.step(name)


def _folder(home: Home, name: str) -> dict[str, str]:
    return manifest_of(home.path / "artifacts" / name)


def test_two_machines_give_the_bundle_of_one_byte_for_byte(
    shared: TwoMachines, finished: Home
) -> None:
    first = finished.output("first", "train")["candidates"]["linear"]["bundle_id"]
    undisturbed = _folder(finished, f"bundles/{first}")
    assert undisturbed
    assert [m.champion_bundle() for m in shared.machines] == [undisturbed, undisturbed]
    keys = shared.bucket.keys("mlflow/")
    assert any(key.endswith("artifacts/bundle/h04/linear.safetensors") for key in keys)
    assert not any((m.path / "artifacts" / "mlflow").exists() for m in shared.machines)


def test_their_forecast_is_the_undisturbed_one_byte_for_byte(
    shared: TwoMachines, finished: Home
) -> None:
    version = finished.output("first", "forecast")["forecast_version"]
    assert shared.seen["forecast done"].forecast_version == version
    folder = Path(shared.seen["forecast done"].forecast)
    made = [m.path / folder for m in shared.machines if (m.path / folder).is_dir()]
    assert made
    assert all(manifest_of(f) == _folder(finished, f"forecasts/{version}") for f in made)


def test_refused_writes_end_the_step_with_what_to_do_and_nothing_half_made(
    shared: TwoMachines,
) -> None:
    code, output = shared.seen["refused"]
    assert code == 2, output[-2000:]
    assert "SlowDown" in output
    assert "goes on where it stopped" in output
    assert "Traceback" not in output
    assert shared.seen["half"] == []


def test_a_registry_that_cannot_store_files_is_named_and_registers_once(
    shared: TwoMachines,
) -> None:
    assert "AccessDenied" in shared.seen["register"]
    assert "What to do" in shared.seen["register"]
    assert shared.seen["register done"].version == "1"


def test_an_empty_machine_plans_nothing_anew_and_checks_against_the_same_golden_vectors(
    shared: TwoMachines, tmp_path: Path
) -> None:
    empty = Home(tmp_path / "third")
    shared.patch.setenv("DENGUARD_HOME", str(empty.path))
    before = len(shared.bucket.server.requests())
    counts = steps.plan_embedding(RUN).counts
    assert counts["image"].distinct > 0
    assert [c.missing for c in counts.values()] == [0, 0]
    assert empty.store() == shared.machines[0].store() | shared.machines[1].store()
    assert not (empty.path / "data").exists(), "it needs no drop"
    assert len(shared.bucket.server.requests()) - before < 200
    golden = {p.parent.name: p.read_bytes() for p in empty.path.rglob("store/*/golden.json")}
    assert len(golden) == 2
    others = [p for m in shared.machines for p in m.path.rglob("store/*/golden.json")]
    assert all(golden[p.parent.name] == p.read_bytes() for p in others)
