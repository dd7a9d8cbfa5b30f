"""The event file: lines are whole, in order, and a torn one harms no other."""

from __future__ import annotations

import multiprocessing
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.run.events import append_event, events_file, read_events


def _append(home: Path, n: int) -> None:
    for i in range(n):
        append_event(DeploymentPaths(home=home), "held", {"n": i})


def test_events_are_read_in_the_order_in_which_they_were_appended(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    append_event(paths, "held", {"cells": 3}, run_id="a")
    append_event(paths, "confirmed", {"cells": 3})
    assert [e["kind"] for e in read_events(paths)] == ["held", "confirmed"]
    assert [e["run_id"] for e in read_events(paths, "held")] == ["a"]


def test_a_home_without_events_has_none(tmp_path: Path) -> None:
    assert list(read_events(DeploymentPaths(home=tmp_path))) == []


def test_a_line_torn_by_a_power_cut_swallows_no_later_one(tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    append_event(paths, "held", {"cells": 1})
    whole = events_file(paths).read_bytes()
    events_file(paths).write_bytes(whole + whole[:20])
    append_event(paths, "rejected", {"cells": 2})
    assert [e["kind"] for e in read_events(paths)] == ["held", "rejected"]


def test_two_processes_that_append_at_once_leave_whole_lines(tmp_path: Path) -> None:
    start = multiprocessing.get_context("spawn")
    both = [start.Process(target=_append, args=(tmp_path, 25)) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join(60)
    assert len(list(read_events(DeploymentPaths(home=tmp_path)))) == 50
