"""One file per data source; each reads drops in its own layout into the same tidy cells.

A new source is one new file with the functions of `Source`, and one line in contracts.SOURCES or an
entry point of the group `denguard.sources`. Who knows which columns matter is the source; who
judges values is expectations.py. A layout that is one file with a row a record needs no source but
an adapter (pipelines/data/adapters).
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from pipelines.code_changes import CodeChanges
from pipelines.codes import UnitCodes
from pipelines.config import DataConfig, Profile
from pipelines.contracts import SOURCES
from pipelines.place_config import BoundariesConfig
from pipelines.weeks import Calendar

if TYPE_CHECKING:
    from pipelines.data.drop_info import DropInfo
    from pipelines.data.drops import Drop
    from pipelines.data.raw import RawDrop


@dataclass(frozen=True)
class Context:
    """What reading and checking a drop needs to know of the place.

    Attributes:
        codes: how codes stand in a drop; what became of old ones (`changes`) is done after reading.
    """

    config: DataConfig
    calendar: Calendar
    codes: UnitCodes
    changes: CodeChanges | None = None
    boundaries: BoundariesConfig | None = None

    @property
    def changed_codes(self) -> frozenset[str]:
        """Codes that became others, and these."""
        return self.changes.codes if self.changes else frozenset()


class Source(Protocol):
    """A module that reads drops of one layout."""

    def read_raw(self, drop: Drop, context: Context) -> RawDrop:
        """What a drop holds. Raises nothing for its content: see RawDrop.issues."""

    def bring(
        self, files: list[Path], to: Path, info: DropInfo, until: str | None, context: Context
    ) -> DropInfo | None:
        """Put a new drop's files into an empty folder, under the names that read_raw looks for.

        Args:
            until: last week to keep; later values are left out.

        Returns:
            What drop.yaml is to say, if other than `info`: a source that cuts while it reads
            records `until` there.

        Raises:
            DropError: a file is not of this layout, or `until` is asked for and cannot be done.
        """


def source_of(config: DataConfig) -> Source:
    """The source that a profile names. Raises ConfigError for one that cannot be loaded."""
    source: Source = SOURCES.load(config.source)
    return source


def context_of(profile: Profile) -> Context:
    """The context of a profile's place."""
    place = profile.place
    changes = place.codes.crosswalk or None
    return Context(profile.data, profile.calendar, place.codes.delivered, changes, place.boundaries)
