"""Deletes versions from the remote and from this home; finishes what an earlier call began."""

from __future__ import annotations

import shutil
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.ops.prune.versions import (
    cache_of,
    list_of_files,
    needed_objects,
    read_versions,
)
from pipelines.run.events import append_event
from pipelines.storage import read_json, write_json
from pipelines.storage.remote import Remote, remote
from pipelines.versioning import read_index, remote_uri, repository
from pipelines.versioning.catalogue import INDEX, index_bytes, parse_index
from pipelines.versioning.source import FOLDER, Source, object_key

Note = dict[str, list[str]]  # version -> MD5 of DVC's list of its files, then of the files


def delete_versions(paths: DeploymentPaths, names: list[str]) -> None:
    """Delete versions of this home.

    Raises:
        VersioningError, StoreError: the remote does not do what is asked; the next call goes on.
    """
    source, index = Source(remote_uri(paths)), read_index(paths)
    lists = {name: str(index[name]["md5"]) for name in names}
    note = {name: [md5, *(list_of_files(paths, source, md5) or ())] for name, md5 in lists.items()}
    size = sum(int(index[name].get("bytes", 0)) for name in names)
    write_json(_note_file(paths), {"versions": note})
    append_event(paths, "pruned", {"room": "versions", "names": names, "bytes": size})
    _go_on(paths, note)


def finish_interrupted(paths: DeploymentPaths) -> None:
    """Finish what a call that was cut off had begun, but keep a version that was made again."""
    if not _note_file(paths).is_file():
        return
    note: Note = read_json(_note_file(paths))["versions"]  # type: ignore[assignment]
    versions = read_versions(paths)
    listed = versions.without(
        ()
    )  # still whole: its files go last, and the plan decides about it anew
    _go_on(paths, {name: md5s for name, md5s in note.items() if name not in listed})


def _go_on(paths: DeploymentPaths, note: Note) -> None:
    store, source = remote(remote_uri(paths)), Source(remote_uri(paths))
    for name in note:
        for ending in ("json", "dvc"):
            store.delete(f"{FOLDER}/{name}.{ending}")
    _unlist_there(store, source, set(note))
    _unlist_here(paths, set(note))
    _delete_objects(paths, store, source, note)
    _note_file(paths).unlink()


def _unlist_there(store: Remote, source: Source, names: set[str]) -> None:
    before = source.read(INDEX)
    listed = parse_index(before)
    if listed is not None and names & set(listed):
        store.write(INDEX, index_bytes({n: one for n, one in listed.items() if n not in names}))


def _unlist_here(paths: DeploymentPaths, names: set[str]) -> None:
    """The index first: what it does not list, nobody misses."""
    repo, index = repository(paths), read_index(paths)
    if names & set(index):
        write_json(
            repo / "index.json", {"versions": {n: e for n, e in index.items() if n not in names}}
        )
    for name in names:
        shutil.rmtree(repo / name, ignore_errors=True)
        (repo / f"{name}.dvc").unlink(missing_ok=True)


def _delete_objects(paths: DeploymentPaths, store: Remote, source: Source, note: Note) -> None:
    """DVC's lists first: a list without its files would make DVC believe that they are there."""
    lists = list(dict.fromkeys(md5s[0] for md5s in note.values()))
    going = list(dict.fromkeys(md5 for md5s in note.values() for md5 in md5s[1:]))
    left = read_versions(paths).without(note)
    needed = (
        needed_objects(paths, source, left) if going else {str(e["md5"]) for e in left.values()}
    )
    for md5 in (*lists, *going):
        if md5 not in needed:
            store.delete(object_key(md5))
            (cache_of(paths) / md5[:2] / md5[2:]).unlink(missing_ok=True)


def _note_file(paths: DeploymentPaths) -> Any:
    return paths.artifacts / "prune" / "versions.json"
