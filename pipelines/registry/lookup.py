"""The registry as a reader sees it: which version an alias names, and its bundle as a local folder.

Through mlflow-skinny alone, because the endpoint's image has nothing heavier. Nothing here writes
to the registry.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from mlflow.entities.model_registry import ModelVersion
from mlflow.exceptions import MlflowException
from mlflow.tracking import MlflowClient
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.contracts import CHALLENGER, CHAMPION, PREVIOUS, SUPERSEDED
from pipelines.errors import RegistryError, StoreError
from pipelines.fusion.bundle_files import is_bundle
from pipelines.registry.named import (
    ADOPTED_TAG,
    BUNDLE_ID_TAG,
    MODEL_NAME,
    PROVISIONAL_TAG,
    ROLLED_BACK_TAG,
    Registered,
    as_registered,
    sqlite_file,
)
from pipelines.storage import sync_folder, sync_tree

__all__ = [
    "ADOPTED_TAG",
    "ALIASES",
    "BUNDLE_ID_TAG",
    "MODEL_NAME",
    "PROVISIONAL_TAG",
    "Registered",
    "connect",
    "fetch_bundle",
    "find_version",
    "former_version",
    "get_version",
    "lookup",
    "registered",
    "registry_errors",
    "serving_version",
    "sqlite_file",
]

ALIASES = (CHAMPION, CHALLENGER, PREVIOUS)
MODEL_FOLDER = "model"  # of a run's artifacts; holds MLmodel and artifacts/bundle
BUNDLE_PATH = f"{MODEL_FOLDER}/artifacts/bundle"
_ABSENT = "RESOURCE_DOES_NOT_EXIST"
# What MLflow's client says of a server that does not answer, and of one in trouble.
_PASSING = ("INTERNAL_ERROR", "TEMPORARILY_UNAVAILABLE", "REQUEST_LIMIT_EXCEEDED")


def connect(paths: DeploymentPaths | None = None) -> MlflowClient:
    """A client; its timeouts are set in the package's __init__.

    Raises:
        RegistryError: a SQLite registry that nobody has made yet. Opening it here would make it,
            in a race with the set-up that migrates it.
    """
    uri = (paths or deployment_paths()).tracking_uri
    database = sqlite_file(uri)
    if database is not None and not database.is_file():
        raise RegistryError(
            "there is no registry yet",
            where=str(database),
            fix="run the weekly cycle once, or `make demo`",
        )
    with registry_errors("the registry could not be opened"):
        return MlflowClient(tracking_uri=uri, registry_uri=uri)


@contextmanager
def registry_errors(what: str) -> Iterator[None]:
    """Turn MLflow's, the database's and the disk's errors into RegistryError."""
    try:
        yield
    except ImportError as err:  # mlflow-skinny finds out late what a kind of store needs
        raise RegistryError(
            f"{what}: {err}",
            where="MLflow",
            fix=(
                "install denguard[serving] (and denguard[s3] if MLflow's files lie on S3) with "
                "requirements.lock, or use an http MLFLOW_TRACKING_URI"
            ),
        ) from err
    except (MlflowException, SQLAlchemyError, OSError) as err:
        raise RegistryError(
            f"{what}: {_reason(err)}",
            where="MLflow",
            fix="check MLFLOW_TRACKING_URI and that MLflow answers, then run the step again",
            away=_is_away(err),
        ) from err
    except Exception as err:  # boto3's errors have no common base that could be named without it
        if not type(err).__module__.startswith(("boto3.", "botocore.")):
            raise
        raise RegistryError(
            f"{what}: {str(err).strip().splitlines()[0]}",
            where="MLflow's files on S3",
            fix=(
                "check AWS_ENDPOINT_URL, the credentials and that the bucket takes writes, then "
                "run the step again; it goes on where it stopped"
            ),
            away=True,
        ) from err


def _is_away(err: Exception) -> bool:
    """Whether MLflow or its database did not answer, or could not just then; a refusal is none."""
    if isinstance(err, MlflowException):
        return err.error_code in _PASSING
    return isinstance(err, OperationalError | ConnectionError | TimeoutError)


def _reason(err: Exception) -> str:
    """The first line for people; of a server that does not answer, not the client's whole story."""
    line = (str(err).strip() or type(err).__name__).splitlines()[0]
    if found := re.search(
        r"Max retries exceeded.*(Connection refused|timed out|Name or service not known)", line
    ):
        return f"it does not answer ({found[1]})"
    return line


def _is_unknown(client: MlflowClient, err: MlflowException, model_name: str) -> bool:
    """Whether the registry has no such model, version or alias."""
    if err.error_code in {_ABSENT, "INVALID_PARAMETER_VALUE"}:
        return True
    # An MLflow with users refuses a model that it does not know like one that is somebody else's.
    refused = err.error_code == "PERMISSION_DENIED"
    return refused and not client.search_registered_models(f"name = '{model_name}'")


