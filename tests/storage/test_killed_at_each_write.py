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

from pipelines.config import DeploymentPaths
from pipelines.data.plausible.answers import read_answers
from pipelines.ops.prune.leftovers import leftovers
from pipelines.ops.prune.removal import remove
from pipelines.run.events import read_events

_STAMP = re.compile(rb'"at": ?"[^"]*"')


def _begun(work: Work, folder: Path) -> DeploymentPaths:
    paths = DeploymentPaths(home=folder)
    work.before(paths)
    return paths


def _files(paths: DeploymentPaths) -> dict[str, object]:
    """Every file but locks; of events what was said, since one that was cut off may be
    said again."""
    found: dict[str, object] = {}
    for path in (p for p in paths.home.rglob("*") if p.is_file() and p.suffix != ".lock"):
        raw = _STAMP.sub(b'"at":""', path.read_bytes())
        said = path.name == "events.jsonl"
        found[path.relative_to(paths.home).as_posix()] = (
            set(map(_event, raw.splitlines())) if said else raw
        )
    return found


def _event(line: bytes) -> str:
    return str(sorted(json.loads(line).items()))


def _swept(paths: DeploymentPaths) -> None:
    """What `denguard prune` takes of killed writers, two days later."""
    for item in leftovers(paths, datetime.now(UTC) + timedelta(days=2)):
        remove(paths.home / item.name)


@pytest.mark.parametrize("kept", KEPT)
def test_what_was_cut_off_by_kill_is_whole_when_done_again_and_leaves_nothing(
    kept: str, tmp_path: Path
) -> None:
    work = KEPT[kept]
    whole = _begun(work, tmp_path / "whole")
    given = work.do(whole)
    deaths = 0
    for write in count(1):
        paths = _begun(work, tmp_path / str(write))
        if not dies_at(write, lambda paths=paths: work.do(paths)):  # type: ignore[misc]
            break
        deaths = write
        assert work.do(paths) == given, f"killed at write {write}"
        _swept(paths)
        assert _files(paths) == _files(whole), f"killed at write {write}"
    assert deaths, "it was killed at no write"


def test_no_answer_is_in_force_that_the_event_file_does_not_tell(tmp_path: Path) -> None:
    work, told = KEPT["an answer"], []
    for write in count(1):
        paths = _begun(work, tmp_path / str(write))
        killed = dies_at(write, lambda paths=paths: work.do(paths))  # type: ignore[misc]
        said = {str(event["cause_id"]) for event in read_events(paths, "confirmed")}
        assert set(read_answers(paths)) <= said, f"killed at write {write}"
        told.append(len(said))
        if not killed:
            break
    assert len(told) > 3 and told[-1] == 1


@pytest.mark.parametrize("kept", ["what rules found in a drop", "what was new in old drops"])
def test_a_damaged_thing_is_made_anew_once_and_not_for_ever(kept: str, tmp_path: Path) -> None:
    work, paths = KEPT[kept], DeploymentPaths(home=tmp_path)
    given = work.do(paths)
    whole = _files(paths)
    for path in (tmp_path / "artifacts" / "cache").glob("*/*/*.json"):
        path.write_text("{", encoding="utf-8")
    assert _files(paths) != whole
    assert work.do(paths) == given
    assert _files(paths) == whole
