"""Cells as categoricals say what their texts say, and are numbered and compared alike."""

from __future__ import annotations

from dataclasses import replace
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from support.drops import CONTEXT, table_drop

from pipelines.contracts import Level
from pipelines.data.cell_keys import CellKeys
from pipelines.data.cell_texts import CELL_TEXTS, coded, joined, plain
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import list_drops
from pipelines.data.known_values import UNKNOWN, KnownValues
from pipelines.data.raw import NUMBER, numbers, of_records
from pipelines.data.scenes import SCENE_COLUMNS
from pipelines.data.sources.sample import package_table
from pipelines.data.sources.satellitebench import read_raw
from pipelines.data.validate import validate_drops

TEXTS = {
    "objects": lambda texts: pd.Series(texts, dtype=object),
    "categoricals": lambda texts: pd.Series(pd.Categorical(texts)),
    "more categories": lambda texts: pd.Series(pd.Categorical(texts, ["z", "b", "a"])),
}


def cells(kind: str, units: list[str | None], values: list[str | None]) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "unit_id": TEXTS[kind](units),
            "kind": TEXTS[kind](["a" for _ in units]),
            "clean": TEXTS[kind](["b" for _ in units]),
            "when": np.arange(len(units), dtype=np.int64) % 2,
            "value": pd.Series(values, dtype=object),
        }
    )


@pytest.mark.parametrize("one", TEXTS)
@pytest.mark.parametrize("other", TEXTS)
def test_joined_cells_are_those_of_each_frame_in_their_order(one: str, other: str) -> None:
    parts = [cells(one, ["b", "a", None], ["1", None, "2"]), cells(other, ["a"], ["3"])]
    both = joined(parts)
    pd.testing.assert_frame_equal(
        plain(both).replace({np.nan: None}),
        pd.concat(map(plain, parts), ignore_index=True).replace({np.nan: None}),
    )
    assert all(both[name].cat.categories.is_monotonic_increasing for name in ("unit_id", "kind"))


def test_sorted_by_a_joined_text_they_lie_as_the_texts_do() -> None:
    both = joined([cells("objects", ["b", "10", "a", "9"], ["1", "2", "3", "4"])])
    assert both.sort_values("unit_id")["unit_id"].tolist() == ["10", "9", "a", "b"]


def test_joining_leaves_the_frames_as_they_were() -> None:
    one = cells("categoricals", ["b", "a"], ["1", "2"])
    before = one.copy()
    both = joined([one])
    both.loc[0, "when"], both.loc[0, "value"] = 99, "changed"
    pd.testing.assert_frame_equal(one, before)


def test_a_cell_has_the_same_key_whatever_its_texts_are_made_of() -> None:
    keys = CellKeys()
    found = [keys.of(cells(kind, ["b", "a", "b"], ["1", "2", "3"])).tolist() for kind in TEXTS]
    assert found[0] == found[1] == found[2]
    assert len(set(found[0])) == 2


def test_a_cell_without_a_unit_has_no_units_key() -> None:
    found = CellKeys().of(cells("objects", ["a", None], ["1", "2"]).assign(when=0))
    assert found[0] != found[1]


def test_texts_that_are_missing_have_no_code() -> None:
    for make in TEXTS.values():
        codes, distinct = coded(make(["b", None, "a"]))
        assert codes[1] == -1
        assert [distinct[code] for code in codes[[0, 2]]] == ["b", "a"]


def _one_by_one(parts: list[list[tuple[int, str | None]]]) -> list[tuple[bool, bool, bool]]:
    """What KnownValues.compare says, by a dictionary and one cell at a time."""
    known: dict[int, str | None] = {}
    out = []
    for part in parts:
        before = dict(known)
        for key, value in part:
            seen, old = key in before, before.get(key)
            gone = seen and value is None and old is not None and old != UNKNOWN
            out.append((not seen or value != old, gone, seen))
        for key, value in reversed(part):  # of several of one drop the first is known
            known[key] = value
    return out


@pytest.mark.parametrize("seed", range(4))
def test_many_cells_are_compared_as_one_by_one(seed: int) -> None:
    noise = np.random.default_rng(seed)
    choices: list[str | None] = ["1", "2", None, UNKNOWN]
    parts = [
        [(int(noise.integers(12)), choices[noise.integers(4)]) for _ in range(noise.integers(9))]
        for _ in range(8)
    ]
    known, found = KnownValues(), []
    for batch in (parts[:1], parts[1:4], parts[4:5], parts[5:]):
        keys = np.array([key for part in batch for key, _ in part], dtype=np.int64)
        values = np.array([value for part in batch for _, value in part], dtype=object)
        drops = np.repeat(np.arange(len(batch)), [len(part) for part in batch])
        masks = known.compare(keys, values, drops)
        found += list(zip(*(mask.tolist() for mask in masks), strict=True))
    assert found == _one_by_one(parts)


def test_records_are_known_by_file_and_row() -> None:
    accepted = pd.MultiIndex.from_tuples([("d/a.csv", 2), ("d/b.csv", 3), ("d/c.csv", 4)])
    for make in (TEXTS["objects"], TEXTS["categoricals"]):
        files = make(["d/a.csv", "d/a.csv", "d/b.csv", "d/b.csv", "e/a.csv"])
        rows = pd.Series([2, 3, 2, 3, 2])
        assert of_records(files, rows, accepted).tolist() == [True, False, False, True, False]


def test_each_text_is_the_number_that_it_is_alone() -> None:
    texts = ["1", "1", None, "x", "inf", "1e999", "-2.5", "1e3", "", "nan", "0x10", "1"]
    every = numbers(np.array(texts, dtype=object))
    alone = [numbers(np.array([text], dtype=object))[0] for text in texts]
    assert np.array_equal(every, np.array(alone), equal_nan=True)
    assert every[5] == np.inf and np.isnan(every[4]), NUMBER


def test_validation_finds_the_same_in_texts_as_in_categoricals(tmp_path: Path) -> None:
    sheet = pd.read_csv(str(package_table()), dtype=str, keep_default_na=False).head(8)
    worse = sheet.copy()
    worse.iloc[2, 40], worse.iloc[3, 41], worse.iloc[4, 42] = "x", "-3", "1.5"
    for day, table in ((4, sheet), (11, worse)):
        table.to_csv(tmp_path / "metadata.csv", index=False)
        info = DropInfo(received_date=date(2018, 12, day))
        table_drop(tmp_path / "metadata.csv", None, tmp_path / "drops", info)
    raws = [read_raw(drop, CONTEXT) for drop in list_drops(tmp_path / "drops")]
    texts = [
        replace(raw, cells=raw.cells.astype(dict.fromkeys(CELL_TEXTS, object))) for raw in raws
    ]
    scenes = pd.DataFrame(columns=list(SCENE_COLUMNS))
    one, other = (
        validate_drops(given, scenes, CONTEXT, None, tmp_path / name)
        for name, given in (("one", raws), ("other", texts))
    )
    assert any(issue.level is Level.ERROR for issue in one.issues)
    assert one.issues == other.issues
    for name in ("gx_results.json", "quarantine.csv", "issues.json", "revised.csv"):
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "other" / name).read_bytes()
    files = [result.tables.save(tmp_path / str(n)) for n, result in enumerate((one, other))]
    written = [path for path in files[0].rglob("*.parquet") if path.is_file()]
    assert written
    for path in written:
        assert path.read_bytes() == (files[1] / path.relative_to(files[0])).read_bytes()
