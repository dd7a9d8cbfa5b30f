"""One file per data source; each reads drops in its own layout into the same raw shape.

A new source is one new file with `read_raw(drop) -> RawDrop` and one line in contracts.SOURCES. Who knows
which columns matter is the source; who judges values is expectations.py.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import TYPE_CHECKING

from pipelines.contracts import SOURCES
from pipelines.errors import ConfigError

if TYPE_CHECKING:
    from pipelines.data.drops import Drop
    from pipelines.data.raw import RawDrop


def raw_reader(source: str) -> Callable[[Drop], RawDrop]:
    """The function that reads a source's drops. Raises ConfigError for an unknown source."""
    if source not in SOURCES:
        raise ConfigError(f"no source {source!r}", fix=f"use one of {sorted(SOURCES)}")
    reader: Callable[[Drop], RawDrop] = import_module(SOURCES[source]).read_raw
    return reader
