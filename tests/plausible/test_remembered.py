"""Rules look at a drop once: what they found is kept by content, and judged as if they
were asked."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
from support.place import Counts, Place, history

from pipelines.data.plausible import remembered
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.assess import Assessment
from pipelines.data.plausible.suspicion import Suspicion


def lying(place: Place) -> None:
    """Three weeks, of which the second has a zero and the third a rise."""
    counts = history()
    place.bring(counts.iloc[:, :-2])

    def counts_upto(upto: int | None) -> Counts:
        own = counts.copy() if upto is None else counts.iloc[:, :upto].copy()
        own.loc["1002", counts.columns[-2]] = 0.0
        return own

    place.bring(counts_upto(-1))
    last = counts_upto(None)
    last.loc["1005", counts.columns[-1]] = 5000.0
    place.bring(last)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One entry each time that the rules are asked."""
    times: list[int] = []
    from pipelines.data.plausible import assess

    original = assess._ask

    def counted(*args: object) -> list[Suspicion]:
        times.append(1)
        return original(*args)  # type: ignore[arg-type]

    monkeypatch.setattr(assess, "_ask", counted)
    return times


def judged(place: Place, kept: Path | None, answers: dict[str, Answer] | None = None) -> Assessment:
    return place.validate(answers, kept).assessment


def same(one: Assessment, other: Assessment) -> None:
    pd.testing.assert_frame_equal(one.doubts, other.doubts, check_dtype=False)
    assert [(c.cause_id, c.suspicion.message) for c in one.causes] == [
        (c.cause_id, c.suspicion.message) for c in other.causes
    ]


def test_what_is_kept_judges_as_the_rules_do_and_asks_them_no_more(place, tmp_path, calls):
    lying(place)
    whole = judged(place, None)
    assert {d for d in whole.doubts["rule"]} >= {"fell-to-zero", "far-above-maximum"}
    same(whole, judged(place, tmp_path / "judged"))
    calls.clear()
    same(whole, judged(place, tmp_path / "judged"))
    assert calls == []


def test_only_a_new_drop_is_looked_at(place, tmp_path, calls):
    counts = history()
    for week in (-3, -2, -1):
        place.bring(counts.iloc[:, :week])
    judged(place, tmp_path / "judged")
    place.bring(counts)
    calls.clear()
    judged(place, tmp_path / "judged")
    assert len(calls) == 1


def test_an_answer_asks_the_rules_again_about_later_drops(place, tmp_path, calls):
    lying(place)
    found = judged(place, tmp_path / "judged")
    first = found.causes[0]
    answers = {first.cause_id: Answer(first.cause_id, "confirmed", "A", "asked", "", {})}
    calls.clear()
    same(judged(place, None, answers), judged(place, tmp_path / "judged", answers))
    assert len(calls) == 3 + 1  # three drops without what is kept; with it the one after the answer


def test_other_limits_ask_the_rules_again(place, tmp_path, calls):
    lying(place)
    judged(place, tmp_path / "judged")
    place.config = place.config.model_copy(
        update={
            "plausibility": place.config.plausibility.model_copy(
                update={"running_mean_cases": 99.0}
            )
        }
    )
    calls.clear()
    judged(place, tmp_path / "judged")
    assert len(calls) == 3


def test_a_damaged_finding_is_asked_anew(place, tmp_path):
    lying(place)
    whole = judged(place, tmp_path / "judged")
    for path in (tmp_path / "judged").glob("*/found.json"):
        path.write_text("{")
    same(whole, judged(place, tmp_path / "judged"))


def test_without_a_folder_nothing_is_kept(place, tmp_path):
    lying(place)
    judged(place, None)
    assert remembered._FACTS not in [p.name for p in tmp_path.rglob("*")]
