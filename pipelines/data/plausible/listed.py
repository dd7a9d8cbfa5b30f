"""The list of causes as people are told of it: artifacts/held/causes.json, read without heavy
libraries."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.data.plausible.answers import Answer, answers_id, read_answers
from pipelines.errors import StoreError
from pipelines.storage import read_json, shared


@dataclass(frozen=True)
class CauseRecord:
    """A cause as people see it.

    Attributes:
        answer: confirmed, rejected, mixed, superseded, or "" while any of it waits.
        units, cells: how many it is about; waiting: cells that wait for an answer.
        span: weeks, months or years it is about, such as "2018-w47..2018-w48".
        named: codes of its first units, such as "05001, 41001, ..."; "" in a list of before.
    """

    cause_id: str
    drop: str
    rule: str
    outcome: str
    direction: str
    message: str
    fix: str
    answer: str
    units: int
    cells: int
    waiting: int
    span: str
    named: str = ""


def held_folder(paths: DeploymentPaths) -> Path:
    """artifacts/held"""
    return paths.artifacts / "held"


def known_causes(paths: DeploymentPaths) -> list[CauseRecord]:
    """What the newest validation found; nothing if there was none. StoreError if it is damaged."""
    path = fetched(paths, held_folder(paths) / "causes.json")
    if not path.is_file():
        return []
    raw: dict[str, Any] = read_json(path)
    try:
        return [CauseRecord(**record) for record in raw["causes"]]
    except (KeyError, TypeError) as err:
        fix = "run the validate step again"
        raise StoreError("the list of causes is damaged", where=str(path), fix=fix) from err


def waits_for_a_person(one: CauseRecord, answers: Mapping[str, Answer]) -> bool:
    """Whether nobody has answered the whole of it, not since the newest validation either."""
    answer = answers.get(one.cause_id)
    answered = answer is not None and (answer.verdict is not None or len(answer.units) >= one.units)
    return one.waiting > 0 and not answered


def unapplied_answers(paths: DeploymentPaths) -> str:
    """What was answered since the newest validation, as answers_id; "" if it judged by all
    of it."""
    path = held_folder(paths) / "causes.json"
    if not path.is_file():
        return ""
    current = answers_id(read_answers(paths))
    return "" if current == read_json(path).get("judged_by", "") else current


def fetched(paths: DeploymentPaths, path: Path) -> Path:
    """A file of this home, brought from the store that machines share if there is one."""
    store = shared(paths)
    return store.bring(path.relative_to(paths.home).as_posix()) if store else path
