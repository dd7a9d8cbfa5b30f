"""Every adapter of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

import pytest
from support.layout_samples import ALSO, OURS, PRIVATE, RECEIVED, Sample, table

from denguard.testing import Fact, check_adapter
from pipelines.contracts import ADAPTERS

SIMPLE = table("unit,year,week,cases", "A,2018,1,3", "A,2018,2,4", "B,2018,1,0", "B,2018,2,7")
FACTS = [Fact(2, "A", "2018-w01", 3), Fact(5, "B", "2018-w02", 7)]
BREACHES = {
    "Raising": "an empty file: it raises",
    "Silent": "nothing says why",
    "Deaf": "comes after the last one asked for",
    "Cutting": "not those of the whole file",
    "Eager": "had not ended",
    "Misplacing": "the file has it in row 2",
    "Leaking": "leaves",
    "Zeroing": "missing is never zero",
    "Doubling": "two cells for one unit",
    "Wilful": "no code is one: 'A' is not written",
    "Homemade": "the sample: ' A' is not written as the code system writes it",
    "Changing": "says other things",
    "Widening": "has the columns",
    "Orphaning": "belong to no record of units",
    "Writing": "changes the file",
}


def _check(name: str, sample: Sample) -> None:
    check_adapter(
        name,
        sample.content.encode(),
        sample.facts,
        received=RECEIVED,
        private=sample.private,
        calendar=sample.calendar,
        **sample.settings,
    )


@pytest.mark.parametrize("name", sorted(ADAPTERS))
def test_a_built_in_adapter_keeps_the_contract(name: str) -> None:
    assert name in OURS, "give it a small sound file in samples.py"
    _check(name, OURS[name])


@pytest.mark.parametrize(("name", "sample"), ALSO, ids=["dhis2-json", "units", "line-list-weeks"])
def test_so_it_does_for_its_other_layouts(name: str, sample: Sample) -> None:
    _check(name, sample)


def test_an_honest_adapter_of_another_distribution_passes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "broken", "support.broken.adapters:HONEST")  # type: ignore[arg-type]
    check_adapter("broken", SIMPLE.encode(), FACTS, received=RECEIVED, private=[PRIVATE])


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(ADAPTERS, "broken", f"support.broken.adapters:{name.upper()}")  # type: ignore[arg-type]
    content = SIMPLE.replace("B,2018,1,0", "B,2018,1,") if name == "Zeroing" else SIMPLE
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_adapter("broken", content.encode(), FACTS, received=RECEIVED, private=[PRIVATE])


def test_a_sample_that_would_check_nothing_is_refused() -> None:
    with pytest.raises(AssertionError, match="does not stand in the sample"):
        check_adapter("long", SIMPLE.encode(), FACTS, received=RECEIVED, private=["male-12"])
    with pytest.raises(AssertionError, match="state some facts"):
        check_adapter("long", SIMPLE.encode(), [], received=RECEIVED)
    with pytest.raises(AssertionError, match="two weeks or more"):
        check_adapter(
            "long",
            table("unit,year,week,cases", "A,2018,1,3").encode(),
            FACTS[:1],
            received=RECEIVED,
        )
