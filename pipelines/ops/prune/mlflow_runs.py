"""MLflow's runs and model versions, where MLflow is the home's own database file.

A model version that was taken out of service is kept for ever: its tag says that it must not
serve again. A server's runs are left to whoever runs the server, since other homes may have theirs
there.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlparse

from pipelines.config import DeploymentPaths
from pipelines.lineage.graph import key_of
from pipelines.lineage.registered import every_version
from pipelines.lineage.runs import version_id
from pipelines.ops.prune.items import Item, size_of
from pipelines.ops.prune.retained import Retained

if TYPE_CHECKING:
    from mlflow.entities import Run
    from mlflow.entities.model_registry import ModelVersion
    from mlflow.tracking import MlflowClient

ROOM = "mlflow"
_PAGE = 1000


@dataclass(frozen=True)
class Recorded:
    """One run of MLflow that goes: its files (None if there are none here) and its model
    versions."""

    run: Run
    files: Path | None
    versions: tuple[ModelVersion, ...]

    @property
    def names(self) -> list[str]:
        """Keys of the graph, as events and `trace` know them."""
        of = [key_of("model_version", version_id(v.name, v.version)) for v in self.versions]
        return [*of, key_of("mlflow_run", self.run.info.run_id)]


def of_mlflow(paths: DeploymentPaths, retained: Retained) -> list[Item]:
    """A line for each run that goes."""
    why = f"older than {retained.retention.runs_weeks} weeks; no kept forecast or alias needs it"
    return [
        Item(ROOM, " ".join(one.names), size_of(one.files) if one.files else 0, why)
        for one in unneeded_runs(paths, retained)
    ]


def unneeded_runs(paths: DeploymentPaths, retained: Retained) -> list[Recorded]:
    """Runs of MLflow that nothing needs. Raises RegistryError if it does not answer."""
    from pipelines.registry.lookup import registry_errors

    client = own_client(paths)
    if client is None:
        return []
    before_ms = (retained.now - timedelta(weeks=retained.retention.runs_weeks)).timestamp() * 1000
    with registry_errors("MLflow's runs could not be listed"):
        versions: dict[str, list[ModelVersion]] = {}
        for _, version in every_version(client):
            versions.setdefault(str(version.run_id), []).append(version)
        found = [
            Recorded(run, _files(paths, run), tuple(versions.get(run.info.run_id, ())))
            for run in _runs(client)
        ]
    return [one for one in found if one.run.info.start_time < before_ms and _may_go(one, retained)]


def delete_run(client: MlflowClient, one: Recorded) -> None:
    """Delete it in the registry: its versions first, so that none is without its files."""
    from pipelines.registry.lookup import registry_errors

    with registry_errors(f"MLflow run {one.run.info.run_id} could not be deleted"):
        for version in one.versions:
            client.delete_model_version(version.name, str(version.version))
        if one.run.info.lifecycle_stage == "active":
            client.delete_run(one.run.info.run_id)


def own_client(paths: DeploymentPaths) -> MlflowClient | None:
    """A client of a database file below artifacts/; None for a server or where there is none."""
    from pipelines.registry.lookup import connect, sqlite_file

    database = sqlite_file(paths.tracking_uri)
    if database is None or not database.is_file() or not database.is_relative_to(paths.artifacts):
        return None
    return connect(paths)


def _may_go(one: Recorded, retained: Retained) -> bool:
    if one.run.info.lifecycle_stage != "active" and one.files is None:
        return False  # it went before
    out_of_service = any("rolled_back" in version.tags for version in one.versions)
    return not out_of_service and retained.needed.isdisjoint(one.names)


def _runs(client: MlflowClient) -> list[Run]:
    """Of our experiment, those that were deleted included: their files may still lie here."""
    from mlflow.entities import ViewType

    from pipelines.registry.tracking import EXPERIMENT

    experiment = client.get_experiment_by_name(EXPERIMENT)
    found: list[Run] = []
    token = None
    while experiment is not None:
        page = client.search_runs(
            [experiment.experiment_id],
            run_view_type=ViewType.ALL,
            max_results=_PAGE,
            page_token=token,
        )
        found += page
        token = page.token
        if not token:
            break
    return found


def _files(paths: DeploymentPaths, run: Run) -> Path | None:
    """The run's folder, if it lies below artifacts/."""
    at = urlparse(str(run.info.artifact_uri))
    folder = Path(unquote(at.path)).parent
    ours = at.scheme in ("", "file") and folder.name == run.info.run_id
    return folder if ours and folder.is_dir() and folder.is_relative_to(paths.artifacts) else None
