"""Every code system of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

from typing import Any

import pytest

from denguard.testing import check_unit_codes
from pipelines.contracts import UNIT_CODES

# Codes as files write them, and texts that are none.
KNOWN: dict[str, tuple[list[str], list[str]]] = {
    "text": (["VN-HN-01", "Hà Nội", "05001", "a b"], ["x" * 65]),
    "dane": (["05001", "5001", "5001.0", "91001"], ["99", "05000", "ABCDE", "050011"]),
}
BREACHES = {
    "Growing": "not the same twice",
    "Blank": "blanks around",
    "Raw": "control characters",
    "Empty": "no code, and is written",
    "Spaced": "blanks around it",
    "Falling": "raises ValueError",
    "Long": "more than 64",
    "Wordless": "`shape` is no text",
}


@pytest.mark.parametrize("name", sorted(UNIT_CODES))
def test_a_built_in_code_system_keeps_the_contract(name: str) -> None:
    check_unit_codes(name, *KNOWN[name])


@pytest.mark.parametrize(
    ("settings", "codes", "none"),
    [
        ({"pattern": "[0-9]{6,7}", "name": "IBGE"}, ["330455", "3304557"], ["33045", "RIO"]),
        ({"pad_to": 5, "pattern": "[0-9]{5}"}, ["05001", "5001", "5001.0"], ["A", "123456"]),
    ],
)
def test_a_pattern_of_the_profile_keeps_it_too(
    settings: dict[str, Any], codes: list[str], none: list[str]
) -> None:
    check_unit_codes("text", codes, none, **settings)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(UNIT_CODES, "broken", f"support.broken.codes:{name}")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_unit_codes("broken", ["101", "202"])
