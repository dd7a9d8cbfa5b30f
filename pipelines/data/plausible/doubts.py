"""Doubted values as rows: one a cell, with a person's answer and whether it is held."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pandas as pd

from pipelines.arrays import Texts
from pipelines.data.cell_texts import plain
from pipelines.data.drops import Drop
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.gone import UNITS_GONE
from pipelines.data.plausible.suspicion import (
    CELL_KEYS,
    Cause,
    Direction,
    Outcome,
    Suspicion,
    cause_id,
)

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


def doubts_of(
    own: pd.DataFrame, one: Suspicion, drop: Drop, answers: Mapping[str, Answer]
) -> tuple[Cause, pd.DataFrame]:
    """The cause, and DOUBT_COLUMNS of its cells."""
    values = own.loc[own["unit_id"].isin(one.cells["unit_id"]), [*CELL_KEYS, "number"]]
    values = plain(values).drop_duplicates(list(CELL_KEYS))
    values = (
        one.cells[list(CELL_KEYS)].drop_duplicates().merge(values, on=list(CELL_KEYS), how="left")
    )
    named = cause_id(drop.name, one, values)
    answer = answers.get(named)
    silent = pd.DataFrame(
        {"unit_id": list(one.silent), "kind": "week", "clean": "", "when": NO_WEEK}
    )
    frame = pd.concat([values, silent], ignore_index=True) if one.silent else values
    given = pd.Series(
        [_answer_for(answer, unit) for unit in frame["unit_id"]], frame.index, dtype=object
    )
    frame = frame.assign(
        received_date=drop.info.received_date,
        drop=drop.name,
        rule=one.rule,
        outcome=one.outcome.value,
        direction=one.direction.value,
        cause_id=named,
        answer=given,
        held=(given != "confirmed") & (one.outcome is not Outcome.NOTE),
    )
    distinct = set(given) if len(given) else {_answer_for(answer, "")}
    whole = "" if "" in distinct else distinct.pop() if len(distinct) == 1 else "mixed"
    return Cause(drop.name, named, one, whole), frame[list(DOUBT_COLUMNS)]


def _answer_for(answer: Answer | None, unit_id: object) -> str:
    return (answer.of(str(unit_id)) if answer else None) or ""


def confirmed_gone(doubted: pd.DataFrame) -> list[str]:
    """Units of which a person has said that they are rightly gone."""
    confirmed = (doubted["rule"] == UNITS_GONE) & (doubted["answer"] == "confirmed")
    return [str(unit) for unit in doubted.loc[confirmed, "unit_id"].unique()]


def cells_of(cause: Cause, doubted: pd.DataFrame) -> pd.DataFrame:
    """Doubts of a cause's cells, under whichever cause of its drop each is held."""
    own = doubted[doubted["drop"] == cause.drop]
    return own[_keys(own).isin(_keys(cause.suspicion.cells))]


def with_rejected_cells(cause: Cause, doubted: pd.DataFrame) -> Cause:
    """The cause, rejected if every one of its cells was, under causes that came before it."""
    if cause.answer or cause.suspicion.silent or cause.suspicion.outcome is Outcome.NOTE:
        return cause
    answers = set(cells_of(cause, doubted)["answer"])
    return replace(cause, answer="rejected") if answers == {"rejected"} else cause


def once(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """Doubts of one drop; a cell that several rules doubt is held by the worst of them that is
    open.
    """
    every = together(frames)
    in_order = every.assign(last=~every["held"].astype(bool)).sort_values("last", kind="stable")
    once = in_order.drop_duplicates(list(CELL_KEYS), keep="first").sort_index()
    return once[list(DOUBT_COLUMNS)].reset_index(drop=True)


def without(
    own: pd.DataFrame, doubted: pd.DataFrame, drop_names: Texts | None = None
) -> pd.DataFrame:
    """The cells, of which held ones say nothing: neither a number nor a withdrawal.

    Args:
        drop_names: (cells,) of which drop each is; None = all of the one whose doubts these are.
    """
    held = doubted[doubted["held"].astype(bool)]
    if held.empty or own.empty:
        return own
    if drop_names is None:
        at = _keys(own).isin(_keys(held))
    else:
        at = _keys(own, drop_names).isin(_keys(held, held["drop"].to_numpy(dtype=object)))
    flags = {name: own[name].astype(bool) & ~at for name in _FLAGS if name in own.columns}
    return own.assign(number=own["number"].mask(at), **flags)


def superseded(doubts: pd.DataFrame, own: pd.DataFrame) -> pd.DataFrame:
    """Earlier doubts, of which those are over whose cells a later drop says otherwise."""
    if doubts.empty:
        return doubts
    answers = _keys(own[own["number"].notna() & own["unit_id"].isin(doubts["unit_id"])])
    again = _keys(doubts).isin(answers)
    over = (again | (doubts["when"] == NO_WEEK)) & (doubts["answer"] == "")
    return doubts.assign(answer=doubts["answer"].mask(over, SUPERSEDED))


def _keys(cells: pd.DataFrame, drop_names: Texts | None = None) -> pd.MultiIndex:
    """Which cells these are, in types that compare alike."""
    of_drop = [] if drop_names is None else [pd.Series(drop_names, dtype=object)]
    texts = [cells[name].astype(object) for name in CELL_KEYS[:-1]]
    return pd.MultiIndex.from_arrays([*of_drop, *texts, cells["when"].astype("int64")])
