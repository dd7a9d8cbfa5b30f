"""Checks the form of a bundle folder before anything of it is read: files, hashes, keys."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.errors import StoreError
from pipelines.fusion.bundle_files import (
    DESCRIPTION,
    GOLDEN,
    PROMPT,
    THRESHOLDS,
    horizon_folder,
)
from pipelines.storage import manifest_of

REBUILD = "train again, or fetch the bundle again from the registry"
KEYS = ("files", "format", "meta", "models")  # of bundle.json


def require_files(folder: Path, recorded: object) -> None:
    """Raise StoreError unless the folder holds just the files that bundle.json lists, undamaged."""
    if not isinstance(recorded, dict) or GOLDEN not in recorded:
        raise StoreError(
            "bundle.json does not list the bundle's files", where=str(folder), fix=REBUILD
        )
    found = {name: sha for name, sha in manifest_of(folder).items() if name != DESCRIPTION}
    wrong = sorted(k for k in recorded.keys() | found.keys() if recorded.get(k) != found.get(k))
    if wrong:
        raise StoreError(
            f"absent, damaged or unexpected: {', '.join(wrong)}", where=str(folder), fix=REBUILD
        )


def require_keys(found: object, wanted: Iterable[str], part: str, folder: Path) -> dict[str, Any]:
    """A part of bundle.json that has these keys, all and no other. Raises StoreError."""
    if not isinstance(found, dict):
        raise StoreError(f"bundle.json has no {part}", where=str(folder), fix=REBUILD)
    strange = sorted(set(found) ^ set(wanted))
    if strange:
        raise StoreError(
            f"{part} of bundle.json has keys too many or too few: {', '.join(strange)}",
            where=str(folder),
            fix="use the denguard version that wrote it, or " + REBUILD,
        )
    return found


def require_places(folder: Path, files: Iterable[str], horizons: Iterable[int]) -> None:
    """Raise StoreError for a file that is neither the bundle's own nor in the folder of a horizon.

    A later kind brings what files it likes there; beside them they would be read by nobody.
    """
    own = tuple(f"{horizon_folder(horizon)}/" for horizon in horizons)
    known = (GOLDEN, PROMPT, THRESHOLDS)
    stray = sorted(name for name in files if name not in known and not name.startswith(own))
    if stray:
        raise StoreError(
            f"FORMAT 2 has no place for {', '.join(stray)}",
            where=str(folder),
            fix="use the denguard version that wrote it, or " + REBUILD,
        )
