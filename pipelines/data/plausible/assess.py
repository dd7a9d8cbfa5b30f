"""Assesses drop after drop: which cells are doubted, answered by a person, and held.

A held cell is not used: an older accepted value counts instead if there is one, else it is unknown.
The result follows from the drops, the limits and the answers alone, so every run gives the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s, Positions
from pipelines.data.cell_texts import coded
from pipelines.data.drops import Drop
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.assessed_before import AssessedBefore, names_of, newest, save
from pipelines.data.plausible.doubts import (
    confirmed_gone,
    doubts_of,
    empty_doubts,
    once,
    superseded,
    together,
    waiting,
    with_rejected_cells,
    without,
)
from pipelines.data.plausible.history import History, Seen
from pipelines.data.plausible.remembered import Remembered, cell_hashes
from pipelines.data.plausible.rules import RULES, Rule
from pipelines.data.plausible.suspicion import Cause, Direction, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import Calendar

ALL_RULES = "*"


@dataclass(frozen=True)
class Assessment:
    """What was doubted in all drops.

    Attributes:
        cells: as given, `number` NaN where a cell is held.
        doubts: DOUBT_COLUMNS, drop after drop.
        causes: every cause, oldest drop first, in the rules' order within a drop.
        crowded: drop -> share of its units that are held and unanswered, where that is more than
            may be.
    """

    cells: pd.DataFrame
    doubts: pd.DataFrame
    causes: tuple[Cause, ...]
    crowded: Mapping[str, float]


def assess(
    cells: pd.DataFrame,
    drops: Sequence[Drop],
    calendar: Calendar,
    limits: PlausibilityConfig,
    answers: Mapping[str, Answer],
    start: pd.DataFrame | None = None,
    arrived: Mapping[str, Arrived] | None = None,
    counted: Mapping[str, frozenset[str]] | None = None,
    rules: Sequence[Rule] = RULES,
    immature_weeks: int = 0,
    remembered: Remembered | None = None,
) -> Assessment:
    """Judge every drop beside what was accepted before it.

    Args:
        cells: checked cells of raw.changed_cells; `file` begins with the name of its drop.
        drops: oldest first.
        start: cells that were accepted before the first of the drops, columns as `cells`.
        arrived: drop -> what it contains beside its cells.
        counted: units that the first of the drops must name: `Seen.expected`.
        immature_weeks: newest weeks that are declared to be incomplete (data.maturity).
        remembered: what rules found in drops before; None = ask them all.
    """
    known = remembered or Remembered(None, None)
    history = History(calendar, counted, immature_weeks)
    if start is not None:
        history.accept(start)
    own = [cells.iloc[at] for at in _by_drop(cells, drops)]
    beside = [(arrived or {}).get(drop.name, Arrived()) for drop in drops]
    so_far = _SoFar(history, known, answers, partial(_ask, rules, limits))
    if known.folder is None:
        hashes, states = [""] * len(drops), [""] * len(drops)
    else:
        hashes = cell_hashes(own)
        states = names_of(known.meaning, drops, hashes, beside)
        so_far.resume(newest(known.folder, states[:-1], answers), own, drops)
    for nth in range(so_far.n_drops, len(drops)):
        so_far.assess(drops[nth], own[nth], hashes[nth], beside[nth], limits.max_held_share)
        if nth == len(drops) - 2 and known.folder is not None:
            save(so_far.state(), known.folder / states[nth], answers)
    known.done(states[-2:-1])
    whole = pd.concat(so_far.kept).sort_index() if so_far.kept else cells
    return Assessment(whole, so_far.doubts, tuple(so_far.causes), so_far.crowded)


def _by_drop(cells: pd.DataFrame, drops: Sequence[Drop]) -> list[Positions]:
    """Rows of each drop."""
    codes, files = coded(cells["file"])
    nth = {drop.name: n for n, drop in enumerate(drops)}
    of_file = np.array([nth.get(str(file).split("/", 1)[0], -1) for file in files], dtype=np.int64)
    of_cell = np.append(of_file, -1)[codes]
    in_order = np.argsort(of_cell, kind="stable")
    starts = np.searchsorted(of_cell[in_order], np.arange(len(drops) + 1))
    return [in_order[start:end] for start, end in pairwise(starts)]


class _SoFar:
    """What came out of the drops that were judged so far.

    Attributes:
        kept: their cells, of which held ones say nothing.
    """

    def __init__(
        self,
        history: History,
        known: Remembered,
        answers: Mapping[str, Answer],
        ask: Callable[[Seen], list[Suspicion]],
    ) -> None:
        self._history, self._known, self._answers, self._ask = history, known, answers, ask
        self.doubts, self.kept, self.causes = empty_doubts(), list[pd.DataFrame](), list[Cause]()
        self.crowded: dict[str, float] = {}
        self.n_drops = 0

    def assess(
        self, drop: Drop, own: pd.DataFrame, own_hash: str, arrived: Arrived, max_held_share: float
    ) -> None:
        """Judge the next drop.

        Args:
            own: its cells, whose hash is `own_hash`.
        """
        seen = self._history.beside(drop, own, arrived)
        suspicions = self._known.found(own_hash, arrived, partial(self._ask, seen))
        found = [doubts_of(own, one, drop, self._answers) for one in suspicions]
        doubted = once([frame for _, frame in found])
        share = _held_share(doubted, seen.after)
        if share > max_held_share:
            self.crowded[drop.name] = share
        self._known.held(doubted)
        accepted = without(own, doubted)
        self._history.accept(accepted)
        self._history.expect(arrived, confirmed_gone(doubted))
        self.kept.append(accepted)
        self.doubts = together([superseded(self.doubts, own), doubted])
        self.causes += [with_rejected_cells(cause, doubted) for cause, _ in found]
        self.n_drops += 1

    def resume(
        self, before: AssessedBefore | None, own: Sequence[pd.DataFrame], drops: Sequence[Drop]
    ) -> None:
        """Go on after drops that an earlier run judged, if it did.

        Args:
            own: cells of each drop.
        """
        if before is None:
            return
        n_drops, self.doubts = before.n_drops, before.doubts
        self.causes, self.crowded = list(before.causes), dict(before.crowded)
        names = np.array([drop.name for drop in drops[:n_drops]], dtype=object)
        names = np.repeat(names, [len(cells) for cells in own[:n_drops]])
        self.kept = [without(pd.concat(own[:n_drops]), before.doubts, names)]
        self._history.resume(before.units, before.expected, self.kept[0])
        self._known.resume(before.chain, before.used)
        self.n_drops = n_drops

    def state(self) -> AssessedBefore:
        """What a later run may go on after."""
        return AssessedBefore(
            self.n_drops,
            self.doubts,
            tuple(self.causes),
            self.crowded,
            self._history.units,
            self._history.expected,
            self._known.chain,
            self._known.used,
        )


def _ask(rules: Sequence[Rule], limits: PlausibilityConfig, seen: Seen) -> list[Suspicion]:
    if ALL_RULES in limits.without:
        return []
    found = [one for rule in rules for one in rule(seen, limits)]
    return [one for one in found if one.rule not in limits.without]


def _held_share(doubted: pd.DataFrame, after: Float64s) -> float:
    """Share of the units with counts that have anything held and unanswered in this drop.

    What is only too high does not count: it is published both ways, and a rise must not stop a
        drop.
    Nor does one unit alone, which is a quarter of a place of four: it is held, by name.
    """
    waits = waiting(doubted)
    waits = waits[waits["direction"] != Direction.HIGH.value]
    units, with_counts = waits["unit_id"].nunique(), int(np.isfinite(after).any(axis=1).sum())
    return units / with_counts if units > 1 and with_counts else 0.0
