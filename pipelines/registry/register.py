"""Model versions: registering a bundle once."""

from __future__ import annotations

import shutil
import tempfile
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mlflow.exceptions import MlflowException
from mlflow.models import ModelSignature
from mlflow.pyfunc import save_model
from mlflow.tracking import MlflowClient
from mlflow.types import ColSpec, DataType, Schema
from mlflow.types.schema import Array

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.fusion.bundle_files import DESCRIPTION, bundle_id
from pipelines.registry.aliases import read_aliases
from pipelines.registry.lookup import (
    BUNDLE_ID_TAG,
    MODEL_FOLDER,
    MODEL_NAME,
    PROVISIONAL_TAG,
    Registered,
    connect,
    get_version,
    registered,
    registry_errors,
)
from pipelines.registry.tracking import (
    experiment_id,
    prepare,
    record,
    registry_lock,
    start_run,
)
from pipelines.storage import read_json

_MODEL_CODE = Path(__file__).with_name("pyfunc_model.py")  # MLflow copies and runs it


def register_bundle(
    bundle_dir: Path,
    run_name: str,
    params: Mapping[str, object] | None = None,
    metrics: Mapping[str, float] | None = None,
    tags: Mapping[str, object] | None = None,
    artifacts: Mapping[str, Path] | None = None,
    *,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
    provisional: bool = False,
) -> str:
    """Record a run with its bundle and make a model version of it; return the version as text.

    Idempotent: a bundle (by content) is registered once and the same version comes back after that.
    A call that was killed half-way leaves a run that the next call finishes.

    Args:
        bundle_dir: folder as fusion.bundle.write_bundle left it.
        tags: of the run; dataset, embedding and feature versions belong here.
        artifacts: name in the run -> local file or folder (receipt.json, the gate's record).
        provisional: what serves as this version was not judged on enough history.

    Raises:
        RegistryError: MLflow did not take it.
    """
    paths = paths or deployment_paths()
    identity = bundle_id(bundle_dir)
    client = prepare(paths)
    with registry_lock(paths), registry_errors(f"bundle {identity} could not be registered"):
        known = _version_of(client, model_name, identity)
        if known is not None:
            _mark(client, model_name, known.version, provisional)
            return known.version
        run_id = _open_run(client, paths, run_name, identity)
        record(client, run_id, params=params, metrics=metrics, tags=tags, artifacts=artifacts)
        _log_model(client, run_id, bundle_dir)
        client.set_terminated(run_id)
        version = _create_version(client, model_name, run_id, identity)
        _mark(client, model_name, version, provisional)
        return version


def _mark(client: MlflowClient, model_name: str, version: str, provisional: bool) -> None:
    """Say in the registry whether a version is provisional; one that was judged since is not."""
    held = client.get_model_version(model_name, version).tags.get(PROVISIONAL_TAG)
    if provisional or held is not None:
        client.set_model_version_tag(model_name, version, PROVISIONAL_TAG, str(provisional).lower())


def _version_of(client: MlflowClient, model_name: str, identity: str) -> Registered | None:
    query = f"name = '{model_name}' and tags.{BUNDLE_ID_TAG} = '{identity}'"
    found = [registered(v) for v in client.search_model_versions(query)]
    return min(found, key=lambda r: int(r.version), default=None)


def version_named(
    name: str, paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> Registered:
    """A version by its number or by its bundle's id. Raises RegistryError if there is none."""
    paths = paths or deployment_paths()
    client = connect(paths)
    with registry_errors(f"version {name} could not be looked up"):
        of_bundle = _version_of(client, model_name, name) if name.isalnum() else None
    return of_bundle or get_version(name, paths, model_name)


def _open_run(client: MlflowClient, paths: DeploymentPaths, run_name: str, identity: str) -> str:
    """The run that a killed call left for this bundle, or a new one."""
    query = f"tags.{BUNDLE_ID_TAG} = '{identity}'"
    left = client.search_runs([experiment_id(client, paths)], query, max_results=1)
    if left:
        return str(left[0].info.run_id)
    return start_run(client, paths, run_name, {BUNDLE_ID_TAG: identity})


def _log_model(client: MlflowClient, run_id: str, bundle_dir: Path) -> None:
    """Write the models-from-code folder locally and log it whole: no fluent, global MLflow
    state."""
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
                signature=_signature(bundle_dir),
                pip_requirements=["denguard"],  # given, else MLflow starts a process to guess them
            )
        client.log_artifacts(run_id, str(model), MODEL_FOLDER)


def _signature(bundle_dir: Path) -> ModelSignature:
    """What MLflow's predict takes and gives; see pyfunc_model.DenguardModel.predict."""
    meta: Any = read_json(bundle_dir / DESCRIPTION).get("meta")
    names = meta["covariate_names"]
    vector = Array(DataType.double)
    covariates = [ColSpec(DataType.double, name, required=False) for name in names]
    vectors = [ColSpec(vector, name, required=False) for name in ("image", "text")]
    row = [
        ColSpec(DataType.string, "municipality_code"),
        ColSpec(DataType.long, "horizon_weeks"),
        ColSpec(DataType.string, "origin_week", required=False),
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


def registry_state(
    paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> dict[str, Any]:
    """Everything that must not change when nothing is promoted, JSON-able, for comparing hashes."""
    paths = paths or deployment_paths()
    client = connect(paths)
    with registry_errors("the registry could not be listed"):
        found = [registered(v) for v in client.search_model_versions(f"name = '{model_name}'")]
    versions = [
        {"version": entry.version, "bundle_id": entry.bundle_id, "run_id": entry.run_id}
        for entry in sorted(found, key=lambda r: int(r.version))
    ]
    return {"versions": versions, "aliases": read_aliases(paths, model_name)}
