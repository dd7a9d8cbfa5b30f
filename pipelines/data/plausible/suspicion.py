"""What a rule finds hard to believe: cells of one drop, for one cause."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING

from pipelines.contracts import content_id

if TYPE_CHECKING:
    import pandas as pd

CELL_KEYS = ("unit_id", "kind", "clean", "when")  # raw.KEY_COLUMNS: which cell it is


class Outcome(StrEnum):
    """What happens until a person has answered."""

    NOTE = "note"  # it counts, and is listed
    HOLD = "hold"  # the cells are set aside
    STOP = "stop"  # the drop is stopped


class Direction(StrEnum):
    """Which way the cells are doubted; a rise is never hidden, a gap is never filled."""

    MISSING = "missing"  # looks as if it had not been reported: unknown until answered
    HIGH = "high"  # looks too high: forecasts are published with it and without it
    WRONG = "wrong"  # looks like another unit's, another unit of measure or another meaning


def no_cells() -> pd.DataFrame:
    """CELL_KEYS without a row, of types that join with others."""
    import pandas as pd  # here, so that status and alerts start without it

    return pd.DataFrame(
        {
            "unit_id": pd.Series(dtype=object),
            "kind": pd.Series(dtype=object),
            "clean": pd.Series(dtype=object),
            "when": pd.Series(dtype="int64"),
        }
    )


@dataclass(frozen=True)
class Suspicion:
    """Cells that one rule doubts for one cause; a person answers for a cause, not cell by cell.

    Attributes:
        rule: stable kebab-case name, such as "fell-to-zero".
        message: what was found, with units and numbers, for a person.
        fix: what to do if it is wrong; how to confirm it is said for every rule alike.
        cells: columns CELL_KEYS: all that are doubted. Only a NOTE may have none: until a person
            has answered, cells of a HOLD and of a STOP are set aside.
        silent: units that a HOLD is about although the drop has no cell of theirs (a site that did
            not report).
    """

    rule: str
    outcome: Outcome
    direction: Direction
    message: str
    fix: str
    cells: pd.DataFrame
    silent: tuple[str, ...] = ()

    @property
    def units(self) -> tuple[str, ...]:
        """Units it is about."""
        return tuple(sorted({*map(str, self.cells["unit_id"]), *self.silent}))


@dataclass(frozen=True)
class Cause:
    """A suspicion about one drop, under the name that a person answers to.

    Attributes:
        cause_id: eight hex digits that follow from drop, rule, cells and values: the same in every
            run, another one if the drop is made anew with other values.
        answer: confirmed or rejected if every unit was answered alike, "mixed" if not alike, ""
            while any unit waits for an answer.
    """

    drop: str
    cause_id: str
    suspicion: Suspicion
    answer: str = ""

    @property
    def stops(self) -> bool:
        """Whether a run may not go on with the drop before a person has answered."""
        return self.suspicion.outcome is Outcome.STOP and not self.answer


def cause_id(drop: str, one: Suspicion, values: pd.DataFrame) -> str:
    """The name of a suspicion.

    Args:
        values: CELL_KEYS and `number` of its cells.
    """
    keys = values[[*CELL_KEYS, "number"]].astype(str).sort_values(list(CELL_KEYS))
    named = {
        "drop": drop,
        "rule": one.rule,
        "cells": keys.to_numpy().tolist(),
        "silent": sorted(one.silent),
    }
    return content_id(named)[:8]
