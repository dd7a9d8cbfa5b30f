"""Adapters: one file of a drop, in one layout, into tidy cells.

A new adapter is one new file with `read`, and one line in contracts.ADAPTERS or an entry point of
the group `denguard.adapters`. What a file really is decides, not its name. A line list is
aggregated while it is read: no person's record, age or sex leaves an adapter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Protocol

import pandas as pd

from pipelines.codes import UnitCodes
from pipelines.contracts import ADAPTERS, Issue
from pipelines.data.raw import (
    CELL_COLUMNS,
    KEY_COLUMNS,
    NOTE_COLUMNS,
    REFUSED_COLUMNS,
    UNIT_COLUMNS,
    empty,
)
from pipelines.input_config import InputConfig
from pipelines.weeks import Calendar


@dataclass(frozen=True)
class InputFile:
    """A file of a drop that an adapter is to read.

    Attributes:
        path: on disk.
        named: as it is named to a person, "2026-11-16/cases.csv".
        received: day the drop was received; later days are in the future.
        until: last week (ordinal) that may be read, None for all.
    """

    path: Path
    named: str
    config: InputConfig
    calendar: Calendar
    codes: UnitCodes
    received: date
    until: int | None = None


@dataclass(frozen=True)
class Reading:
    """What an adapter made of a file; frames as in pipelines.data.raw.

    Attributes:
        n_received: records in the file, those left out included.
        issues: of the file as a file; a critical one makes the drop unusable.
        delays: of a line list with report dates: unit_id, week_no, delay_weeks, cases.
        span: of a line list: first and last week (ordinals) in which an absent unit-week is 0.
        unsure: KEY_COLUMNS of cells that stand in a refused record, as far as their keys are known.
        notes: free text, NOTE_COLUMNS; a table of notes has nothing else.
    """

    units: pd.DataFrame = field(default_factory=lambda: empty(UNIT_COLUMNS))
    cells: pd.DataFrame = field(default_factory=lambda: empty(CELL_COLUMNS))
    refused: pd.DataFrame = field(default_factory=lambda: empty(REFUSED_COLUMNS))
    issues: tuple[Issue, ...] = ()
    n_received: int = 0
    delays: pd.DataFrame | None = None
    span: tuple[int, int] | None = None
    unsure: pd.DataFrame = field(default_factory=lambda: empty(KEY_COLUMNS))
    notes: pd.DataFrame = field(default_factory=lambda: empty(NOTE_COLUMNS))


class Adapter(Protocol):
    """A module that reads one layout."""

    def read(self, file: InputFile) -> Reading:
        """Tidy cells of a file. Raises nothing for its content: it is an issue or a
        refused record."""


def adapter_of(config: InputConfig) -> Adapter:
    """The adapter that an input names. Raises ConfigError for one that cannot be loaded."""
    adapter: Adapter = ADAPTERS.load(config.adapter)
    return adapter
