"""Rules that a place leaves out are not asked."""

from __future__ import annotations

import pytest
from support.place import Counts, Place, history

from pipelines.plausibility_config import PlausibilityConfig


def zero(counts: Counts) -> Counts:
    counts.loc["1002", counts.columns[-1]] = 0.0
    return counts


@pytest.mark.parametrize(
    ("without", "found_it"),
    [((), True), (("fell-to-zero",), False), (("*",), False), (("fell-far",), True)],
)
def test_a_rule_that_is_left_out_holds_nothing(place: Place, without, found_it) -> None:
    place.weekly(history(), zero)
    found = place.judged(PlausibilityConfig(without=without))
    assert ("fell-to-zero" in {c.suspicion.rule for c in found.causes}) is found_it
