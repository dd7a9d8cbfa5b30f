"""Who serves, and its bytes, as the registry's database and files say: without MLflow.

A backup, a restore and an upgrade are made while MLflow's server may be down, or the schema of its
database is older than the installed MLflow opens.
"""

from __future__ import annotations

import hashlib
import os
from urllib.parse import unquote, urlparse

from pipelines.backup.databases import Database
from pipelines.backup.stores import DESTINATION, store_at
from pipelines.contracts import CHAMPION
from pipelines.errors import StoreError
from pipelines.storage import folder_id
from pipelines.storage.remote import Remote

_BUNDLE = "model/artifacts/bundle"  # of a run's files
_PIECE_BYTES = 4 << 20
_SERVING = (
    "select a.version, r.artifact_uri from registered_model_aliases a "
    "join model_versions v on v.name = a.name and v.version = a.version "
    "join runs r on r.run_uuid = v.run_id where a.alias = '{alias}' and a.name = '{name}'"
)


def serving(database: Database, model_name: str) -> tuple[str, str]:
    """Version of the champion and the address of its run's files; "" where nobody serves."""
    if "registered_model_aliases" not in database.tables():
        return "", ""  # not yet, or of an MLflow before aliases
    rows = database.ask(_SERVING.format(alias=CHAMPION, name=model_name))
    return (rows[0][0], rows[0][1]) if rows else ("", "")


def bundle_content(files: str) -> str:
    """Content id of the bundle among a run's files, every byte of it read.

    Raises:
        StoreError: the files are not there, or their place is known to MLflow's server alone.
    """
    store = store_at(_place(files))
    keys = store.keys(_BUNDLE)
    if not keys:
        raise StoreError(
            "the champion's bundle is not where the registry says",
            where=f"{store.uri}/{_BUNDLE}",
            fix="restore a backup, or let another version serve: denguard promote",
        )
    return folder_id({key.removeprefix(f"{_BUNDLE}/"): _sha256(store, key) for key in keys})


def _place(files: str) -> str:
    at = urlparse(files)
    if at.scheme == "mlflow-artifacts":
        if not (destination := os.environ.get(DESTINATION)):
            raise StoreError(
                "only MLflow's server knows where its files lie",
                where=files,
                fix=f"set {DESTINATION} to the server's own",
            )
        return _place(f"{destination.rstrip('/')}{at.path}")
    return unquote(at.path) if at.scheme in ("", "file") else files


def _sha256(store: Remote, key: str) -> str:
    digest, at, size = hashlib.sha256(), 0, store.size(key) or 0
    while at < size and (piece := store.part(key, at, min(at + _PIECE_BYTES, size))):
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
