"""Units that were renamed or merged: their history goes on under the code of today."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from support.ministry import Ministry, changes, count, table

from pipelines.code_changes import CodeChanges
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.raw import CELL_COLUMNS, UNIT_COLUMNS, RawDrop
from pipelines.data.recoding import recoded, recoded_scenes
from pipelines.weeks import CDC

Row = tuple[str, int, str | None]  # unit, week of 2018, count as delivered


def drop(day: int, *rows: Row, spans: bool = False) -> RawDrop:
    """Weekly cells of a drop of 2018-10-<day>, a unit's record being its first row."""
    named = f"2018-10-{day:02d}/cases.csv"
    units = list(dict.fromkeys(u for u, _, _ in rows))
    cells = pd.DataFrame(
        [
            (
                named,
                n,
                "cases",
                u,
                "week",
                "",
                CDC.number(2018, w),
                v,
                float(v) if v else None,
                units.index(u) + 2,
            )
            for n, (u, w, v) in enumerate(rows, start=2)
        ],
        columns=list(CELL_COLUMNS),
    )
    frame = pd.DataFrame(
        [(named, units.index(u) + 2, "unit", u, u, f"name of {u}", "", u) for u in units],
        columns=list(UNIT_COLUMNS),
    )
    whole = {named: (CDC.number(2018, 1), CDC.number(2018, 52))} if spans else {}
    return RawDrop(
        Drop(Path(named).parent, DropInfo(received_date=date(2018, 10, day))),
        frame,
        cells,
        (),
        {named: len(rows)},
        spans=whole,
    )


def counts(raw: RawDrop) -> dict[tuple[str, int], str | None]:
    first = CDC.number(2018, 1) - 1
    return {
        (u, w - first): v
        for u, w, v in zip(raw.cells["unit_id"], raw.cells["when"], raw.cells["value"], strict=True)
    }


def fold(made: CodeChanges, *raws: RawDrop, full: bool = False) -> list[RawDrop]:
    return recoded(raws, made, CDC, full)[0]


def test_a_renamed_unit_s_history_goes_on_under_the_new_code():
    (raw,) = fold(
        changes(("A", "N")), drop(1, ("A", 1, "3"), ("A", 2, "4"), ("N", 3, "5"), ("B", 1, "1"))
    )
    assert counts(raw) == {("N", 1): "3", ("N", 2): "4", ("N", 3): "5", ("B", 1): "1"}
    assert raw.units["unit_id"].tolist() == ["N", "B"] and raw.units["name"][0] == "name of N"
    assert set(raw.cells.loc[raw.cells["unit_id"] == "N", "unit_row"]) == set(raw.units["row"][:1])


@pytest.mark.parametrize("pairs", [[("A", "N")], [("A", "N"), ("B", "N")]])
def test_a_unit_without_a_single_cell_has_its_code_of_today_as_well(pairs):
    bare = drop(1, ("A", 1, "3"), ("C", 1, "1"))
    (raw,) = fold(changes(*pairs), replace(bare, cells=bare.cells[1:]))
    assert raw.units["unit_id"].tolist() == ["N", "C"] and counts(raw) == {("C", 1): "1"}


def test_a_code_that_changed_twice_goes_on_under_the_newest():
    (raw,) = fold(
        changes(("A", "M"), ("M", "N")), drop(1, ("A", 1, "3"), ("M", 2, "4"), ("N", 3, "5"))
    )
    assert counts(raw) == {("N", 1): "3", ("N", 2): "4", ("N", 3): "5"} and len(raw.units) == 1


def test_old_and_new_code_of_a_renamed_unit_with_one_time_are_a_duplicate():
    (raw,) = fold(
        changes(("A", "N")),
        drop(
            1,
            ("A", 1, "3"),
            ("N", 1, "4"),
            ("A", 2, "5"),
            ("N", 2, "5"),
            ("A", 3, None),
            ("N", 3, "6"),
        ),
    )
    assert counts(raw) == {("N", 2): "5", ("N", 3): "6"}
    assert sorted(zip(raw.refused["row"], raw.refused["code"], strict=True)) == [
        (2, "conflicting-counts"),
        (3, "conflicting-counts"),
        (4, "repeated-count"),
    ]


def test_a_merged_unit_is_the_sum_of_its_parts_where_all_are_known():
    made = changes(("A", "N"), ("B", "N"))
    (raw,), issues = recoded(
        [drop(1, ("A", 1, "3"), ("B", 1, "4"), ("A", 2, "5"), ("B", 2, None), ("N", 3, "9"))],
        made,
        CDC,
        False,
    )
    assert counts(raw) == {("N", 1): "7", ("N", 3): "9"}
    assert [(i.code, i.rows, i.period) for i in issues] == [
        ("merged-in-part", 1, "2018-w02..2018-w02")
    ]
    assert raw.units["name"].tolist() == ["name of N"]


def test_parts_that_come_in_drops_of_their_own_complete_a_sum_unless_each_drop_is_the_whole():
    made, drops = (
        changes(("A", "N"), ("B", "N")),
        (drop(1, ("A", 1, "3"), ("A", 2, "1")), drop(2, ("B", 1, "4"))),
    )
    assert [counts(raw) for raw in fold(made, *drops)] == [{}, {("N", 1): "7"}]
    assert [counts(raw) for raw in fold(made, *drops, full=True)] == [{}, {}]


def test_a_whole_and_its_parts_at_one_time_are_refused_and_no_withdrawal():
    (raw,) = fold(
        changes(("A", "N"), ("B", "N")), drop(1, ("A", 1, "3"), ("B", 1, "4"), ("N", 1, "7"))
    )
    assert counts(raw) == {} and set(raw.refused["code"]) == {"conflicting-counts"}
    assert len(raw.refused) == 3 and set(raw.unsure["unit_id"]) == {"N"}


