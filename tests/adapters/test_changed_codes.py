"""Units that were renamed or merged: their history goes on under the code of today."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from adapters.ministry import Ministry
from adapters.test_full_drops import count, table

from pipelines.code_changes import CodeChange, CodeChanges
from pipelines.codes import TextCodes
from pipelines.config import load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import Drop
from pipelines.data.raw import CELL_COLUMNS, UNIT_COLUMNS, RawDrop
from pipelines.data.recoding import recoded, recoded_scenes
from pipelines.data.sources import context_of
from pipelines.errors import ConfigError
from pipelines.place_config import CodesConfig
from pipelines.weeks import CDC

Row = tuple[str, int, str | None]  # unit, week of 2018, count as delivered


def changes(*pairs: tuple[str, ...]) -> CodeChanges:
    declared = [
        CodeChange(**dict(zip(("old", "new", "since"), pair, strict=False))) for pair in pairs
    ]
    return CodeChanges(TextCodes(), declared)


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


@pytest.mark.parametrize(
    ("pairs", "says"),
    [
        ([("A", "N"), ("A", "M")], "split cannot be reckoned"),
        ([("A", "B"), ("B", "A")], "circle: A -> B -> A"),
        ([("A", "A"), ("B", "A")], "`since`"),
        ([("A", "A", "2018-w01")], "takes no other code in"),
        ([("A", "\n")], "not a unit code"),
    ],
)
def test_what_cannot_be_reckoned_is_refused_with_its_reason(pairs, says):
    with pytest.raises(ValueError, match=says):
        changes(*pairs)


def test_old_codes_need_not_have_the_shape_of_today_s():
    codes = CodesConfig(
        name="IBGE code", pattern="[0-9]{7}", changes=(CodeChange(old="330455", new="3304557"),)
    )
    assert codes.delivered.normalise(" 330455 ") == "330455"
    assert codes.system.normalise("330455") == codes.system.normalise("3304557") == "3304557"
    assert codes.system.normalise("330456") is None


def profile(folder: Path, csv: str | None, **codes: Any) -> Path:
    if csv is not None:
        (folder / "changes.csv").write_text(csv, encoding="utf-8")
    path = folder / "place.yaml"
    said = "".join(f", {k}: {v}" for k, v in codes.items())
    path.write_text(
        f"profile: place\nplace: {{codes: {{changes: changes.csv{said}}}}}\ndata: {{inputs: [{{file: cases.csv}}]}}\n"
    )
    return path


def test_changes_lie_in_a_csv_beside_the_profile(tmp_path):
    path = profile(
        tmp_path,
        "old,new,since,why\n5001,5002,,renamed\n5003,5003,2018-w05,took 5004 in\n5004,5003,,\n",
        pad_to=5,
    )
    loaded = load_profile(str(path))
    assert loaded.codes.normalise("5001") == "05002" and loaded.codes.normalise("5004") == "05003"
    plain = load_profile(str(path), **{"place.codes.changes": ()})
    assert loaded.recipe_id("linear") == plain.recipe_id("linear")
    context = context_of(loaded)
    assert context.codes.normalise("5001") == "05001" and context.changes


@pytest.mark.parametrize(
    ("csv", "says"),
    [
        (None, "No such file"),
        ("from,to\nA,B\n", "columns old and new"),
        ("old,new\nA,B\nA,C\n", "split cannot be reckoned"),
        ("old,new,since\nA,A,2018-w53\nB,A,\n", "2018-w53"),
        ("old,new\nA,\n", "new"),
    ],
)
def test_a_csv_of_changes_that_cannot_be_used_is_refused_by_name(tmp_path, csv, says):
    with pytest.raises(ConfigError, match=says) as err:
        load_profile(str(profile(tmp_path, csv)))
    assert "place.codes" in err.value.what and err.value.fix


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