def lookup(
    alias: str, paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> Registered | None:
    """The version that an alias names, or None if it names none.

    Reads `get_model_version_by_alias` only: searches return versions with their aliases empty.
    """
    client = connect(paths)
    with registry_errors(f"alias {alias!r} could not be read"):
        try:
            return registered(client.get_model_version_by_alias(model_name, alias))
        except MlflowException as err:
            if _is_unknown(client, err, model_name):
                return None
            raise


def get_version(
    version: str | int, paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> Registered:
    """One version by number. Raises RegistryError if there is no such version."""
    found = find_version(version, paths, model_name)
    if found is None:
        raise RegistryError(
            f"there is no version {version} of model {model_name}",
            where="MLflow",
            fix="denguard audit lists the versions that served",
        )
    return found


def find_version(
    version: str | int, paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> Registered | None:
    """One version by number, or None. Raises RegistryError if the registry does not answer."""
    client = connect(paths)
    with registry_errors(f"version {version} could not be read"):
        try:
            return registered(client.get_model_version(model_name, str(version)))
        except MlflowException as err:
            if not _is_unknown(client, err, model_name):
                raise
            return None


def registered(found: ModelVersion) -> Registered:
    """Our record of MLflow's model version."""
    return as_registered(found.version, found.run_id, found.source, found.tags)


def serving_version(
    paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> Registered | None:
    """The champion; between two lines of models the one of the old line, with the adopted rule.

    None where neither is. Raises RegistryError if the registry does not answer.
    """
    champion = lookup(CHAMPION, paths, model_name)
    if champion is not None:
        return champion
    old = lookup(SUPERSEDED, paths, model_name)
    if old is None:
        return None
    return replace(old, adopted_rule=_tags(old, paths, model_name).get(ADOPTED_TAG))


def former_version(
    paths: DeploymentPaths | None = None, model_name: str = MODEL_NAME
) -> Registered | None:
    """Who served before the champion; None if nobody did, or a person took it out of service.

    Raises RegistryError if the registry does not answer.
    """
    former = lookup(PREVIOUS, paths, model_name)
    if former is None or ROLLED_BACK_TAG in _tags(former, paths, model_name):
        return None
    return former


def _tags(found: Registered, paths: DeploymentPaths | None, model_name: str) -> Mapping[str, str]:
    client = connect(paths)
    with registry_errors(f"the tags of version {found.version} could not be read"):
        tags: Mapping[str, str] = client.get_model_version(model_name, found.version).tags
    return tags


def fetch_bundle(
    version: str | int,
    to: Path | None = None,
    paths: DeploymentPaths | None = None,
    model_name: str = MODEL_NAME,
) -> Path:
    """Bring a version's bundle to `<to>/<bundle_id>/`, by default under artifacts/bundles/.

    A folder that is there and still has its content id is used as it is; a damaged one is fetched
    again.

    Raises:
        RegistryError: no such version, or its files cannot be fetched.
        StoreError: what was fetched is not the bundle that was registered.
    """
    paths = paths or deployment_paths()
    wanted = get_version(version, paths, model_name)
    cache = to or paths.artifacts / "bundles"
    final = cache / wanted.bundle_id
    if is_bundle(final, wanted.bundle_id):
        return final
    cache.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetch-") as scratch:
        got = _download(wanted, Path(scratch), paths)
        if not is_bundle(got, wanted.bundle_id):
            raise StoreError(
                "the registered bundle is damaged or not the one that was registered",
                where=f"version {wanted.version}, bundle {wanted.bundle_id}",
                fix="register the run's bundle again, or move the alias back",
            )
        _put(got, final, wanted.bundle_id)
    return final


def _download(wanted: Registered, scratch: Path, paths: DeploymentPaths) -> Path:
    client = connect(paths)
    with registry_errors(f"the bundle of version {wanted.version} could not be fetched"):
        return Path(client.download_artifacts(wanted.run_id, BUNDLE_PATH, str(scratch)))


def _put(got: Path, final: Path, identity: str) -> None:
    """Move a verified folder into place; another process may have been first, with equal
    content."""
    if final.exists() and not is_bundle(final, identity):
        shutil.rmtree(final)
    try:
        sync_tree(got)
        got.rename(final)
        sync_folder(final.parent)
    except OSError as err:
        if not is_bundle(final, identity):
            raise StoreError(
                f"the bundle could not be put in place: {err}",
                where=str(final),
                fix="check disk and permissions",
            ) from err