def test_a_unit_that_took_another_in_is_a_part_until_then_and_the_whole_since():
    (raw,) = fold(
        changes(("A", "A", "2018-w03"), ("B", "A")),
        drop(1, ("A", 1, "3"), ("B", 1, "4"), ("A", 2, "5"), ("A", 3, "9")),
    )
    assert counts(raw) == {("A", 1): "7", ("A", 3): "9"}


def test_zeros_of_a_code_out_of_use_are_no_duplicates():
    rows = (
        ("A", 1, "3"),
        ("A", 2, "0"),
        ("A", 3, "0"),
        ("N", 1, "0"),
        ("N", 2, "0"),
        ("N", 3, "5"),
    )
    (renamed,) = fold(changes(("A", "N")), drop(1, *rows))
    assert counts(renamed) == {("N", 1): "3", ("N", 2): "0", ("N", 3): "5"}
    other = (("B", 1, "0"), ("B", 2, "0"), ("B", 3, "0"))
    (merged,) = fold(changes(("A", "N"), ("B", "N")), drop(1, *rows, *other))
    assert counts(merged) == {("N", 1): "3", ("N", 2): "0", ("N", 3): "5"}
    (grown,) = fold(changes(("N", "N", "2018-w03"), ("A", "N")), drop(1, *rows))
    assert counts(grown) == {("N", 1): "3", ("N", 2): "0", ("N", 3): "5"}
    assert all(raw.refused.empty for raw in (renamed, merged, grown))


def test_persons_of_the_year_of_a_merger_are_summed_where_each_part_tells_them():
    received = drop(1, ("A", 1, "30"), ("B", 1, "40"), ("A", 2, "50"), ("A", 3, "90"))
    years = [2017, 2017, 2018, 2019]
    cells = received.cells.assign(
        kind="population", when=years, clean=[f"population_{y}" for y in years]
    )
    made = changes(("A", "A", "2018-w20"), ("B", "A"))
    (apart,) = fold(made, replace(received, cells=cells))
    assert dict(zip(apart.cells["when"], apart.cells["value"], strict=True)) == {
        2017: "70",
        2018: "50",
        2019: "90",
    }
    both = cells.assign(
        when=[2018, 2018, 2017, 2019],
        clean=["population_2018"] * 2 + ["population_2017", "population_2019"],
    )
    (together,) = fold(made, replace(received, cells=both))
    assert dict(zip(together.cells["when"], together.cells["value"], strict=True)) == {
        2018: "70",
        2019: "90",
    }


def test_a_merger_of_merged_units_is_summed_from_below():
    made = changes(("A", "N"), ("B", "N"), ("N", "M"), ("C", "M"))
    (raw,) = fold(
        made,
        drop(
            1,
            ("A", 1, "1"),
            ("B", 1, "2"),
            ("C", 1, "4"),
            ("N", 2, "3"),
            ("C", 2, "5"),
            ("M", 3, "9"),
        ),
    )
    assert counts(raw) == {("M", 1): "7", ("M", 2): "8", ("M", 3): "9"}


@pytest.mark.parametrize("odd", ["-3", "1.5", "1.000", "x"])
def test_a_part_that_is_no_plain_count_is_refused_and_never_hidden_in_a_sum(odd):
    part = drop(1, ("A", 1, "3"), ("B", 1, "9"))
    cells = part.cells.assign(value=[odd, "9"], number=[float(odd) if odd != "x" else None, 9])
    (raw,) = fold(changes(("A", "N"), ("B", "N")), replace(part, cells=cells))
    assert counts(raw) == {} and raw.refused["value"].tolist() == [odd]


def test_in_a_line_list_old_and_new_codes_are_counted_together():
    rows = (("A", 1, "3"), ("N", 1, "4"), ("N", 2, "0"), ("A", 2, "5"))
    for made in (changes(("A", "N")), changes(("A", "N"), ("B", "N"))):
        (raw,) = fold(made, drop(1, *rows, spans=True))
        assert counts(raw) == {("N", 1): "7", ("N", 2): "5"} and raw.refused.empty


def test_delays_and_scenes_go_with_the_code_but_no_scene_with_a_part():
    delays = pd.DataFrame(
        {"unit_id": ["A", "N"], "week_no": [5, 5], "delay_weeks": [1, 1], "cases": [2.0, 3.0]}
    )
    (raw,) = fold(changes(("A", "N")), replace(drop(1, ("A", 1, "3")), delays=delays))
    assert raw.delays is not None and raw.delays.to_dict("list") == {
        "unit_id": ["N"],
        "week_no": [5],
        "delay_weeks": [1],
        "cases": [5.0],
    }
    scenes = pd.DataFrame({"unit_id": ["A", "P", "Q", None]})
    moved = recoded_scenes(scenes, changes(("A", "N"), ("P", "M"), ("Q", "M")))
    assert moved["unit_id"].tolist() == ["N", "P", "Q", None]


def test_a_place_s_drops_go_on_under_the_new_code(tmp_path):
    ministry = Ministry(tmp_path, {"file": "cases.csv"}, updates="full")
    ministry.bring("2018-10-16", cases_csv=table("AB"))
    ministry.bring("2018-10-23", cases_csv=table("NB", last=41))
    ministry.context = replace(ministry.context, changes=changes(("A", "N")))
    result = ministry.validate()
    assert result.tables.units["unit_id"].tolist() == ["B", "N"]
    assert count(result.tables, "N", 40) == 40 and len(result.tables.cases) == 82
    assert not [i for i in result.issues if i.code in ("withdrawn", "municipalities-gone")]
    assert not [i for i in ministry.validate(result.tables).issues if i.code == "new-unit"]
