"""A cache by content of what rules found in a drop: each drop is checked once, not in every run.

It lies in artifacts/cache/judged.

What a rule finds follows from the drop, from what was accepted before it and from limits and code.
The name under which it is kept is a chain over all of these, so that any change asks the rules
again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.contracts import content_id
from pipelines.data.cell_texts import joined
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.suspicion import (
    CELL_KEYS,
    Direction,
    Outcome,
    Suspicion,
    no_cells,
)
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, write_json
from pipelines.storage.kept import note_use, write_in_use
from pipelines.storage.parquet import frame_bytes, read_frame

log = logging.getLogger(__name__)
_FACTS, _CELLS = "found.json", "cells.parquet"
_VALUES = ("number", "withdrawn")  # of a cell, beside its keys


class Remembered:
    """Findings of drops, oldest first.

    Args:
        folder: where they are kept; None = ask the rules every time.
        meaning: JSON-able; whatever findings follow from beside the drops.
    """

    def __init__(self, folder: Path | None, meaning: object) -> None:
        self.folder, self.meaning = folder, meaning
        self.chain, self.used = content_id(["judged", meaning]), list[str]()

    def found(
        self, own: str, arrived: Arrived, ask: Callable[[], list[Suspicion]]
    ) -> list[Suspicion]:
        """What the rules find in the next drop; `ask` asks them.

        Args:
            own: hash of the drop's cells, of `cell_hashes`.
        """
        if self.folder is None:
            return ask()
        self.chain = content_id([self.chain, own, as_plain(arrived)])
        folder = self.folder / self.chain
        self.used.append(folder.name)
        kept = _load(folder)
        if kept is None:
            kept = ask()
            _save(kept, folder)
        return kept

    def held(self, doubted: pd.DataFrame) -> None:
        """Which of the drop's cells are held: what later drops are seen beside depends on it."""
        if self.folder is not None:
            held = doubted[doubted["held"].astype(bool)]
            (named,) = cell_hashes([held], more=())
            self.chain = content_id([self.chain, named])

    def resume(self, chain: str, used: Sequence[str]) -> None:
        """Go on after drops that were judged before."""
        self.chain, self.used = chain, list(used)

    def done(self, more: Sequence[str]) -> None:
        """Say which of what is kept was used, and what else of the folder: `denguard prune` takes
        others in time.
        """
        if self.folder is not None:
            write_in_use(self.folder, {*self.used, *more})


def cell_hashes(parts: Sequence[pd.DataFrame], more: Sequence[str] = _VALUES) -> list[str]:
    """Hash of which cells each part has and what they say, in their order.

    Args:
        parts: CELL_KEYS and `more`.
    """
    if not parts:
        return []
    sizes = [len(part) for part in parts]
    cells = joined([part[[*CELL_KEYS, *more]] for part in parts])
    columns = {name: cells[name] for name in CELL_KEYS[:-1]}
    columns["when"] = cells["when"].astype("int64")
    columns.update({name: cells[name].astype("float64") for name in more})
    values = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy()
    ends = np.cumsum(sizes)[:-1]
    return [hashlib.sha256(own.tobytes()).hexdigest() for own in np.split(values, ends)]


def as_plain(arrived: Arrived) -> list[Any]:
    """What a drop says beside its cells, as JSON."""
    counted = {name: sorted(units) for name, units in sorted(arrived.counted.items())}
    yearly = arrived.yearly.astype(str).to_numpy().tolist()
    return [counted, yearly, sorted((str(k), str(v)) for k, v in arrived.parents.items())]


def write_suspicions(found: Sequence[Suspicion], folder: Path) -> None:
    """Write suspicions into a folder."""
    facts = [
        {
            "rule": one.rule,
            "outcome": one.outcome.value,
            "direction": one.direction.value,
            "message": one.message,
            "fix": one.fix,
            "silent": list(one.silent),
            "n_cells": len(one.cells),
        }
        for one in found
    ]
    cells = [one.cells[list(CELL_KEYS)].assign(nth=n) for n, one in enumerate(found)]
    if any(map(len, cells)):
        table = pd.concat([frame for frame in cells if len(frame)], ignore_index=True)
        (folder / _CELLS).write_bytes(frame_bytes(table))
    write_json(folder / _FACTS, {"found": facts})


def read_suspicions(folder: Path) -> list[Suspicion]:
    """Suspicions of a folder. Raises StoreError, OSError, ValueError, KeyError or TypeError if it
    is damaged.
    """
    facts: Any = read_json(folder / _FACTS)["found"]
    path = folder / _CELLS
    cells = read_frame(path) if path.is_file() else no_cells().assign(nth=pd.Series(dtype="int64"))
    return [_suspicion(one, cells[cells["nth"] == n]) for n, one in enumerate(facts)]


def _save(found: list[Suspicion], folder: Path) -> None:
    discard(folder)  # a damaged one, which would be asked anew for ever
    with new_folder(folder) as temp:
        write_suspicions(found, temp)


def _load(folder: Path) -> list[Suspicion] | None:
    """What was kept; None if nothing was, or it is damaged."""
    if not (folder / _FACTS).is_file():
        return None
    try:
        note_use(folder)
        return read_suspicions(folder)
    except (OSError, ValueError, KeyError, TypeError, StoreError) as err:
        log.warning(
            "the cache of what rules found in a drop cannot be read; the rules run again: %s", err
        )
        return None


def _suspicion(one: dict[str, Any], cells: pd.DataFrame) -> Suspicion:
    if len(cells) != one["n_cells"]:
        raise ValueError(f"{len(cells)} of {one['n_cells']} cells of {one['rule']} are there")
    return Suspicion(
        one["rule"],
        Outcome(one["outcome"]),
        Direction(one["direction"]),
        one["message"],
        one["fix"],
        cells[list(CELL_KEYS)].reset_index(drop=True),
        tuple(one["silent"]),
    )
