"""A drop without many of its units, or of its weeks, is stopped until a person has answered."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from support.place import Counts, Place, history

from pipelines.config import DataConfig
from pipelines.contracts import Level
from pipelines.data.plausible.answers import Answer


def confirmed(place: Place, *rules: str) -> dict[str, Answer]:
    causes = [c for c in place.judged().causes if c.suspicion.rule in rules]
    return {
        c.cause_id: Answer(c.cause_id, "confirmed", "A. Person", "a reform", "", {}) for c in causes
    }


def upload(place: Place, lost: int, counts: Counts | None = None) -> Counts:
    """A whole table, and a week later the same without its last rows."""
    counts = history() if counts is None else counts
    place.bring(counts.iloc[:, :-1])
    place.bring(counts.iloc[: len(counts) - lost])
    return counts


def rules(place: Place, answers: dict[str, Answer] | None = None) -> list[str]:
    return [cause.suspicion.rule for cause in place.causes(answers)]


def test_a_truncated_upload_stops_the_run_and_names_what_is_gone(place: Place) -> None:
    upload(place, lost=6)
    result = place.validate()
    [issue] = [i for i in result.issues if i.code == "units-gone"]
    assert issue.level is Level.CRITICAL and result.critical
    assert "6 of 12 units that cases.csv had are not there any more (50%)" in issue.message
    assert "1007, 1008" in issue.message and "denguard confirm" in issue.fix


def test_one_municipality_that_is_gone_is_a_warning(place: Place) -> None:
    upload(place, lost=1, counts=history(units=4))
    result = place.validate()
    assert not result.critical
    [issue] = [i for i in result.issues if i.code == "municipalities-gone"]
    assert issue.level is Level.WARNING and "1004" in issue.message


def test_a_reform_that_removes_half_of_the_units_passes_by_a_persons_word(place: Place) -> None:
    counts = upload(place, lost=6)
    answers = confirmed(place, "units-gone")
    assert not place.validate(answers).critical
    half = counts.iloc[:6]
    later = pd.concat([half, half.iloc[:, -1:].set_axis([counts.columns[-1] + 1], axis=1)], axis=1)
    place.bring(later)
    assert "units-gone" not in rules(place, answers)
    assert "units-gone" in rules(place)  # without that word it is asked again


def test_a_second_truncated_upload_is_not_measured_by_the_first(place: Place) -> None:
    counts = upload(place, lost=6)
    place.bring(counts.iloc[:6], days_later=4)
    assert "units-gone" in rules(place)


def test_units_that_come_back_after_a_reform_are_waited_for_again(place: Place) -> None:
    counts = upload(place, lost=6)
    answers = confirmed(place, "units-gone")
    place.bring(counts, days_later=4)
    place.bring(counts.iloc[:6], days_later=5)
    assert "units-gone" in rules(place, answers)


def test_a_table_of_climate_of_few_units_takes_no_unit_away(place: Place) -> None:
    counts = history()
    place.bring(counts)
    few = pd.DataFrame(
        {"unit_id": ["1001"], "kind": "temp", "clean": "", "when": 2018 * 12, "number": 25.0}
    )
    place.bring(counts.iloc[:0], others=few, days_later=5)
    assert "units-gone" not in rules(place)


def test_a_line_list_names_only_units_with_a_case_and_takes_none_away(place: Place) -> None:
    upload(place, lost=6)
    raws = place.raws()
    week = int(history().columns[-1])
    raws[1] = replace(raws[1], spans={f"{raws[1].drop.name}/cases.csv": (week, week)})
    raws[0] = replace(raws[0], spans={f"{raws[0].drop.name}/cases.csv": (week - 9, week - 1)})
    place.raws = lambda: raws  # type: ignore[method-assign]
    assert "units-gone" not in [i.code for i in place.validate().issues]


def full(place: Place) -> Place:
    place.config = DataConfig(updates="full")
    return place


def test_a_full_drop_without_half_of_its_units_withdraws_nothing_until_answered(
    place: Place,
) -> None:
    counts = upload(full(place), lost=6)
    result = place.validate()
    assert next(i.code for i in result.issues if i.level is Level.CRITICAL) == "units-gone"
    assert "counts-withdrawn" not in [i.code for i in result.issues]
    cases = result.tables.cases
    rows = cases[(cases["unit_id"] == "1012") & (cases["week_no"] == counts.columns[-2])]
    assert rows["cases"].notna().all() and len(rows) == 1


@pytest.mark.parametrize(("weeks", "stopped"), [(1, False), (12, True)])
def test_a_full_drop_that_leaves_many_weeks_out_is_stopped(
    place: Place, weeks: int, stopped: bool
) -> None:
    counts = history()
    full(place).bring(counts.iloc[:, :-1])
    cut = counts.copy()
    cut.iloc[:, -weeks - 5 : -5] = np.nan
    place.bring(cut)
    result = place.validate()
    assert result.critical == stopped
    assert ("counts-withdrawn" in [i.code for i in result.issues]) == stopped
    if stopped:
        assert not place.validate(_answers(result)).critical


def _answers(result) -> dict[str, Answer]:
    [cause] = result.tables.doubts["cause_id"].unique()
    return {cause: Answer(cause, "confirmed", "A. Person", "meant so", "", {})}
