"""Which version serves, and its bundle, read without MLflow where that is possible.

Importing MLflow takes a second and a hundred megabytes, and the endpoint asks it one question. Its
SQLite file and its REST API answer that; any other store, and every answer that is not as
expected, is left to MLflow (lookup.py), whose errors say what is wrong.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, replace
from http.client import HTTPException
from pathlib import Path
from typing import Any, Protocol
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

from pipelines.config import DeploymentPaths
from pipelines.contracts import CHAMPION, PREVIOUS, SUPERSEDED
from pipelines.fusion.bundle_files import is_bundle
from pipelines.registry.named import (
    ADOPTED_TAG,
    ROLLED_BACK_TAG,
    Registered,
    as_registered,
    sqlite_file,
)

_TIMEOUT_S = 15.0
_ALIAS_PATH = "/api/2.0/mlflow/registered-models/alias"
_NONE = ("RESOURCE_DOES_NOT_EXIST", "INVALID_PARAMETER_VALUE")
# Settings of MLflow's own client that are about who asks and whom it trusts.
_OF_ITS_CLIENT = (
    "MLFLOW_TRACKING_USERNAME", "MLFLOW_TRACKING_PASSWORD", "MLFLOW_TRACKING_TOKEN",
    "MLFLOW_TRACKING_AUTH", "MLFLOW_TRACKING_AWS_SIGV4", "MLFLOW_TRACKING_INSECURE_TLS",
    "MLFLOW_TRACKING_SERVER_CERT_PATH", "MLFLOW_TRACKING_CLIENT_CERT_PATH", "MLFLOW_WORKSPACE",
)  # fmt: skip
_VERSION = (
    "SELECT v.version, v.run_id, v.source FROM registered_model_aliases a "
    "JOIN model_versions v ON v.name = a.name AND v.version = a.version "
    "WHERE a.name = ? AND a.alias = ? AND v.current_stage <> 'Deleted_Internal'"
)
_TAGS = "SELECT key, value FROM model_version_tags WHERE name = ? AND version = ?"
Tagged = tuple[Registered, Mapping[str, str]]


class AsksMlflow(Exception):
    """This store, or this answer, is for MLflow itself to read."""


class _Reader(Protocol):
    def named(self, model_name: str, alias: str) -> Tagged | None:
        """The version that an alias names, with its tags. Raises AsksMlflow."""


def serving_version(paths: DeploymentPaths, model_name: str) -> Registered | None:
    """As lookup.serving_version. Raises RegistryError if the registry does not answer."""
    try:
        reader = _reader(paths.tracking_uri)
        champion = reader.named(model_name, CHAMPION)
        if champion is not None:
            return champion[0]
        old = reader.named(model_name, SUPERSEDED)
    except AsksMlflow:
        from pipelines.registry import lookup

        return lookup.serving_version(paths, model_name)
    return None if old is None else replace(old[0], adopted_rule=old[1].get(ADOPTED_TAG))


def former_version(paths: DeploymentPaths, model_name: str) -> Registered | None:
    """As lookup.former_version. Raises RegistryError if the registry does not answer."""
    try:
        former = _reader(paths.tracking_uri).named(model_name, PREVIOUS)
    except AsksMlflow:
        from pipelines.registry import lookup

        return lookup.former_version(paths, model_name)
    return None if former is None or ROLLED_BACK_TAG in former[1] else former[0]


def bundle_folder(
    named: Registered, paths: DeploymentPaths, model_name: str, to: Path | None = None
) -> Path:
    """Where a version's bundle lies, undamaged; fetched if it is not here.

    Args:
        to: folder for what is fetched; none = artifacts/bundles.

    Raises:
        RegistryError, StoreError: as lookup.fetch_bundle.
    """
    folder = paths.artifacts / "bundles" / named.bundle_id
    if is_bundle(folder, named.bundle_id):
        return folder
    from pipelines.registry.lookup import fetch_bundle

    return fetch_bundle(named.version, to, paths, model_name)


def _reader(uri: str) -> _Reader:
    file = sqlite_file(uri)
    if any(os.environ.get(name) for name in _OF_ITS_CLIENT):
        raise AsksMlflow
    if file is not None and file.is_file():
        return _File(file)
    if uri.startswith(("http://", "https://")):
        return _Rest(uri.rstrip("/"))
    raise AsksMlflow


@dataclass(frozen=True)
class _File:
    path: Path

    def named(self, model_name: str, alias: str) -> Tagged | None:
        """By two questions to the database, which is opened to be read only."""
        uri = f"{self.path.absolute().as_uri()}?mode=ro"
        try:
            with closing(sqlite3.connect(uri, uri=True, timeout=_TIMEOUT_S)) as database:
                found = database.execute(_VERSION, (model_name, alias)).fetchall()
                if not found:
                    return None
                ((version, run_id, source),) = found  # one workspace alone
                tags = dict(database.execute(_TAGS, (model_name, version)).fetchall())
        except (sqlite3.Error, ValueError) as err:
            raise AsksMlflow from err
        return as_registered(version, run_id, source, tags), tags


@dataclass(frozen=True)
class _Rest:
    server: str

    def named(self, model_name: str, alias: str) -> Tagged | None:
        """By one request."""
        asked = f"{self.server}{_ALIAS_PATH}?{urlencode({'name': model_name, 'alias': alias})}"
        try:
            with urlopen(Request(asked), timeout=_TIMEOUT_S) as answer:  # noqa: S310  (http or https)
                found: Mapping[str, Any] = json.load(answer)["model_version"]
                tags = {tag["key"]: tag["value"] for tag in found.get("tags", ())}
                version = found["version"]
        except HTTPError as err:
            if _code_of(err) in _NONE:
                return None
            raise AsksMlflow from err
        except (OSError, HTTPException, ValueError, LookupError, TypeError) as err:
            raise AsksMlflow from err
        return as_registered(version, found.get("run_id"), found.get("source"), tags), tags


def _code_of(err: HTTPError) -> object:
    try:
        return json.load(err).get("error_code")
    except (OSError, ValueError, AttributeError):
        return None
