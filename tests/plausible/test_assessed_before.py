"""How earlier drops were judged is kept: a run that goes on after it says what a run from the
first drop says."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd
import pytest
from support.place import Counts, Place, climate, history

from pipelines.data.plausible import assess as assessing
from pipelines.data.plausible.answers import Answer
from pipelines.data.plausible.assess import Assessment

WEEKS = 6


def year_of_lies(place: Place, seed: int) -> Iterator[None]:
    """Weekly drops; in most of them some units fall to zero, jump, repeat a week or are gone."""
    noise, counts = np.random.default_rng(seed), history(units=9, weeks=90, mean=60.0, seed=seed)
    weather = climate(counts, range(2012 * 12, 2012 * 12 + 20))
    brought = counts.iloc[:, :-WEEKS].copy()
    for week in range(WEEKS, 0, -1):
        newest = counts.columns[-week]
        brought[newest] = counts[newest]
        for unit in noise.choice(counts.index, 3, replace=False):
            _lie(brought, unit, newest, int(noise.integers(5)))
        left_out = noise.choice(counts.index, 1) if noise.random() < 0.2 else []
        place.bring(brought.drop(index=left_out).copy(), weather if week in (WEEKS, 3) else None)
        yield


def _lie(brought: Counts, unit: str, newest: int, kind: int) -> None:
    before = brought.columns[-2]
    if kind == 0:
        brought.loc[unit, newest] = 0.0
    elif kind == 1:
        brought.loc[unit, newest] = 40 * brought.loc[unit].max() + 200
    elif kind == 2:
        brought.loc[unit, newest] = brought.loc[unit, before]
    elif kind == 3:
        brought.loc[unit, before] = np.nan  # unknown again, or a correction of the week before
    else:
        brought.loc[unit, before] = brought.loc[unit, before] + 3


def answered(found: Assessment, noise: np.random.Generator, answers: dict[str, Answer]) -> None:
    """A person answers some causes, one of them by unit, old ones as well."""
    for cause in found.causes:
        if noise.random() < 0.25:
            verdict = str(noise.choice(["confirmed", "rejected"]))
            units = cause.suspicion.units[:1] if noise.random() < 0.3 else ()
            whole = None if units else verdict
            answers[cause.cause_id] = Answer(
                cause.cause_id,
                whole,  # type: ignore[arg-type]
                "Ana",
                "asked",
                "",
                dict.fromkeys(units, verdict),  # type: ignore[arg-type]
            )


def same(first: Assessment, second: Assessment) -> None:
    assert dict(first.crowded) == dict(second.crowded)
    pd.testing.assert_frame_equal(first.doubts, second.doubts)
    pd.testing.assert_frame_equal(first.cells, second.cells)
    assert [(c.drop, c.cause_id, c.answer, c.suspicion.message) for c in first.causes] == [
        (c.drop, c.cause_id, c.answer, c.suspicion.message) for c in second.causes
    ]
    for a, b in zip(first.causes, second.causes, strict=True):
        pd.testing.assert_frame_equal(a.suspicion.cells, b.suspicion.cells)


@pytest.fixture
def looked_at(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Drops that were judged one by one."""
    names: list[str] = []
    original = assessing._SoFar.assess

    def counted(self, drop, *args):
        names.append(drop.name)
        original(self, drop, *args)

    monkeypatch.setattr(assessing._SoFar, "assess", counted)
    return names


@pytest.mark.parametrize("seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in (1, 2, 3))])
def test_every_week_of_lies_and_answers_is_judged_as_from_the_first_drop(
    place, tmp_path, seed, looked_at
):
    noise, answers = np.random.default_rng(100 + seed), dict[str, Answer]()
    for _ in year_of_lies(place, seed):
        whole = place.judged(answers=answers)
        same(whole, place.judged(answers=answers, kept=tmp_path))
        looked_at.clear()
        same(whole, place.judged(answers=answers, kept=tmp_path))
        assert looked_at == [place.drops[-1][0].name]
        answered(whole, noise, answers)
    assert len(whole.causes) > 5 and len(answers) > 2


def test_a_validation_says_the_same_whether_it_goes_on_or_begins_anew(place, tmp_path):
    for _ in year_of_lies(place, 7):
        pass
    first, again = (place.validate(kept=tmp_path / "judged") for _ in range(2))
    assert first.issues == again.issues
    for name in ("cases", "climate", "units", "series", "delays", "doubts"):
        pd.testing.assert_frame_equal(getattr(first.tables, name), getattr(again.tables, name))


def test_a_week_later_only_what_came_since_is_judged(place, tmp_path, looked_at):
    for _ in year_of_lies(place, 4):
        looked_at.clear()
        place.judged(kept=tmp_path)
        assert len(looked_at) <= 2


def test_an_answer_about_an_old_drop_goes_back_to_before_it_and_no_further(
    place, tmp_path, looked_at
):
    for _ in year_of_lies(place, 5):
        found = place.judged(kept=tmp_path)
    drops = [drop.name for drop, _ in place.drops]
    old = next(one for one in found.causes if one.drop == drops[-4])
    answers = {old.cause_id: Answer(old.cause_id, "confirmed", "Ana", "asked", "", {})}
    looked_at.clear()
    same(place.judged(answers=answers), place.judged(answers=answers, kept=tmp_path))
    assert looked_at == [*drops, *drops[-4:]]


@pytest.mark.parametrize(
    ("file", "torn"),
    [
        ("judged.json", True),
        ("found.json", True),
        ("doubts.parquet", True),
        ("cells.parquet", False),
    ],
)
def test_what_is_kept_and_damaged_is_judged_anew(place, tmp_path, file, torn):
    for _ in year_of_lies(place, 6):
        pass
    found = place.judged(kept=tmp_path)
    for path in tmp_path.glob(f"*/{file}"):
        path.write_bytes(b"torn") if torn else path.unlink()
    same(found, place.judged(kept=tmp_path))


def test_a_drop_that_was_made_anew_under_its_name_is_judged_anew(place, tmp_path):
    for _ in year_of_lies(place, 8):
        pass
    place.judged(kept=tmp_path)
    drop, counts = place.drops[1]
    counts = counts.copy()
    counts.loc["1002", counts.columns[-1]] = 0.0
    place.drops[1] = (drop, counts)
    same(place.judged(), place.judged(kept=tmp_path))
