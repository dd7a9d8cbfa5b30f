"""What the country's own tests hold: run where it is installed, by the names that denguard
promises.
"""

from __future__ import annotations

from datetime import date

from denguard.testing import (
    Fact,
    check_forecaster,
    check_label_rule,
    check_source,
    check_unit_codes,
)

BULLETIN = """Weekly bulletin of Elbonia
e-1 week 1 of 2025: 3 cases
e-1 week 2 of 2025: 4 cases
E-02 week 1 of 2025: 0 cases
"""


def test_its_bulletin_is_read() -> None:
    check_source(
        "elbonia",
        {"bulletin.txt": BULLETIN.encode()},
        [Fact(2, "E-01", "2025-w01", 3), Fact(4, "E-02", "2025-w01", 0)],
        received=date(2025, 2, 3),
        profile={"place": {"week": {"numbering": "iso"}, "codes": {"kind": "elbonia"}}},
    )


def test_its_codes_are_written_in_one_way() -> None:
    check_unit_codes("elbonia", ["e-1", "E-01", "E12"], ["1", "E-123", "F-01"])


def test_its_label_rule_knows_no_future() -> None:
    check_label_rule("above_mean", {"factor": 1.5})


def test_its_forecaster_keeps_the_contract() -> None:
    check_forecaster("elbonian_trees", settings={"rounds": 5})
