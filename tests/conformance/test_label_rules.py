"""Every label rule of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

from typing import Any

import pytest

from denguard.testing import check_label_rule
from pipelines.contracts import LABEL_RULES
from pipelines.weeks import ISO

# What a rule asks for beyond its defaults; a rule that asks for nothing needs no line.
NEEDED: dict[str, dict[str, Any]] = {
    "quantile": {"reference": ["2015-w10", "2018-w20"], "q": 0.75},
    "incidence": {"per_100k": 20},
}
ALSO: list[tuple[str, dict[str, Any]]] = [
    ("endemic_channel", {"centre": "mean_sd", "k": 2, "min_years": 1, "years": 3}),
    ("endemic_channel", {"reference": [2012, 2016], "leave_out": [2014]}),
]
BREACHES = {
    "Peeking": "counts after the origin",
    "Negative": "negative",
    "Infinite": "infinite",
    "Changing": "changes the counts",
    "Rolling": "asked twice",
    "Ordered": "order of the rows",
    "Falling": "one known week: it raises ZeroDivisionError",
    "Doubled": "two thresholds for one unit",
    "Strange": "nobody asked about",
    "Unseasoned": r"season_week is 1\.\.52",
    "Nameless": "no readable name",
    "Floorless": "same rule_id",
    "Forgetful": "another rule",
    "Silent": "get no threshold",
    "Endless": "not ranges of week ordinals",
}


@pytest.mark.parametrize("name", sorted(LABEL_RULES))
def test_a_built_in_rule_keeps_the_contract(name: str) -> None:
    check_label_rule(name, NEEDED.get(name))


@pytest.mark.parametrize(("name", "settings"), ALSO)
def test_so_do_its_other_settings_in_another_calendar(name: str, settings: dict[str, Any]) -> None:
    check_label_rule(name, settings, ISO)


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LABEL_RULES, "broken", f"support.broken.rules:{name}")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_label_rule("broken", {"factor": 3.0} if name == "Forgetful" else None)


def test_a_rule_whose_module_imports_pandas_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(LABEL_RULES, "broken", "support.broken.heavy_rule:Heavy")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=r"support.broken.heavy_rule imports numpy, pandas"):
        check_label_rule("broken")
