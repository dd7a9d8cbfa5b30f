"""What a run records, and the lock that everybody who writes holds."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.errors import RegistryError
from pipelines.registry import tracking
from pipelines.registry.aliases import read_aliases, set_champion
from pipelines.registry.lookup import connect
from pipelines.registry.register import register_bundle, registry_state

ROOT = Path(__file__).parents[2]


def test_a_run_keeps_what_it_is_told(paths: DeploymentPaths) -> None:
    folder = paths.home / "notes"
    folder.mkdir()
    (folder / "why.txt").write_text("kept")

    run_id = tracking.log_run(
        "backtest",
        params={f"p{i:03d}": i for i in range(150)},
        metrics={"brier": 0.1},
        tags={"embedding_version": "e1"},
        artifacts={"notes": folder},
    )

    run = connect().get_run(run_id)
    assert len(run.data.params) == 150
    assert run.data.metrics == {"brier": 0.1}
    assert (run.data.tags["embedding_version"], run.info.run_name) == ("e1", "backtest")
    assert run.info.status == "FINISHED"
    stored = paths.artifacts / "mlflow" / "artifacts" / run_id / "artifacts" / "notes" / "why.txt"
    assert stored.read_text() == "kept"


def test_preparing_twice_changes_nothing(nowhere: DeploymentPaths) -> None:
    tracking.prepare()
    state = registry_state()

    tracking.prepare()

    assert registry_state() == state == {"versions": [], "aliases": read_aliases()}


def test_a_held_lock_is_named(
    paths: DeploymentPaths, make_bundle: Callable[..., Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    version = register_bundle(make_bundle(), "weekly")
    monkeypatch.setattr(tracking, "_LOCK_TIMEOUT_S", 0.1)

    with tracking.registry_lock(paths), pytest.raises(RegistryError, match=r"registry\.lock"):
        set_champion(version)


def test_a_registry_that_is_no_database_is_named(nowhere: DeploymentPaths) -> None:
    database = nowhere.artifacts / "mlflow" / "mlflow.db"
    database.parent.mkdir(parents=True)
    database.write_text("not a database, but long enough to be looked at")

    with pytest.raises(RegistryError, match="could not be prepared"):
        tracking.prepare()


_PICKLED = """
import sys
from mlflow.pyfunc import PythonModel, load_model, save_model
class Harmless(PythonModel):
    def predict(self, context, model_input, params=None):
        return model_input
save_model(sys.argv[1], python_model=Harmless(), pip_requirements=["mlflow"])
load_model(sys.argv[1])
print("loaded before")
import pipelines.registry
load_model(sys.argv[1])
print("loaded after")
"""


def test_pickled_models_are_refused(tmp_path: Path) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("MLFLOW_")}
    done = subprocess.run(
        [sys.executable, "-c", _PICKLED, str(tmp_path / "model")],
        env=clean | {"PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=200,
    )
    assert done.stdout.split("\n")[0] == "loaded before", done.stderr
    assert "loaded after" not in done.stdout
    assert "MLFLOW_ALLOW_PICKLE_DESERIALIZATION" in done.stderr
