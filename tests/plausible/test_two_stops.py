"""A drop that two rules stop for the same counts: both are asked about, and one no is enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from support.place import Counts, Place, history

from pipelines.config import DeploymentPaths
from pipelines.data.plausible.answers import Answer, Verdict
from pipelines.data.plausible.causes import causes_of, doubts_of, keep_causes
from pipelines.data.plausible.listed import CauseRecord, known_causes
from pipelines.weeks import CDC

STOPS = ["multiples", "multiplied-week"]


def ten_times(counts: Counts) -> Counts:
    counts.iloc[:, -1] *= 10
    return counts


@pytest.fixture
def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "drops")
    made.weekly(history(), ten_times)
    return made


def stops(place: Place, answers: dict[str, Answer] | None = None) -> dict[str, CauseRecord]:
    found = causes_of(place.judged(answers=answers), CDC)
    return {one.rule: one for one in found if one.outcome == "stop"}


def answered(place: Place, rule: str, verdict: Verdict) -> dict[str, Answer]:
    cause = stops(place)[rule].cause_id
    return {cause: Answer(cause, verdict, "A. Person", "asked the site", "", {})}


def test_both_stops_are_listed_with_all_their_counts(place: Place) -> None:
    found = stops(place)
    assert sorted(found) == STOPS
    assert all(one.waiting == one.cells == one.units == 12 for one in found.values())


def test_the_counts_of_both_stops_can_be_looked_at(place: Place, tmp_path: Path) -> None:
    paths = DeploymentPaths(home=tmp_path)
    keep_causes(paths, "a-run", place.judged(), CDC, {})
    listed = [one for one in known_causes(paths) if one.outcome == "stop"]
    assert [len(doubts_of(paths, one.cause_id)) for one in listed] == [12, 12]


def test_counts_that_were_rejected_for_one_cause_are_not_asked_about_for_another(
    place: Place,
) -> None:
    answers = answered(place, "multiplied-week", "rejected")
    assert [one.answer for one in stops(place, answers).values()] == ["rejected", "rejected"]
    assert not place.validate(answers).critical


def test_counts_that_were_confirmed_for_one_cause_still_wait_for_the_other(place: Place) -> None:
    answers = answered(place, "multiplied-week", "confirmed")
    assert stops(place, answers)["multiples"].waiting == 12
    assert place.validate(answers).critical


def test_neither_stop_is_listed_once_the_next_drop_says_otherwise(place: Place) -> None:
    place.bring(history(), days_later=3)
    assert not any(one.waiting for one in stops(place).values())
