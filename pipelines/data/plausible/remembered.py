"""What rules found in a drop, kept by content: the rules look at a drop once, not in every later
run.

It lies in artifacts/cache/judged.

What a rule finds follows from the drop, from what was accepted before it and from limits and code.
The name under which it is kept is a chain over all of these, so that any change asks the rules
again.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.contracts import content_id
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.suspicion import CELL_KEYS, Direction, Outcome, Suspicion
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, write_json
from pipelines.storage.kept import note_use, write_in_use

log = logging.getLogger(__name__)
_FACTS, _CELLS = "found.json", "cells.parquet"
_SAID = ("number", "withdrawn")  # of a cell, beside its keys


class Remembered:
    """Findings of drops, oldest first.

    Args:
        folder: where they are kept; None = ask the rules every time.
        meaning: JSON-able; whatever findings follow from beside the drops.
    """

    def __init__(self, folder: Path | None, meaning: object) -> None:
        self._folder, self._chain = folder, content_id(["judged", meaning])
        self._used: list[str] = []

    def found(
        self, own: pd.DataFrame, arrived: Arrived, ask: Callable[[], list[Suspicion]]
    ) -> list[Suspicion]:
        """What the rules find in the next drop; `ask` asks them.

        Args:
            own: cells of the drop, of which each has CELL_KEYS, `number` and `withdrawn`.
        """
        if self._folder is None:
            return ask()
        self._chain = content_id([self._chain, _hash(own, _SAID), _of(arrived)])
        folder = self._folder / self._chain
        self._used.append(folder.name)
        kept = _load(folder)
        if kept is None:
            kept = ask()
            _save(kept, folder)
        return kept

    def held(self, doubted: pd.DataFrame) -> None:
        """Which of the drop's cells are held: what later drops are seen beside depends on it."""
        if self._folder is not None:
            self._chain = content_id([self._chain, _hash(doubted[doubted["held"].astype(bool)])])

    def done(self) -> None:
        """Say which of what is kept was used: `denguard prune` takes others in time."""
        if self._folder is not None:
            write_in_use(self._folder, self._used)


def _hash(cells: pd.DataFrame, more: tuple[str, ...] = ()) -> str:
    """Hash of which cells these are and what they say, in their order."""
    columns: dict[str, pd.Series] = {n: cells[n].astype(str) for n in CELL_KEYS[:-1]}
    columns["when"] = cells["when"].astype("int64")
    columns.update({name: cells[name].astype("float64") for name in more})
    values = pd.util.hash_pandas_object(pd.DataFrame(columns), index=False).to_numpy()
    return hashlib.sha256(values.tobytes()).hexdigest()


def _of(arrived: Arrived) -> list[Any]:
    counted = {name: sorted(units) for name, units in sorted(arrived.counted.items())}
    yearly = arrived.yearly.astype(str).to_numpy().tolist()
    return [counted, yearly, sorted((str(k), str(v)) for k, v in arrived.parents.items())]


def _save(found: list[Suspicion], folder: Path) -> None:
    facts = [
        {
            "rule": one.rule,
            "outcome": one.outcome.value,
            "direction": one.direction.value,
            "message": one.message,
            "fix": one.fix,
            "silent": list(one.silent),
        }
        for one in found
    ]
    cells = [one.cells[list(CELL_KEYS)].assign(nth=n) for n, one in enumerate(found)]
    discard(folder)  # a damaged one, which would be asked anew for ever
    with new_folder(folder) as temp:
        if any(map(len, cells)):
            table = pd.concat([frame for frame in cells if len(frame)], ignore_index=True)
            table.to_parquet(temp / _CELLS, index=False)
        write_json(temp / _FACTS, {"found": facts})


def _load(folder: Path) -> list[Suspicion] | None:
    """What was kept; None if nothing was, or it is damaged."""
    if not (folder / _FACTS).is_file():
        return None
    try:
        note_use(folder)
        facts: Any = read_json(folder / _FACTS)["found"]
        path = folder / _CELLS
        cells = (
            pd.read_parquet(path) if path.is_file() else pd.DataFrame(columns=[*CELL_KEYS, "nth"])
        )
        return [_suspicion(one, cells[cells["nth"] == n]) for n, one in enumerate(facts)]
    except (OSError, ValueError, KeyError, TypeError, StoreError) as err:
        log.warning("what rules found in a drop cannot be read and is asked anew: %s", err)
        return None


def _suspicion(one: dict[str, Any], cells: pd.DataFrame) -> Suspicion:
    return Suspicion(
        one["rule"],
        Outcome(one["outcome"]),
        Direction(one["direction"]),
        one["message"],
        one["fix"],
        cells[list(CELL_KEYS)].reset_index(drop=True),
        tuple(one["silent"]),
    )
