"""Sync of drops and of the accepted version between machines that share a store.

Nothing here does anything unless DENGUARD_ARTIFACTS_URI is set.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from pipelines.config import Places
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


def exchange_drops(places: Places) -> None:
    """Publish the drops of this home and fetch the others, so that every machine sees the same.

    The same goes for what was withdrawn; a withdrawn drop's folder is not published any more.

    Raises:
        DropError: a folder is no drop, or an accepted drop has other content here.
        StoreError: the store refuses or does not answer.
    """
    store = shared(places)
    if store is None:
        return
    exchange_withdrawn(places)
    drops, errors = survey_drops(places.drops, withdrawn(places, "drop"))
    if errors:
        raise errors[0]
    for drop in drops:
        share_drop(places, drop)
    fetch_drops(places, store.names(_name(places, places.drops)))


def share_drop(places: Places, drop: Drop) -> None:
    """Publish one drop. A rejected drop may be made anew under its date; an accepted one never.

    Raises:
        DropError: the store holds an accepted drop of that date with other content.
    """
    store, name = shared(places), _name(places, drop.path)
    if store is None:
        return
    hashes = drop_manifest(drop, file_cache(places))
    mine, known = folder_id(hashes), store.published(name)
    if known is None:
        store.share(drop.path, hashes)
        return
    store.bring(_name(places, accepted_file(places)))
    if known.content_id != mine and accepted_drops(places).get(drop.name) == known.content_id:
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


def fetch_drops(places: Places, names: Iterable[str]) -> None:
    """Have these drops in this home."""
    if store := shared(places):
        for name in sorted(set(names)):
            store.bring(_name(places, places.drops / name))


def fetch_accepted(places: Places) -> None:
    """Have the accepted version, its tables and its drops in this home."""
    if store := shared(places):
        store.bring(_name(places, accepted_file(places)))
        if version := accepted_version(places):
            store.bring(_name(places, places.artifacts / "datasets" / version))
        fetch_drops(places, accepted_drops(places))


def share_accepted(places: Places) -> None:
    """Publish the pointer to the accepted version, last thing of a snapshot."""
    if store := shared(places):
        store.share(accepted_file(places))


def _name(places: Places, path: Path) -> str:
    return path.relative_to(places.home).as_posix()
