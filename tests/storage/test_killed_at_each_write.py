"""kill -9 at each write of what runs and persons keep: done again it is as if nothing had
happened."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path

import pytest
from support.kept_things import KEPT, Work
from support.killed import dies_at

from pipelines.config import Places
from pipelines.data.plausible.answers import read_answers
from pipelines.ops.prune.doing import remove
from pipelines.ops.prune.left import leftovers
from pipelines.run.events import read_events

_STAMP = re.compile(rb'"at": ?"[^"]*"')


def _begun(work: Work, folder: Path) -> Places:
    where = Places(home=folder)
    work.before(where)
    return where


def _files(where: Places) -> dict[str, object]:
    """Every file but locks; of events what was said, since one that was cut off may be
    said again."""
    found: dict[str, object] = {}
    for path in (p for p in where.home.rglob("*") if p.is_file() and p.suffix != ".lock"):
        raw = _STAMP.sub(b'"at":""', path.read_bytes())
        said = path.name == "events.jsonl"
        found[path.relative_to(where.home).as_posix()] = (
            set(map(_event, raw.splitlines())) if said else raw
        )
    return found


def _event(line: bytes) -> str:
    return str(sorted(json.loads(line).items()))


def _swept(where: Places) -> None:
    """What `denguard prune` takes of killed writers, two days later."""
    for item in leftovers(where, datetime.now(UTC) + timedelta(days=2)):
        remove(where.home / item.name)


@pytest.mark.parametrize("kept", KEPT)
def test_what_was_cut_off_by_kill_is_whole_when_done_again_and_leaves_nothing(
    kept: str, tmp_path: Path
) -> None:
    work = KEPT[kept]
    whole = _begun(work, tmp_path / "whole")
    given = work.do(whole)
    deaths = 0
    for write in count(1):
        where = _begun(work, tmp_path / str(write))
        if not dies_at(write, lambda where=where: work.do(where)):  # type: ignore[misc]
            break
        deaths = write
        assert work.do(where) == given, f"killed at write {write}"
        _swept(where)
        assert _files(where) == _files(whole), f"killed at write {write}"
    assert deaths, "it was killed at no write"


def test_no_answer_is_in_force_that_the_event_file_does_not_tell(tmp_path: Path) -> None:
    work, told = KEPT["an answer"], []
    for write in count(1):
        where = _begun(work, tmp_path / str(write))
        killed = dies_at(write, lambda where=where: work.do(where))  # type: ignore[misc]
        said = {str(event["cause_id"]) for event in read_events(where, "confirmed")}
        assert set(read_answers(where)) <= said, f"killed at write {write}"
        told.append(len(said))
        if not killed:
            break
    assert len(told) > 3 and told[-1] == 1


@pytest.mark.parametrize("kept", ["what rules found in a drop", "what was new in old drops"])
def test_a_damaged_thing_is_made_anew_once_and_not_for_ever(kept: str, tmp_path: Path) -> None:
    work, where = KEPT[kept], Places(home=tmp_path)
    given = work.do(where)
    whole = _files(where)
    for path in (tmp_path / "artifacts" / "cache").glob("*/*/*.json"):
        path.write_text("{", encoding="utf-8")
    assert _files(where) != whole
    assert work.do(where) == given
    assert _files(where) == whole
