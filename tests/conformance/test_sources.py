"""Every source of denguard passes the kit; one that breaks a promise does not."""

from __future__ import annotations

import csv
import io
from dataclasses import dataclass, field
from typing import Any

import pytest
from support.desk import CODES, table_rows
from support.layout_samples import PRIVATE, RECEIVED, table

from denguard.testing import Fact, check_source
from pipelines.contracts import SOURCES

COUNTS = table("unit,year,week,cases", "A,2018,1,3", "A,2018,2,4", "B,2018,1,0", "B,2018,2,7")
FACTS = [Fact(2, "A", "2018-w01", 3), Fact(5, "B", "2018-w02", 7)]
BREACHES = {
    "raising": "an empty file: it raises",
    "blind": "becomes a drop, and nothing says",
    "careless": "bring no file: TypeError instead of DropError|bring no file is taken",
    "moving": "changes the files that it is given",
    "deaf": "comes after the last one asked for",
    "misnaming": "files that nobody delivered|files that are not in the drop",
    "lost": "no critical issue says",
}


@dataclass(frozen=True)
class Sample:
    """What check_source is told of a source."""

    files: dict[str, bytes]
    facts: list[Fact]
    private: tuple[str, ...] = ()
    profile: dict[str, Any] = field(default_factory=dict)


def _municipal_table() -> bytes:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows(table_rows()[:4])
    return text.getvalue().encode()


OF_TABLE = Sample(
    {"metadata.csv": _municipal_table()},
    [Fact(2, CODES[0].zfill(5), "2018-w03", 2), Fact(3, CODES[1].zfill(5), "2018-w01", 1)],
)
OURS: dict[str, Sample] = {
    "satellitebench": OF_TABLE,
    "sample": OF_TABLE,
    "files": Sample(
        {
            "cases.csv": COUNTS.encode(),
            "people.csv": b"unit,year,population\nA,2018,900\nB,2018,80\n",
        },
        [*FACTS, Fact(3, "B", 2018, 80, "population", f"{RECEIVED}/people.csv")],
        (PRIVATE,),
        {"data": {"inputs": [{"file": "cases.csv"}, {"table": "units", "file": "people.csv"}]}},
    ),
}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_a_built_in_source_keeps_the_contract(name: str) -> None:
    assert name in OURS, "give it small sound files above"
    sample = OURS[name]
    check_source(
        name,
        sample.files,
        sample.facts,
        received=RECEIVED,
        private=sample.private,
        profile=sample.profile,
    )


@pytest.mark.parametrize("name", BREACHES)
def test_a_breach_is_named(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(SOURCES, "broken", f"support.broken.sources:{name.upper()}")  # type: ignore[arg-type]
    with pytest.raises(AssertionError, match=BREACHES[name]):
        check_source("broken", {"cases.csv": COUNTS.encode()}, FACTS, received=RECEIVED)
