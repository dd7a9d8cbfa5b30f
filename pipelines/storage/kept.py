"""Results that are kept by content so that no run makes them twice: which of them are in use."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pipelines.storage.files import read_json, write_json

log = logging.getLogger(__name__)


def note_use(kept: Path) -> None:
    """Let the age of a kept folder count from now."""
    try:
        os.utime(kept)
    except OSError as err:  # it is used all the same; prune goes by the newest run's list as well
        log.debug("the use of %s could not be noted: %s", kept, err)


def write_in_use(root: Path, names: Iterable[str]) -> None:
    """Say which of what lies below `root` the newest run used."""
    write_json(in_use(root), {"used": sorted(names)})


def read_in_use(root: Path) -> set[str] | None:
    """What the newest run used, as paths relative to `root`; None if no run said so.

    Raises:
        StoreError: the record is there and cannot be read.
    """
    if not in_use(root).is_file():
        return None
    record: dict[str, Any] = read_json(in_use(root))
    return set(map(str, record["used"])) if "used" in record else None


def in_use(root: Path) -> Path:
    """The file that says so, beside the folder."""
    return root.with_name(f"{root.name}.json")
