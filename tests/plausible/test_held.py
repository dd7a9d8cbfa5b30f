"""Doubted values are set aside until a person has answered, and nothing else is."""

from __future__ import annotations

import numpy as np
import pandas as pd
from support.place import Counts, Place, history

from pipelines.contracts import Level
from pipelines.data.plausible.answers import Answer
from pipelines.data.tables import latest_cases

ZEROED = ["1002", "1005"]


def zeros(counts: Counts) -> Counts:
    counts.loc[ZEROED, counts.columns[-1]] = 0.0
    return counts


def newest(place: Place, answers=None) -> dict[str, float]:
    tables = place.validate(answers).tables
    cases = latest_cases(tables)
    rows = cases[cases["week_no"] == cases["week_no"].max()]
    return dict(zip(rows["unit_id"], rows["cases"], strict=True))


def answer(place: Place, verdict, units=None) -> dict[str, Answer]:
    [cause] = place.judged().causes
    answers = dict.fromkeys(units or (), verdict)
    whole = None if units else verdict
    return {
        cause.cause_id: Answer(cause.cause_id, whole, "A. Person", "asked the site", "", answers)
    }


def test_a_held_count_is_unknown_and_every_other_unit_keeps_its_own(place: Place) -> None:
    counts = history()
    place.weekly(counts, zeros)
    found = newest(place)
    assert all(np.isnan(found[unit]) for unit in ZEROED)
    others = [unit for unit in counts.index if unit not in ZEROED]
    assert [found[unit] for unit in others] == counts.loc[others, counts.columns[-1]].tolist()


def test_a_held_revision_leaves_the_accepted_count_in_force(place: Place) -> None:
    counts = history()
    place.bring(counts)
    place.bring(zeros(counts.copy()), days_later=3)
    assert newest(place)["1002"] == counts.loc["1002", counts.columns[-1]]


def test_a_confirmed_count_counts(place: Place) -> None:
    place.weekly(history(), zeros)
    found = newest(place, answer(place, "confirmed"))
    assert [found[unit] for unit in ZEROED] == [0.0, 0.0]


def test_one_unit_of_a_cause_can_be_confirmed_alone(place: Place) -> None:
    place.weekly(history(), zeros)
    found = newest(place, answer(place, "confirmed", ["1005"]))
    assert np.isnan(found["1002"]) and found["1005"] == 0.0


def test_a_rejected_count_stays_unknown_and_is_no_longer_asked_about(place: Place) -> None:
    place.weekly(history(), zeros)
    result = place.validate(answer(place, "rejected"))
    issues = [i for i in result.issues if i.code == "fell-to-zero"]
    assert [i.level for i in issues] == [Level.INFO] and "rejected by a person" in issues[0].message
    assert result.tables.doubts["held"].all()


def test_a_held_value_is_named_with_its_cause_and_the_command_that_answers(place: Place) -> None:
    place.weekly(history(), zeros)
    [issue] = [i for i in place.validate().issues if i.code == "fell-to-zero"]
    [cause] = place.judged().causes
    assert issue.level is Level.ERROR and "1002, 1005" in issue.message
    assert f"denguard confirm {cause.cause_id}" in issue.fix


def test_more_held_units_than_may_be_stop_the_run(place: Place) -> None:
    def all_zero(counts: Counts) -> Counts:
        counts.iloc[:, -1] = 0.0
        return counts

    place.weekly(history(), all_zero)
    result = place.validate()
    assert result.critical and any(i.code == "too-much-held" for i in result.issues)


def test_a_drop_made_anew_with_other_values_needs_an_answer_of_its_own(place: Place) -> None:
    place.weekly(history(), zeros)
    answers = answer(place, "confirmed")
    drop, counts = place.drops[1]
    counts.loc["1007", counts.columns[-1]] = 0.0
    place.drops[1] = (drop, counts)
    assert set(place.validate(answers).tables.doubts["answer"]) == {""}


def test_what_an_earlier_drop_holds_is_told_again_until_it_is_answered(place: Place) -> None:
    counts = history()
    place.bring(counts.iloc[:, :-2])
    brought = zeros(counts.iloc[:, :-1].copy())
    place.bring(brought)
    place.bring(pd.concat([brought, counts.iloc[:, -1:]], axis=1))
    result = place.validate()
    assert "2 values of 2 units" in next(i.message for i in result.issues if i.code == "still-held")
    assert "still-held" not in [i.code for i in place.validate(answer(place, "rejected")).issues]


def test_a_held_count_that_a_later_drop_corrects_is_no_longer_held(place: Place) -> None:
    counts = history()
    place.bring(counts.iloc[:, :-2])
    place.bring(zeros(counts.iloc[:, :-1].copy()))
    place.bring(counts)
    result = place.validate()
    assert "still-held" not in [i.code for i in result.issues]
    assert set(result.tables.doubts["answer"]) == {"superseded"}
    cases = latest_cases(result.tables).set_index(["unit_id", "week_no"])["cases"]
    assert cases["1002", counts.columns[-2]] == counts.loc["1002", counts.columns[-2]]
