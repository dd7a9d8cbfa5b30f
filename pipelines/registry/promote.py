"""Model versions and aliases: registering a bundle once, and moving who serves.

Belongs here: writes to the registry, all under one file lock. Does not belong here: the decision
whether to promote (evaluate/gate.py) and telling the endpoint (deploy.py).
"""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from filelock import Timeout
from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import save_model
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

from pipelines.config import Places, places
from pipelines.contracts import CHAMPION, COVARIATE_NAMES, PREVIOUS
from pipelines.errors import RegistryError
from pipelines.fusion.bundle import bundle_id
from pipelines.registry.alias import (
    ALIASES,
    BUNDLE_ID_TAG,
    MODEL_FOLDER,
    MODEL_NAME,
    Registered,
    connect,
    fetch_bundle,
    get_version,
    lookup,
    registered,
    registry_errors,
)
from pipelines.registry.tracking import experiment_id, prepare, record, registry_lock, start_run

__all__ = ["fetch_bundle", "get_version", "lookup"]  # readers find both halves of the registry here

_MODEL_CODE = Path(__file__).with_name("pyfunc_model.py")  # MLflow copies and runs it
Aliases = dict[str, str | None]  # alias -> version, None where the alias names nothing


def register_bundle(
    bundle_dir: Path,
    run_name: str,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
    artifacts: Mapping[str, Path] | None = None,
    *,
    where: Places | None = None,
    model_name: str = MODEL_NAME,
) -> str:
    """Record a run with its bundle and make a model version of it; return the version as text.

    Idempotent: a bundle (by content) is registered once and the same version comes back after that.
    A call that was killed half-way leaves a run that the next call finishes.

    Args:
        bundle_dir: folder as fusion.bundle.write_bundle left it.
        tags: of the run; dataset, embedding and feature versions belong here.
        artifacts: name in the run -> local file or folder (receipt.json, the gate's record).

    Raises:
        RegistryError: MLflow did not take it.
    """
    where = where or places()
    identity = bundle_id(bundle_dir)
    client = prepare(where)
    with _locked(where), registry_errors(f"bundle {identity} could not be registered"):
        known = _version_of(client, model_name, identity)
        if known is not None:
            return known.version
        run_id = _open_run(client, where, run_name, identity)
        record(client, run_id, params=params, metrics=metrics, tags=tags, artifacts=artifacts)
        _log_model(client, run_id, bundle_dir)
        client.set_terminated(run_id)
        return _create_version(client, model_name, run_id, identity)


def _version_of(client: MlflowClient, model_name: str, identity: str) -> Registered | None:
    query = f"name = '{model_name}' and tags.{BUNDLE_ID_TAG} = '{identity}'"
    found = [registered(v) for v in client.search_model_versions(query)]
    return min(found, key=lambda r: int(r.version), default=None)


def _open_run(client: MlflowClient, where: Places, run_name: str, identity: str) -> str:
    """The run that a killed call left for this bundle, or a new one."""
    query = f"tags.{BUNDLE_ID_TAG} = '{identity}'"
    left = client.search_runs([experiment_id(client, where)], query, max_results=1)
    if left:
        return str(left[0].info.run_id)
    return start_run(client, where, run_name, {BUNDLE_ID_TAG: identity})


def _log_model(client: MlflowClient, run_id: str, bundle_dir: Path) -> None:
    """Write the models-from-code folder locally and log it whole: no fluent, global MLflow state."""
    with tempfile.TemporaryDirectory() as scratch:
        bundle = shutil.copytree(bundle_dir, Path(scratch) / "bundle")
        model = Path(scratch) / MODEL_FOLDER
        with warnings.catch_warnings():
            # it asks for an input example; the signature is written out and tested instead
            warnings.simplefilter("ignore", UserWarning)
            save_model(
                str(model),
                python_model=str(_MODEL_CODE),
                artifacts={"bundle": str(bundle)},
                signature=_signature(),
                pip_requirements=["denguard"],  # given, else MLflow starts a process to guess them
            )
        client.log_artifacts(run_id, str(model), MODEL_FOLDER)


