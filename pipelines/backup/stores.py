"""Stores outside the home: shared artifacts, versions for analysts, MLflow's files.

A folder is copied as part of a backup. Of a bucket the list of its objects is kept, which a restore
holds against the bucket; its content is copied too if that is asked for.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Mapping
from hashlib import sha256
from pathlib import Path
from urllib.parse import unquote, urlparse

from pipelines.backup.places import folder_inside
from pipelines.backup.record import Held, Record, StoreCopy
from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError
from pipelines.storage.objects import in_parallel
from pipelines.storage.remote import Folder, Remote, remote

DESTINATION = "MLFLOW_ARTIFACTS_DESTINATION"  # MLflow's own name of where its server keeps files
_MLFLOW_KEYS = ("DENGUARD_MLFLOW_S3_ACCESS_KEY", "DENGUARD_MLFLOW_S3_SECRET_KEY")
_ADDRESSES = {
    "artifacts": ("DENGUARD_ARTIFACTS_URI",),
    "versions": ("DENGUARD_DVC_REMOTE",),
    "mlflow": ("DENGUARD_MLFLOW_ARTIFACTS_URI", DESTINATION),
}
_BY_CONTENT = re.compile(r"(.*/)?(objects/[0-9a-f]{2}/[0-9a-f]{64}|files/md5/[0-9a-f/]+)")
_PIECE_BYTES = 4 << 20


def stores_of(paths: DeploymentPaths) -> dict[str, str]:
    """Name -> address of what lies outside the folders that a backup copies anyway."""
    home = paths.root or paths.home
    walked = [home / room for room in ("artifacts", "data")]
    found: dict[str, str] = {}
    for name, variables in _ADDRESSES.items():
        uri = next((value for v in variables if (value := os.environ.get(v))), "")
        uri = unquote(urlparse(uri).path) if uri.startswith("file:") else uri
        if uri and not any(folder_inside(uri, room) for room in walked):
            found[name] = uri.rstrip("/")
    return found


def store_at(uri: str) -> Remote:
    """A store; the bucket of MLflow's server as that server, where its keys are given."""
    kept, (key, secret) = os.environ.get(DESTINATION), map(os.environ.get, _MLFLOW_KEYS)
    of_mlflow = bool(kept) and f"{uri}/".startswith(f"{str(kept).rstrip('/')}/")
    return remote(uri, (key, secret) if of_mlflow and key and secret else None)


def describe_store(name: str, uri: str, with_buckets: bool) -> StoreCopy:
    """What a store holds now."""
    store, sizes = store_at(uri), {}

    def ask(key: str) -> None:
        size = store.size(key)
        if size is not None:
            sizes[key] = size

    in_parallel(ask, store.keys(""))
    copied = with_buckets or isinstance(store, Folder)
    return StoreCopy(name=name, uri=uri, sizes=dict(sorted(sizes.items())), copied=copied)


def prefix_of(store: StoreCopy) -> str:
    """How names of its objects begin in the record."""
    return f"stores/{store.name}/"


def known_objects(store: StoreCopy, before: Record | None) -> dict[str, Held]:
    """Key -> file of the newest backup, of objects that cannot have changed since."""
    there = before.below(prefix_of(store)) if before else {}
    return {
        key: there[key]
        for key, size in store.sizes.items()
        if key in there and there[key].size == size and _BY_CONTENT.fullmatch(key)
    }


def local_copy(store: Remote, key: str, size: int, to: Path) -> Path:
    """An object as a file: of a folder itself, of a bucket fetched to `to`."""
    if isinstance(store, Folder):
        return Path(store.uri) / key
    with to.open("wb") as out:
        while (at := out.tell()) < size and (
            piece := store.part(key, at, min(at + _PIECE_BYTES, size))
        ):
            out.write(piece)
    return to


def put_back(
    store: StoreCopy, files: Mapping[str, Held], fetch: Callable[[Held, Path], Path], work: Path
) -> None:
    """Bring a store that was copied to what the backup says; objects that are there stay."""
    there = store_at(store.uri)

    def put(key: str) -> None:
        held = files[key]
        if there.size(key) == held.size and _BY_CONTENT.fullmatch(key):
            return
        temp = fetch(held, work / sha256(key.encode()).hexdigest())
        there.put(temp, key, held.sha256)
        temp.unlink()

    in_parallel(put, files)


def missing(store: StoreCopy) -> list[str]:
    """Objects of the list that the bucket lacks now, or has in another size."""
    there, wrong = store_at(store.uri), []

    def look(key: str) -> None:
        if there.size(key) != store.sizes[key]:
            wrong.append(key)

    in_parallel(look, store.sizes)
    return sorted(wrong)


def require_whole(store: StoreCopy) -> None:
    """Raise StoreError if a bucket of which only the list was kept lacks an object of it."""
    if lacks := missing(store):
        raise StoreError(
            f"the bucket lacks {len(lacks)} objects that the backup rests on, such as {lacks[0]}",
            where=store.uri,
            fix="restore the bucket first (from its versions or its own backup), then go on; or "
            "take a backup that was made with --with-buckets",
        )
