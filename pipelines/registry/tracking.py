"""MLflow runs: the database made once, one experiment, and what a run records."""

from __future__ import annotations

import math
import os
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from mlflow.entities import Experiment, Metric, Param, RunTag
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.errors import RegistryError
from pipelines.registry import database
from pipelines.registry.lookup import connect, registry_errors, sqlite_file
from pipelines.storage.lock import locked

EXPERIMENT = "denguard"
_LOCK_TIMEOUT_S = 60.0
_BATCH = 100  # MLflow takes at most 100 params, 100 tags and 1000 metrics a call
_MAX_PARAM_CHARS = 6000


@contextmanager
def registry_lock(paths: DeploymentPaths) -> Iterator[None]:
    """Hold the one lock of everybody who migrates the database or moves an alias.

    Raises:
        RegistryError: somebody holds it for over a minute.
    """
    path = paths.artifacts / "locks" / "registry.lock"
    busy = RegistryError(
        "another process holds the registry's lock",
        where=str(path),
        fix="wait for it, or end it, and run the step again",
    )
    with locked(path, _LOCK_TIMEOUT_S, busy):
        yield


def prepare(paths: DeploymentPaths | None = None) -> MlflowClient:
    """Make or migrate MLflow's database and the experiment, once, under the lock; return a client.

    First use from parallel processes races on MLflow's schema, so nothing else may be first. A new
    SQLite file is migrated aside and renamed, so that a reader never meets a half-made one. Over
    http the server owns its database and only the experiment is looked after.

    Raises:
        RegistryError: the database cannot be migrated, or the lock is held for over a minute.
    """
    paths = paths or deployment_paths()
    with registry_lock(paths), registry_errors("MLflow could not be prepared"):
        _migrate(paths)
        client = connect(paths)
        experiment_id(client, paths)
    return client


def _migrate(paths: DeploymentPaths) -> None:
    uri = paths.tracking_uri
    if uri.startswith(("http://", "https://")):
        return
    file = sqlite_file(uri)
    if file is None:
        database.migrate(uri)
        return
    if file.is_file():
        database.bring_up_to_date(file)
        return
    file.parent.mkdir(parents=True, exist_ok=True)
    fresh = file.with_name(f".{file.name}.new")
    fresh.unlink(missing_ok=True)
    database.make(fresh)
    fresh.replace(file)


def experiment_id(client: MlflowClient, paths: DeploymentPaths) -> str:
    """Id of the experiment; made on first use.

    Its files go where DENGUARD_MLFLOW_ARTIFACTS_URI said at that time (s3://, or a folder's file://
    address), else this machine's own MLflow keeps them under artifacts/; over http the server
    decides.
    """
    found: Experiment | None = client.get_experiment_by_name(EXPERIMENT)
    if found is not None:
        return str(found.experiment_id)
    try:
        return str(client.create_experiment(EXPERIMENT, _artifacts_uri(paths)))
    except MlflowException:
        found = client.get_experiment_by_name(EXPERIMENT)  # another machine was first
        if found is None:
            raise
        return str(found.experiment_id)


def _artifacts_uri(paths: DeploymentPaths) -> str | None:
    if paths.tracking_uri.startswith(("http://", "https://")):
        return None
    if given := os.environ.get("DENGUARD_MLFLOW_ARTIFACTS_URI"):
        return given
    local = sqlite_file(paths.tracking_uri) is not None or paths.tracking_uri == paths.own_mlflow
    return (paths.artifacts / "mlflow" / "artifacts").as_uri() if local else None


def start_run(
    client: MlflowClient, paths: DeploymentPaths, run_name: str, tags: Mapping[str, str]
) -> str:
    """Start a run without touching MLflow's global state; return its run id."""
    home = experiment_id(client, paths)
    return str(client.create_run(home, tags=dict(tags), run_name=run_name).info.run_id)


def record(
    client: MlflowClient,
    run_id: str,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
    artifacts: Mapping[str, Path] | None = None,
) -> None:
    """Write parameters, metrics, tags (data and embedding hashes among them) and files to a run.

    A metric that is not finite is left out and named in the tag `metrics_not_finite`. MLflow never
    lets a parameter change: in a run that is resumed, what was written first stays, and a
    parameter that is another one now is named in the tag `params_kept`.

    Args:
        artifacts: name in the run -> local file or folder.
    """
    values = dict(metrics or {})
    odd = sorted(name for name, value in values.items() if not math.isfinite(value))
    wanted = {k: str(v)[:_MAX_PARAM_CHARS] for k, v in (params or {}).items()}
    written = client.get_run(run_id).data.params if wanted else {}
    kept = sorted(k for k, v in wanted.items() if written.get(k, v) != v)
    notes = {
        **(tags or {}),
        **({"metrics_not_finite": ", ".join(odd)} if odd else {}),
        **({"params_kept": ", ".join(kept)} if kept else {}),
    }
    now_ms = time.time_ns() // 1_000_000  # MLflow wants a time per metric; nothing reads it
    _log(client, run_id, params=[Param(k, v) for k, v in wanted.items() if k not in written])
    _log(
        client,
        run_id,
        metrics=[Metric(k, float(v), now_ms, 0) for k, v in values.items() if k not in odd],
    )
    _log(client, run_id, tags=[RunTag(k, str(v)) for k, v in notes.items()])
    for name, path in (artifacts or {}).items():
        _log_files(client, run_id, name, path)


def _log(client: MlflowClient, run_id: str, **entries: Sequence[object]) -> None:
    ((kind, items),) = entries.items()
    for start in range(0, len(items), _BATCH):
        client.log_batch(run_id, **{kind: items[start : start + _BATCH]})


def _log_files(client: MlflowClient, run_id: str, name: str, path: Path) -> None:
    if path.is_dir():
        client.log_artifacts(run_id, str(path), name)
    else:
        client.log_artifact(run_id, str(path), name)


def log_run(
    run_name: str,
    *,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
    artifacts: Mapping[str, Path] | None = None,
    paths: DeploymentPaths | None = None,
) -> str:
    """Record one finished run that registers nothing; return its run id. Raises RegistryError."""
    paths = paths or deployment_paths()
    client = prepare(paths)
    with registry_errors(f"run {run_name} could not be recorded"):
        run_id = start_run(client, paths, run_name, {})
        record(client, run_id, params=params, metrics=metrics, tags=tags, artifacts=artifacts)
        client.set_terminated(run_id)
    return run_id