def _signature() -> ModelSignature:
    """What MLflow's predict takes and gives; see pyfunc_model.DenguardModel.predict."""
    vector = Array(DataType.double)
    covariates = [ColSpec(DataType.double, name, required=False) for name in COVARIATE_NAMES]
    vectors = [ColSpec(vector, name, required=False) for name in ("image", "text")]
    row = [
        ColSpec(DataType.string, "municipality_code"),
        ColSpec(DataType.long, "horizon_weeks"),
        *covariates,
        *vectors,
    ]
    answer = [ColSpec(DataType.double, "probability"), ColSpec(DataType.boolean, "outbreak")]
    return ModelSignature(inputs=Schema(row), outputs=Schema(answer))


def _create_version(client: MlflowClient, model_name: str, run_id: str, identity: str) -> str:
    try:
        client.create_registered_model(model_name)
    except MlflowException as err:
        if err.error_code != "RESOURCE_ALREADY_EXISTS":
            raise
    tags = {BUNDLE_ID_TAG: identity}
    source = f"runs:/{run_id}/{MODEL_FOLDER}"
    return str(
        client.create_model_version(
            model_name, source, run_id, tags=tags, await_creation_for=60
        ).version
    )


def aliases(where: Places | None = None, model_name: str = MODEL_NAME) -> Aliases:
    """Every alias and the version it names."""
    found = {alias: lookup(alias, where, model_name) for alias in ALIASES}
    return {alias: entry.version if entry else None for alias, entry in found.items()}


def set_champion(
    version: str | int, *, where: Places | None = None, model_name: str = MODEL_NAME
) -> Aliases:
    """Let a version serve: champion moves to it and previous to the champion until now.

    Returns the aliases as they were before, for restore_champion. The champion itself again changes
    nothing. Reads back what it wrote, because MLflow has no compare-and-swap.

    Raises:
        RegistryError: no such version, the lock is held, or the registry shows something else.
    """
    where = where or places()
    wanted = get_version(version, where, model_name).version
    with _locked(where):
        before = aliases(where, model_name)
        if before[CHAMPION] != wanted:
            after = {**before, PREVIOUS: before[CHAMPION], CHAMPION: wanted}
            _write_aliases(before, after, where, model_name)
    return before


def restore_champion(
    before: Aliases, *, where: Places | None = None, model_name: str = MODEL_NAME
) -> None:
    """Put champion and previous back as they were before set_champion. Raises RegistryError."""
    where = where or places()
    with _locked(where):
        now = aliases(where, model_name)
        target = {**now, PREVIOUS: before[PREVIOUS], CHAMPION: before[CHAMPION]}
        _write_aliases(now, target, where, model_name)


def set_alias(
    alias: str, version: str | int, *, where: Places | None = None, model_name: str = MODEL_NAME
) -> None:
    """Point an alias that serves nobody (challenger) at a version. Raises RegistryError."""
    where = where or places()
    with _locked(where):
        now = aliases(where, model_name)
        _write_aliases(now, {**now, alias: str(version)}, where, model_name)


def _write_aliases(now: Aliases, target: Aliases, where: Places, model_name: str) -> None:
    """Previous first: a kill in between leaves the old champion serving."""
    client = connect(where)
    with registry_errors("the aliases could not be moved"):
        for alias in sorted(target, key=lambda name: name == CHAMPION):
            version = target[alias]
            if version == now.get(alias):
                continue
            if version is None:
                client.delete_registered_model_alias(model_name, alias)
            else:
                client.set_registered_model_alias(model_name, alias, version)
    shown = aliases(where, model_name)
    if shown != target:
        raise RegistryError(f"the registry shows {shown} after {target} was written", where=model_name, fix="somebody else moved an alias by hand; look at MLflow and run the step again")  # fmt: skip


def registry_state(where: Places | None = None, model_name: str = MODEL_NAME) -> dict[str, Any]:
    """Everything that must not change when nothing is promoted, JSON-able, for comparing hashes."""
    where = where or places()
    client = connect(where)
    with registry_errors("the registry could not be listed"):
        found = [registered(v) for v in client.search_model_versions(f"name = '{model_name}'")]
    versions = [
        {"version": entry.version, "bundle_id": entry.bundle_id, "run_id": entry.run_id}
        for entry in sorted(found, key=lambda r: int(r.version))
    ]
    return {"versions": versions, "aliases": aliases(where, model_name)}


@contextmanager
def _locked(where: Places) -> Iterator[None]:
    try:
        with registry_lock(where):
            yield
    except Timeout as err:
        raise RegistryError("another process holds the registry's lock", where=str(err.lock_file), fix="wait for it, or end it, and run the step again") from err  # fmt: skip
