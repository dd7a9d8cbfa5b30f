"""Sync of vector spaces between machines that share a store.

Shards are immutable and named by content, so a home fetches those it lacks and publishes those the
store lacks: a new week costs the new week. Beside the shards go the space's records (golden vectors
and their inputs, checked library versions), so that every machine checks itself against the same.
Nothing here does anything unless DENGUARD_ARTIFACTS_URI is set.

    vectors/<space_id>/<shard>.parquet    an empty mark, written after the shard's bytes: one list
                                          call tells what a space holds
"""

from __future__ import annotations

from pathlib import Path

from pipelines.config import DeploymentPaths, EncoderConfig
from pipelines.data.sync import fetch_drops
from pipelines.embed.base import describe_encoder
from pipelines.embed.store import store_root
from pipelines.embed.work import read_work
from pipelines.storage import shared
from pipelines.storage.objects import (
    fetch_objects,
    fetching,
    in_parallel,
    send_object,
    stored,
)
from pipelines.storage.remote import Remote

_GOLDEN_INPUTS, _GOLDEN, _SPACE = "golden", "golden.json", "space.json"


def fetch_spaces(paths: DeploymentPaths, *encoders: EncoderConfig) -> None:
    """Have every published vector of these encoders in this home."""
    for encoder in encoders if shared(paths) else ():
        space_id = describe_encoder(encoder, paths).space_id
        fetch_space_records(paths, space_id)
        _fetch_shards(paths, space_id)


def fetch_space_records(paths: DeploymentPaths, space_id: str) -> None:
    """Have a space's golden vectors and checked versions in this home: enough to embed into it."""
    if store := shared(paths):
        folder = store_root(paths) / space_id
        for part in (_GOLDEN_INPUTS, _GOLDEN, _SPACE):  # golden.json says that its inputs are there
            store.bring(_name(paths, folder / part))


def fetch_work(paths: DeploymentPaths, work_file: Path) -> None:
    """Have what one shard of work needs: the drops its scenes lie in, its space's records."""
    if shared(paths):
        work = read_work(work_file)
        uris = [Path(item.uri).parts for item in work.inputs if item.uri]
        fetch_drops(paths, {parts[1] for parts in uris})  # drops/<received_date>/images/...
        fetch_space_records(paths, work.space_id)


def share_space(paths: DeploymentPaths, space_id: str) -> None:
    """Publish what this home holds of a space and the store does not: bytes first, then
    the mark."""
    store = shared(paths)
    if store is None:
        return
    folder = store_root(paths) / space_id
    fresh = _shards(folder) - store.store.names(marks_of(space_id))
    remote = store.store
    in_parallel(lambda name: _share_shard(remote, folder / name, marks_of(space_id)), sorted(fresh))
    for part in (_GOLDEN_INPUTS, _GOLDEN):  # of two machines that begin a space, the first decides
        if (folder / part).exists() and store.published(_name(paths, folder / part)) is None:
            store.share(folder / part)
    if (folder / _SPACE).is_file():
        store.share(folder / _SPACE)


def _share_shard(store: Remote, shard: Path, marks: str) -> None:
    send_object(store, shard, shard.stem, shard.stat().st_size)
    store.write(f"{marks}/{shard.name}", b"")


def _fetch_shards(paths: DeploymentPaths, space_id: str) -> None:
    store = shared(paths)
    if store is None:
        return
    folder, remote = store_root(paths) / space_id, store.store
    published = remote.names(marks_of(space_id))
    with fetching(folder, paths.artifacts / "locks" / f"shards-{space_id}") as begun:
        lacking = sorted(published - _shards(folder))
        contents = {folder / name: stored(remote, Path(name).stem) for name in lacking}
        fetch_objects(remote, contents, begun, mode=0o444)  # feature folders hold hard links to it


def _shards(folder: Path) -> set[str]:
    return {path.name for path in folder.glob("*.parquet")}


def marks_of(space_id: str) -> str:
    """Where the store lists the shards of a space."""
    return f"vectors/{space_id}"


def _name(paths: DeploymentPaths, path: Path) -> str:
    return path.relative_to(paths.home).as_posix()
