"""A checkpoint: how all drops but the newest were assessed, kept by content.

What is kept is named by everything that it follows from but people's answers; these are compared
when it is read. A run that may not use it begins at an older state, or at the first drop. They lie
in artifacts/cache/judged, beside what rules found.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pandas as pd

from pipelines.contracts import content_id
from pipelines.data.drops import Drop
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.arrived import Arrived
from pipelines.data.plausible.remembered import as_plain, read_suspicions, write_suspicions
from pipelines.data.plausible.suspicion import Cause
from pipelines.errors import StoreError
from pipelines.storage import discard, new_folder, read_json, write_json
from pipelines.storage.kept import note_use
from pipelines.storage.parquet import frame_bytes, read_frame

log = logging.getLogger(__name__)
_FACTS, _DOUBTS = "judged.json", "doubts.parquet"


@dataclass(frozen=True)
class AssessedBefore:
    """What came out of the oldest drops.

    Attributes:
        n_drops: how many of them.
        doubts: assess.DOUBT_COLUMNS.
        crowded: as Assessment.crowded.
        units: units known so far, in the order in which they came.
        expected: input -> units, as Seen.expected.
        chain, used: of Remembered, where it stood after the last of them.
    """

    n_drops: int
    doubts: pd.DataFrame
    causes: tuple[Cause, ...]
    crowded: Mapping[str, float]
    units: Sequence[str]
    expected: Mapping[str, frozenset[str]]
    chain: str
    used: Sequence[str] = field(default=())


def names_of(
    meaning: object, drops: Sequence[Drop], own: Sequence[str], arrived: Sequence[Arrived]
) -> list[str]:
    """What a state after each drop is called.

    Args:
        meaning: JSON-able; whatever an assessment follows from beside drops and answers.
        own: hash of the cells of each drop.
    """
    chain, out = content_id(["judged_before", meaning]), []
    for drop, cells, beside in zip(drops, own, arrived, strict=True):
        day = drop.info.received_date.isoformat()
        chain = content_id([chain, drop.name, day, cells, as_plain(beside)])
        out.append(chain)
    return out


def newest(
    folder: Path, names: Sequence[str], answers: Mapping[str, Answer]
) -> AssessedBefore | None:
    """The state after the most of these drops that is kept and was judged with the same answers."""
    for n_drops in range(len(names), 0, -1):
        state = _load(folder / names[n_drops - 1], n_drops, answers)
        if state is not None:
            return state
    return None


def save(state: AssessedBefore, folder: Path, answers: Mapping[str, Answer]) -> None:
    """Keep a state; whole or not at all."""
    facts = {
        "crowded": dict(state.crowded),
        "units": list(state.units),
        "expected": {name: sorted(units) for name, units in state.expected.items()},
        "chain": state.chain,
        "used": list(state.used),
        "answers": _answers_to(state.causes, answers),
        "causes": [[one.drop, one.cause_id, one.answer] for one in state.causes],
    }
    discard(folder)  # a damaged one, or one of other answers
    with new_folder(folder) as temp:
        write_suspicions([one.suspicion for one in state.causes], temp)
        (temp / _DOUBTS).write_bytes(frame_bytes(state.doubts))
        write_json(temp / _FACTS, facts)


def _load(folder: Path, n_drops: int, answers: Mapping[str, Answer]) -> AssessedBefore | None:
    """What was kept; None if nothing was, with other answers, or it is damaged."""
    if not (folder / _FACTS).is_file():
        return None
    try:
        facts: Any = read_json(folder / _FACTS)
        suspicions = read_suspicions(folder)
        causes = tuple(
            Cause(drop, named, one, answer)
            for (drop, named, answer), one in zip(facts["causes"], suspicions, strict=True)
        )
        if facts["answers"] != _answers_to(causes, answers):
            return None
        note_use(folder)
        return AssessedBefore(
            n_drops,
            read_frame(folder / _DOUBTS),
            causes,
            facts["crowded"],
            facts["units"],
            {name: frozenset(units) for name, units in facts["expected"].items()},
            facts["chain"],
            facts["used"],
        )
    except (OSError, ValueError, KeyError, TypeError, StoreError) as err:
        log.warning(
            "the checkpoint of earlier drops cannot be read; they are assessed again: %s", err
        )
        return None


def _answers_to(causes: Sequence[Cause], answers: Mapping[str, Answer]) -> dict[str, Any]:
    """What people said of these causes."""
    given = {one.cause_id: answers[one.cause_id] for one in causes if one.cause_id in answers}
    return {name: [one.verdict, dict(one.units)] for name, one in sorted(given.items())}
