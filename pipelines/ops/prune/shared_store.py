"""Deletes what was pruned from the store that machines share (DENGUARD_ARTIFACTS_URI), too.

The names are noted before anything is deleted here (artifacts/prune/afar.json). What is published
under them goes first, then the objects that no other name holds; a call that was cut off is
finished by the next one. A name that lies here again was made again since, and is kept.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.embed.store import store_root
from pipelines.embed.sync import marks_of
from pipelines.storage import read_json, shared, write_json
from pipelines.storage.objects import in_parallel, object_key
from pipelines.storage.remote import Remote
from pipelines.storage.sharing import RECORDS
from pipelines.storage.transfer import MANIFESTS, manifest_key, read_manifest


def begin(paths: DeploymentPaths, names: Iterable[str]) -> None:
    """Note what will be deleted; nothing if this deployment shares no store."""
    if shared(paths) is not None and (noted := list(names)):
        write_json(_note_file(paths), {"names": noted, "objects": []})


def finish(paths: DeploymentPaths) -> None:
    """Delete in the store what was noted and is not here any more.

    Raises:
        StoreError: the store does not do what is asked, or something published cannot be read, so
            that nobody knows which objects it holds.
    """
    sharing = shared(paths)
    if sharing is None or not _note_file(paths).is_file():
        return
    store, note = sharing.store, _read_note(paths)
    deleted = [name for name in note["names"] if not (paths.home / name).exists()]
    published = {
        key.removeprefix(f"{MANIFESTS}/").removesuffix(".json") for key in store.keys(MANIFESTS)
    }
    going = {name for name in published if _is_below(name, deleted)}
    spaces = [Path(name).name for name in deleted if Path(name).parent == _spaces(paths)]
    marks = {key for space in spaces for key in store.keys(marks_of(space))}
    objects = {*note["objects"], *_held(store, going), *(Path(key).stem for key in marks)}
    write_json(_note_file(paths), {"names": deleted, "objects": sorted(objects)})
    for key in marks:  # first: a machine that reads a mark looks for its object
        store.delete(key)
    for name in going:
        store.delete(manifest_key(name))
    for key in store.keys(RECORDS):
        if _is_below(key.removeprefix(f"{RECORDS}/"), deleted):
            store.delete(key)
    needed = _held(store, published - going) if objects else set()
    in_parallel(store.delete, [object_key(sha256) for sha256 in objects - needed])
    _note_file(paths).unlink()


def _spaces(paths: DeploymentPaths) -> Path:
    return store_root(paths).relative_to(paths.home)


def _is_below(name: str, folders: list[str]) -> bool:
    return any(name == one or name.startswith(f"{one}/") for one in folders)


def _held(store: Remote, names: set[str]) -> set[str]:
    """SHA-256 of everything that is published under these names."""
    found: set[str] = set()

    def read(name: str) -> None:
        if manifest := read_manifest(store, name):
            found.update(content.sha256 for content in manifest.files.values())

    in_parallel(read, names)
    return found


def _read_note(paths: DeploymentPaths) -> dict[str, Any]:
    note: dict[str, Any] = read_json(_note_file(paths))
    return note


def _note_file(paths: DeploymentPaths) -> Path:
    return paths.artifacts / "prune" / "afar.json"
