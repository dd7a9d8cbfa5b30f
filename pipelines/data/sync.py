"""Sync of drops and of the accepted version between machines that share a store.

Nothing here does anything unless DENGUARD_ARTIFACTS_URI is set.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.data.drops import Drop, drop_manifest, survey_drops
from pipelines.data.intake import (
    accepted_drops,
    accepted_file,
    accepted_version,
    file_cache,
)
from pipelines.errors import DropError
from pipelines.run.withdrawn import exchange_withdrawn, withdrawn
from pipelines.storage import folder_id, shared


def exchange_drops(paths: DeploymentPaths) -> None:
    """Publish the drops of this home and fetch the others, so that every machine sees the same.

    The same goes for what was withdrawn; a withdrawn drop's folder is not published any more.

    Raises:
        DropError: a folder is no drop, or an accepted drop has other content here.
        StoreError: the store refuses or does not answer.
    """
    store = shared(paths)
    if store is None:
        return
    exchange_withdrawn(paths)
    drops, errors = survey_drops(paths.drops, withdrawn(paths, "drop"))
    if errors:
        raise errors[0]
    for drop in drops:
        share_drop(paths, drop)
    fetch_drops(paths, store.names(_name(paths, paths.drops)))


def share_drop(paths: DeploymentPaths, drop: Drop) -> None:
    """Publish one drop. A rejected drop may be made anew under its date; an accepted one never.

    Raises:
        DropError: the store holds an accepted drop of that date with other content.
    """
    store, name = shared(paths), _name(paths, drop.path)
    if store is None:
        return
    hashes = drop_manifest(drop, file_cache(paths))
    mine, known = folder_id(hashes), store.published(name)
    if known is None:
        store.share(drop.path, hashes)
        return
    store.bring(_name(paths, accepted_file(paths)))
    if known.content_id != mine and accepted_drops(paths).get(drop.name) == known.content_id:
        raise DropError(
            "it differs from the accepted drop of that date, and drops never change",
            where=drop.name,
            fix=(
                "remove the folder, the accepted one is fetched again; bring corrections as a new "
                "drop"
            ),
        )
    if known.content_id != mine and store.last_seen(name) != mine:  # made here since, not fetched
        store.share(drop.path, hashes)


def fetch_drops(paths: DeploymentPaths, names: Iterable[str]) -> None:
    """Have these drops in this home."""
    if store := shared(paths):
        for name in sorted(set(names)):
            store.bring(_name(paths, paths.drops / name))


def fetch_accepted(paths: DeploymentPaths) -> None:
    """Have the accepted version, its tables and its drops in this home."""
    if store := shared(paths):
        store.bring(_name(paths, accepted_file(paths)))
        if version := accepted_version(paths):
            store.bring(_name(paths, paths.artifacts / "datasets" / version))
        fetch_drops(paths, accepted_drops(paths))


def share_accepted(paths: DeploymentPaths) -> None:
    """Publish the pointer to the accepted version, last thing of a snapshot."""
    if store := shared(paths):
        store.share(accepted_file(paths))


def _name(paths: DeploymentPaths, path: Path) -> str:
    return path.relative_to(paths.home).as_posix()
