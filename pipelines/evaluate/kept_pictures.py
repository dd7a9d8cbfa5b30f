"""A picture of the same numbers is not drawn again.

artifacts/cache/pictures/<content>/picture.json   the picture, and its hash
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import json
import logging
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from functools import wraps
from pathlib import Path
from typing import ParamSpec

from pipelines.contracts import FUSED_HEADS, content_id
from pipelines.errors import StoreError
from pipelines.storage import read_json, write_json
from pipelines.storage.code import code_id
from pipelines.storage.kept import note_use, write_in_use

P = ParamSpec("P")
log = logging.getLogger(__name__)
_FILE = "picture.json"


@dataclass(frozen=True)
class _Kept:
    folder: Path
    used: set[str] = field(default_factory=set)


_kept: ContextVar[_Kept | None] = ContextVar("kept", default=None)


@contextmanager
def kept_in(folder: Path) -> Iterator[None]:
    """While this holds, pictures are kept below a folder and taken from it."""
    kept = _Kept(folder)
    token = _kept.set(kept)
    try:
        yield
    finally:
        _kept.reset(token)
    write_in_use(folder, kept.used)


def kept_picture(draw: Callable[P, str]) -> Callable[P, str]:
    """Draw once for the same arguments, which are plain JSON values, and the same code."""

    @wraps(draw)
    def picture(*args: P.args, **kwargs: P.kwargs) -> str:
        if (kept := _kept.get()) is None:
            return draw(*args, **kwargs)
        kept.used.add(name := _name(draw.__name__, args, kwargs))
        found = _read(kept.folder / name)
        return found if found is not None else _write(kept.folder / name, draw(*args, **kwargs))

    return picture


def _name(drawing: str, args: tuple[object, ...], kwargs: Mapping[str, object]) -> str:
    given = json.dumps([args, kwargs])  # in the order given, which a legend follows
    versions = [importlib.metadata.version(name) for name in ("matplotlib", "numpy")]
    # A head that another distribution brings moves the colours.
    return content_id([drawing, given, list(FUSED_HEADS), code_id("evaluate"), versions])


def _read(folder: Path) -> str | None:
    """The picture; None if it was not drawn, or is not as it was written."""
    if not (folder / _FILE).is_file():
        return None
    try:
        record = read_json(folder / _FILE)
    except StoreError as err:
        log.warning("a kept picture cannot be read and is drawn again: %s", err)
        return None
    if _sha256(picture := str(record.get("picture"))) != record.get("sha256"):
        return None
    note_use(folder)
    return picture


def _write(folder: Path, picture: str) -> str:
    write_json(folder / _FILE, {"picture": picture, "sha256": _sha256(picture)})
    return picture


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
