"""Drop after drop: which cells are doubted, what a person said of them, and which are held.

A held cell is set aside: an older accepted value of it counts if there is one, else it is unknown.
What is judged follows from the drops, the limits and the answers alone, so every run judges alike.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np
import pandas as pd

from pipelines.data.drops import Drop
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.gone import UNITS_GONE
from pipelines.data.plausible.history import Floats, History, Seen
from pipelines.data.plausible.remembered import Remembered
from pipelines.data.plausible.rules import RULES, Rule
from pipelines.data.plausible.suspicion import (
    CELL_KEYS,
    Cause,
    Direction,
    Outcome,
    Suspicion,
    cause_id,
)
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.weeks import Calendar

ALL_RULES = "*"
_FLAGS = ("withdrawn", "unknown_again")  # what a cell without a number may say
NO_WEEK = -1  # `when` of a site that did not report: there is no cell
SUPERSEDED = "superseded"  # a later drop said something else, which is judged by itself
# One row a doubted cell; kept in the tables of a dataset version.
DOUBT_COLUMNS = (
    "unit_id",
    "kind",
    "clean",
    "when",
    "number",  # as delivered, NaN for a site that did not report
    "received_date",
    "drop",
    "rule",
    "outcome",  # of the rule: note, hold, stop
    "direction",
    "cause_id",
    "answer",  # confirmed, rejected, SUPERSEDED, or "" while nobody has answered
    "held",  # whether it is set aside now
)


@dataclass(frozen=True)
class Judgement:
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


def judge(
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
) -> Judgement:
    """Judge every drop beside what was accepted before it.

    Args:
        cells: checked cells of raw.changed_cells; `file` begins with the name of its drop.
        drops: oldest first.
        start: cells that were accepted before the first of the drops, columns as `cells`.
        arrived: drop -> what it says beside its cells.
        counted: units that the first of the drops must name: `Seen.expected`.
        immature_weeks: newest weeks that are declared to be incomplete (data.maturity).
        remembered: what rules found in drops before; None = ask them all.
    """
    history, kept, causes = History(calendar, counted, immature_weeks), [], []
    beside, known = arrived or {}, remembered or Remembered(None, None)
    doubts = empty_doubts()
    crowded: dict[str, float] = {}
    if start is not None:
        history.accept(start)
    names = {file: str(file).split("/", 1)[0] for file in cells["file"].unique()}
    of_drop = cells.groupby(cells["file"].astype(object).map(names), sort=False).indices
    for drop in drops:
        own = cells.iloc[of_drop.get(drop.name, np.zeros(0, dtype=np.intp))]
        seen = history.beside(drop, own, beside.get(drop.name))
        doubts_of = partial(_ask, rules, seen, limits)
        found = [
            _doubt(own, one, drop, answers) for one in known.found(own, seen.arrived, doubts_of)
        ]
        doubted = _once([frame for _, frame in found])
        share = _held_share(doubted, seen.after)
        if share > limits.max_held_share:
            crowded[drop.name] = share
        known.held(doubted)
        accepted = _without(own, doubted)
        history.accept(accepted)
        history.expect(seen.arrived, _left(doubted))
        kept.append(accepted)
        doubts = together([_superseded(doubts, own), doubted])
        causes += [cause for cause, _ in found]
    known.done()
    whole = pd.concat(kept).sort_index() if kept else cells
    return Judgement(whole, doubts, tuple(causes), crowded)


def _ask(rules: Sequence[Rule], seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    if ALL_RULES in limits.without:
        return []
    found = [one for rule in rules for one in rule(seen, limits)]
    return [one for one in found if one.rule not in limits.without]


def empty_doubts() -> pd.DataFrame:
    """No doubt at all."""
    return pd.DataFrame(columns=list(DOUBT_COLUMNS))


def together(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """DOUBT_COLUMNS of several frames, one after the other."""
    full = [frame for frame in frames if len(frame)]
    return pd.concat(full, ignore_index=True) if full else empty_doubts()


def waiting(doubts: pd.DataFrame) -> pd.DataFrame:
    """Doubts whose cells are held and that nobody has answered."""
    return doubts[doubts["held"].astype(bool) & (doubts["answer"] == "")]


def unconfirmed(doubts: pd.DataFrame) -> pd.DataFrame:
    """Doubts about counts that look too high and that nobody has answered: published both ways."""
    waits = waiting(doubts)
    return waits[(waits["direction"] == Direction.HIGH.value) & (waits["kind"] == "week")]


def _doubt(
    own: pd.DataFrame, one: Suspicion, drop: Drop, answers: Mapping[str, Answer]
) -> tuple[Cause, pd.DataFrame]:
    """The cause, and DOUBT_COLUMNS of its cells."""
    values = own[[*CELL_KEYS, "number"]].drop_duplicates(list(CELL_KEYS))
    values = (
        one.cells[list(CELL_KEYS)].drop_duplicates().merge(values, on=list(CELL_KEYS), how="left")
    )
    named = cause_id(drop.name, one, values)
    answer = answers.get(named)
    silent = pd.DataFrame(
        {"unit_id": list(one.silent), "kind": "week", "clean": "", "when": NO_WEEK}
    )
    frame = pd.concat([values, silent], ignore_index=True) if one.silent else values
    said = pd.Series([_said(answer, unit) for unit in frame["unit_id"]], frame.index, dtype=object)
    frame = frame.assign(
        received_date=drop.info.received_date,
        drop=drop.name,
        rule=one.rule,
        outcome=one.outcome.value,
        direction=one.direction.value,
        cause_id=named,
        answer=said,
        held=(said != "confirmed") & (one.outcome is not Outcome.NOTE),
    )
    told = set(said) if len(said) else {_said(answer, "")}
    whole = "" if "" in told else told.pop() if len(told) == 1 else "mixed"
    return Cause(drop.name, named, one, whole), frame[list(DOUBT_COLUMNS)]


def _said(answer: Answer | None, unit_id: object) -> str:
    return (answer.of(str(unit_id)) if answer else None) or ""


def _left(doubted: pd.DataFrame) -> list[str]:
    """Units of which a person has said that they are rightly gone."""
    said = (doubted["rule"] == UNITS_GONE) & (doubted["answer"] == "confirmed")
    return [str(unit) for unit in doubted.loc[said, "unit_id"].unique()]


def _once(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Doubts of one drop; a cell that several rules doubt is held by the worst of them that is
    open.
    """
    every = together(frames)
    in_order = every.assign(last=~every["held"].astype(bool)).sort_values("last", kind="stable")
    once = in_order.drop_duplicates(list(CELL_KEYS), keep="first").sort_index()
    return once[list(DOUBT_COLUMNS)].reset_index(drop=True)


