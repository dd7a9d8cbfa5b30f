"""Old drops of places where each is the whole, or whose codes changed: what is kept gives the same
tables.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.ministry import Ministry

from pipelines.code_changes import CodeChange, CodeChanges, DeliveredCodes
from pipelines.codes import TextCodes
from pipelines.contracts import content_id
from pipelines.data.drops import list_drops
from pipelines.data.raw import RawDrop
from pipelines.data.readings import can_be_kept, meaning_of, read_drops, reading_options
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.sources import source_of
from pipelines.data.validate import validate_drops
from pipelines.data.validation_result import ValidationResult

CASES = {
    "table": "cases",
    "adapter": "long",
    "file": "cases.csv",
    "columns": {"unit": "code", "year": "year", "week": "week", "cases": "cases"},
}
PEOPLE = {
    "table": "units",
    "adapter": "long",
    "file": "people.csv",
    "columns": {"unit": "code", "year": "year", "population": "n"},
}
# b and c became bc, d was renamed to e; f takes g in and keeps its code
CHANGES = CodeChanges(
    TextCodes(),
    [
        CodeChange(old="b", new="bc"),
        CodeChange(old="c", new="bc"),
        CodeChange(old="d", new="e"),
        CodeChange(old="g", new="f"),
        CodeChange(old="f", new="f", since="2018-w06"),
    ],
)
WEEKS = 10
Make = Callable[..., Ministry]


@pytest.fixture
def make(tmp_path: Path) -> Make:
    def ministry(updates: str, changes: CodeChanges | None = None) -> Ministry:
        made = Ministry(tmp_path, CASES, PEOPLE, updates=updates)
        if changes:
            codes = DeliveredCodes(TextCodes(), changes)
            made.context = replace(made.context, codes=codes, changes=changes)
        return made

    return ministry


def history(ministry: Ministry, seed: int) -> None:
    """Weekly drops: values change, vanish, come back or twice; a unit comes late, one only as
    people; some drops begin late or end early, as the whole of a shorter time."""
    noise, known = np.random.default_rng(seed), {}
    people: dict[tuple[str, int], str] = {}
    for week in range(1, WEEKS):
        units = ["a", "b", "c", "d", "f", "g"] + (["h"] if week > 5 else [])
        for unit in units if week < 7 else ["a", "bc", "e", "f", "h"]:
            known[unit, week] = str(noise.poisson(20))
        people |= {(u, 2017): "100" for u in (*units, "lone")} | {("lone", 2010 + week): "7"}
        people |= {("h", 2018): "50"}
        for cell in list(known):
            if noise.random() < 0.08:
                known[cell] = str(noise.choice(["", "x", "withdrawn", "0", str(noise.poisson(20))]))
        first = int(noise.integers(1, week + 1)) if noise.random() < 0.3 else 1
        rows = [
            f"{u},2018,{w},{v}"
            for (u, w), v in known.items()
            if w >= first and noise.random() > 0.1
        ]
        if len(rows) > 25 and noise.random() < 0.5:
            rows.append(rows[int(noise.integers(len(rows)))].rsplit(",", 1)[0] + ",3")
        lines = [f"{u},{y},{n}" for (u, y), n in people.items() if noise.random() > 0.2]
        day = (pd.Timestamp("2018-01-09") + pd.Timedelta(weeks=week)).date().isoformat()
        ministry.bring(
            day,
            cases_csv="\n".join(["code,year,week,cases", *rows, ""]),
            people_csv="\n".join(["code,year,n", *lines, ""]),
        )


def read(ministry: Ministry, kept: Path | None) -> list[RawDrop]:
    drops, source = list_drops(ministry.drops), source_of(ministry.context.config)
    hashes = {
        d.name: content_id([f.read_text() for f in sorted(d.path.glob("*.csv"))]) for d in drops
    }
    context = ministry.context
    return read_drops(
        drops,
        lambda drop: source.read_raw(drop, context),
        hashes,
        kept,
        meaning_of(context),
        reading_options(context),
    )


def checked(ministry: Ministry, raws: list[RawDrop]) -> ValidationResult:
    scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
    return validate_drops(raws, scenes, ministry.context, None, None)


def require_same(one: ValidationResult, other: ValidationResult) -> None:
    for name in ("cases", "climate", "units", "series", "delays", "doubts"):
        pd.testing.assert_frame_equal(getattr(one.tables, name), getattr(other.tables, name))
    assert [(i.level, i.code, i.rows) for i in one.issues] == [
        (i.level, i.code, i.rows) for i in other.issues
    ]


@pytest.mark.parametrize(
    "seed", [0, *(pytest.param(n, marks=pytest.mark.slow) for n in range(1, 8))]
)
@pytest.mark.parametrize(
    ("updates", "changes"), [("full", None), ("increment", CHANGES), ("full", CHANGES)]
)
def test_what_is_kept_gives_the_tables_and_findings_of_whole_drops(
    make: Make, tmp_path: Path, updates: str, changes: CodeChanges | None, seed: int
) -> None:
    ministry = make(updates, changes)
    history(ministry, seed)
    every = read(ministry, None)
    whole = checked(ministry, every)
    first = read(ministry, tmp_path / "kept")
    again = read(ministry, tmp_path / "kept")
    assert sum(len(raw.cells) for raw in first) < 0.9 * sum(len(raw.cells) for raw in every)
    for one, other in zip(first, again, strict=True):
        assert one.cells["value"].tolist() == other.cells["value"].tolist()
    require_same(whole, checked(ministry, again))


def weekly(ministry: Ministry, rows: Callable[[int], list[str]]) -> list[int]:
    """Cells held of each drop of ten weeks."""
    for week in range(1, 11):
        day = (pd.Timestamp("2018-01-09") + pd.Timedelta(weeks=week)).date().isoformat()
        ministry.bring(
            day,
            cases_csv="\n".join(["code,year,week,cases", *rows(week), ""]),
            people_csv="code,year,n\na,2017,9\n",
        )
    return [len(raw.cells) for raw in read(ministry, ministry.home / "kept")]


def test_of_full_drops_only_what_was_new_is_held(make: Make) -> None:
    sizes = weekly(
        make("full"), lambda week: [f"{u},2018,{w},7" for w in range(1, week + 1) for u in "ah"]
    )
    assert sizes == [3, *[2] * 8, 21]


def test_of_units_whose_codes_changed_everything_is_held_and_of_others_what_was_new(
    make: Make,
) -> None:
    sizes = weekly(
        make("increment", CHANGES),
        lambda week: [f"{u},2018,{w},7" for w in range(1, week + 1) for u in "ad"],
    )
    assert sizes == [3, *range(3, 11), 21]


def test_a_value_that_a_full_drop_leaves_out_is_withdrawn_by_what_is_kept_of_it(
    make: Make, tmp_path: Path
) -> None:
    ministry = make("full")
    every = [f"{u},2018,{w},7" for w in (1, 2, 3) for u in "ah"]
    for day, rows in (
        ("02-09", every),
        ("02-16", every[:2] + every[3:]),
        ("02-23", every[:2] + every[3:]),
    ):
        ministry.bring(
            f"2018-{day}",
            cases_csv="\n".join(["code,year,week,cases", *rows, ""]),
            people_csv="code,year,n\na,2017,9\n",
        )
    cases = checked(ministry, read(ministry, tmp_path / "kept")).tables.cases
    found = cases[(cases["unit_id"] == "a") & cases["cases"].isna()]
    assert [str(day) for day in found["received_date"]] == ["2018-02-16"]


def test_a_unit_without_cases_stretches_nothing_that_a_kept_full_drop_speaks_for(
    make: Make, tmp_path: Path
) -> None:
    ministry = make("full")
    later = (
        "code,year,n\nlone,2010,1\na,2017,9\n"  # says nothing of 2012: units without cases are none
    )
    for day, people in (("09", "code,year,n\na,2012,8\na,2017,9\n"), ("16", later), ("23", later)):
        ministry.bring(
            f"2018-02-{day}", cases_csv="code,year,week,cases\na,2018,1,7\n", people_csv=people
        )
    units = checked(ministry, read(ministry, tmp_path / "kept")).tables.units
    assert units.set_index("unit_id").loc["a", "population_2012"] == 8.0


def test_drops_of_line_lists_that_are_the_whole_are_read_whole(tmp_path: Path) -> None:
    columns = {"unit": "code", "year": "year", "week": "week"}
    persons = {"adapter": "line_list", "file": "cases.csv", "columns": columns}
    ministry = Ministry(tmp_path, persons, updates="full")
    for day in ("2018-01-16", "2018-01-23", "2018-01-30"):
        ministry.bring(day, cases_csv="code,year,week\na,2018,1\na,2018,1\na,2018,2\n")
    sizes = [raw.cells["value"].notna().sum() for raw in read(ministry, tmp_path / "kept")]
    assert len(set(sizes)) == 1


def test_other_changes_of_codes_read_every_drop_anew(make: Make) -> None:
    fewer = CodeChanges(TextCodes(), [CodeChange(old="b", new="bc"), CodeChange(old="c", new="bc")])
    meanings = {
        str(meaning_of(make("full", changes).context)) for changes in (None, fewer, CHANGES)
    }
    assert len(meanings) == 3 and "object at" not in str(meanings)
    assert all(can_be_kept(make("full", changes).context) for changes in (None, CHANGES))
