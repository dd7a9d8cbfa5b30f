"""Every week numbering of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

import pytest

from denguard.testing import check_calendar
from pipelines.contracts import CALENDARS

BREACHES = {
    "Shifted": "begins on",
    "Gapped": "does not begin on the day after",
    "Eager": "`has` knows a week",
    "Taking": "of no week is taken",
    "Monthly": "is called",
    "Unequal": "are not equal",
    "Deaf": "asked for weeks from wednesday",
}


@pytest.mark.parametrize("name", sorted(CALENDARS))
@pytest.mark.parametrize("starts", [None, "wednesday"])
def test_a_built_in_numbering_keeps_the_contract(name: str, starts: str | None) -> None:
    check_calendar(name, starts)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(CALENDARS, "broken", f"support.broken.calendars:{name.lower()}")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_calendar("broken", "wednesday" if name == "Deaf" else None)
