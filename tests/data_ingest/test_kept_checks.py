"""A check is taken from an earlier run where values, rules and code are the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import great_expectations.expectations as gxe
import numpy as np
import pandas as pd
import pytest

from pipelines.contracts import Level
from pipelines.data import suite as suites
from pipelines.data.suite import Rule, Suite, between
from pipelines.storage import read_json


def rules(high: float = 5) -> tuple[Rule, ...]:
    text = gxe.ExpectColumnValuesToMatchRegex(column="value", regex="^[0-9]$")
    return (
        Rule(text, "no-number", Level.ERROR, "m", "f", quarantine=True),
        Rule(between("number", 0, high), "high", Level.WARNING, "m", "f"),
    )


def frame() -> pd.DataFrame:
    return pd.DataFrame({"value": ["1", "x", "3", None], "number": [1.0, np.nan, 3.5, 9.0]})


class Asked:
    """How many checks GX made."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.count, make = 0, suites.validator_of

        def counted(batch: Any, asked: pd.DataFrame, expectations: Sequence[Any]) -> Any:
            self.count += 1
            return make(batch, asked, expectations)

        monkeypatch.setattr(suites, "validator_of", counted)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> Asked:
    return Asked(monkeypatch)


def run(kept: Path, values: pd.DataFrame, of: tuple[Rule, ...] | None = None) -> Suite:
    made = Suite(kept)
    made.run("cells", values, of or rules())
    return made


def test_the_next_run_finds_the_same_and_asks_nothing(tmp_path: Path, asked: Asked) -> None:
    found = []
    for name in ("first", "second"):
        made = Suite(tmp_path / "kept")
        misses = made.run("cells", frame(), rules())
        made.write(tmp_path / name)
        found.append([(f.rule.code, f.rows.index.tolist()) for f in misses])
    assert found == [[("no-number", [1]), ("high", [3])]] * 2
    assert asked.count == 1
    first, second = (tmp_path / name / "gx_results.json" for name in ("first", "second"))
    assert first.read_bytes() == second.read_bytes()


def test_its_pages_say_what_was_missed_as_well(tmp_path: Path, asked: Asked) -> None:
    pages = []
    for name in ("first", "second"):
        run(tmp_path / "kept", frame()).write(tmp_path / name)
        (page,) = (tmp_path / name / "data_docs" / "validations").rglob("*.html")
        pages.append(page.read_text(encoding="utf-8").count("unexpected"))
    assert asked.count == 1
    assert pages[0] == pages[1] > 0


CHANGED = {
    "another value": frame().assign(value=["1", "y", "3", None]),
    "a value that is missing": frame().assign(value=["1", None, "3", None]),
    "an empty text for a missing one": frame().assign(value=["1", "x", "3", ""]),
    "another number": frame().assign(number=[1.0, np.nan, 3.5, 9.5]),
    "another order": frame().iloc[::-1].reset_index(drop=True),
    "a row more": pd.concat([frame(), frame().iloc[:1]], ignore_index=True),
    "a number as text": frame().assign(number=["1.0", None, "3.5", "9.0"]),
}


@pytest.mark.parametrize("what", CHANGED)
def test_other_values_are_checked(tmp_path: Path, asked: Asked, what: str) -> None:
    run(tmp_path, frame())
    run(tmp_path, CHANGED[what])
    assert asked.count == 2


def test_other_rules_are_asked(tmp_path: Path, asked: Asked) -> None:
    run(tmp_path, frame())
    run(tmp_path, frame(), rules(high=4))
    run(tmp_path, frame(), rules()[:1])
    run(tmp_path, frame(), (replace(rules()[0], level=Level.WARNING), rules()[1]))
    assert asked.count == 4


def test_values_that_may_share_a_hash_are_always_checked(tmp_path: Path, asked: Asked) -> None:
    mixed = frame().assign(value=pd.Series([1, "x", "3", None], dtype=object))
    run(tmp_path, mixed)
    run(tmp_path, mixed)
    assert asked.count == 2


def test_a_damaged_result_is_made_again(tmp_path: Path, asked: Asked) -> None:
    run(tmp_path, frame())
    (kept,) = tmp_path.glob("*/result.json")
    kept.write_bytes(kept.read_bytes().replace(b'"success": false', b'"success": true '))
    found = Suite(tmp_path).run("cells", frame(), rules())
    assert asked.count == 2
    assert len(found) == 2


def test_a_check_that_could_not_be_made_is_not_kept(tmp_path: Path, asked: Asked) -> None:
    for _ in range(2):
        made = run(tmp_path, frame(), (replace(rules()[0], expectation=between("absent", 0, 1)),))
        assert [one.code for one in made.broken] == ["check-failed"]
    assert asked.count == 2


def test_what_a_run_used_is_noted_for_prune(tmp_path: Path) -> None:
    run(tmp_path / "kept", frame()).write(tmp_path / "out")
    (place,) = (tmp_path / "kept").glob("*")
    assert read_json(tmp_path / "kept.json") == {"used": [place.name]}