def _without(own: pd.DataFrame, doubted: pd.DataFrame) -> pd.DataFrame:
    """The cells, of which held ones say nothing: neither a number nor a withdrawal."""
    held = doubted[doubted["held"].astype(bool)]
    if held.empty or own.empty:
        return own
    index = _keys(own)
    at = index.isin(_keys(held))
    flags = {name: own[name].astype(bool) & ~at for name in _FLAGS if name in own.columns}
    return own.assign(number=own["number"].mask(at), **flags)


def _superseded(doubts: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Earlier doubts, of which those are over whose cells a later drop says otherwise."""
    if doubts.empty:
        return doubts
    said = _keys(own[own["number"].notna()])
    again = _keys(doubts).isin(said)
    over = (again | (doubts["when"] == NO_WEEK)) & (doubts["answer"] == "")
    return doubts.assign(answer=doubts["answer"].mask(over, SUPERSEDED))


def _keys(cells: pd.DataFrame) -> pd.MultiIndex:
    """Which cells these are, in types that compare alike."""
    texts = [cells[name].astype(object) for name in CELL_KEYS[:-1]]
    return pd.MultiIndex.from_arrays([*texts, cells["when"].astype("int64")])


def _held_share(doubted: pd.DataFrame, after: Floats) -> float:
    """Share of the units with counts that have anything held and unanswered in this drop.

    What is only too high does not count: it is published both ways, and a rise must not stop a
        drop.
    Nor does one unit alone, which is a quarter of a place of four: it is held, by name.
    """
    waits = waiting(doubted)
    waits = waits[waits["direction"] != Direction.HIGH.value]
    units, with_counts = waits["unit_id"].nunique(), int(np.isfinite(after).any(axis=1).sum())
    return units / with_counts if units > 1 and with_counts else 0.0
