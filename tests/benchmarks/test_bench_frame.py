"""The frame of `make bench`: what a row says, what a busy machine and a failing module are."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.speed import __main__ as bench
from benchmarks.speed.child import JsonRow, rows_of
from benchmarks.speed.row import Row, missing_row, timed_row
from benchmarks.speed.side_by_side import BusyMachine, Took, wait_until_quiet
from benchmarks.speed.table import cells

ASKED = {"work", "ours", "rival", "ratio", "goal", "met", "limit"}
GIVES_ONE = """
from benchmarks.speed.row import Row
def rows():
    return [Row("counting", "s", 1.0, 2.0, "by hand", 2.0, 1.9, 2.1, goal=1.5)]
"""


def module(folder: Path, monkeypatch: pytest.MonkeyPatch, source: str) -> str:
    """Name of a module of that source that a child can import."""
    (folder / "bench_sample.py").write_text(source)
    monkeypatch.setenv("PYTHONPATH", f"{Path(__file__).parents[2]}:{folder}")
    return "bench_sample"


def test_a_ratio_at_least_its_goal_meets_it() -> None:
    row = timed_row("x", [Took(1, 1), Took(2, 2)], [Took(3, 3), Took(4, 4)], rival_is="y", goal=2.5)
    assert (row.ratio_min, row.ratio, row.ratio_max, row.met) == (2.0, 2.5, 3.0, True)


def test_a_share_above_the_one_asked_for_misses_it() -> None:
    own, other = [Took(2, 1)], [Took(4, 1)]
    row = timed_row("x", own, other, rival_is="y", goal=0.35, slower=True, goal_is="at most")
    assert (row.ratio, row.met) == (0.5, False)


def test_without_a_rival_the_figure_itself_is_held_against_the_goal() -> None:
    assert Row("x", "GiB", 2.5, goal=3.0, goal_is="at most").met is True


def test_without_a_goal_nothing_is_met_or_missed() -> None:
    assert Row("x", "s", 1.0).met is None


def test_a_row_is_kept_with_all_that_is_asked() -> None:
    assert set(Row("x", "s", 1.0).to_json()) >= ASKED


def test_a_machine_that_others_use_is_refused_with_words() -> None:
    with pytest.raises(BusyMachine, match="others use 40% of the processor"):
        wait_until_quiet(0.0, lambda: 0.4)


def test_a_machine_that_becomes_quiet_is_waited_for() -> None:
    readings = iter([0.4, 0.4, 0.01])
    wait_until_quiet(60.0, lambda: next(readings))
    assert next(readings, None) is None


def test_on_a_busy_machine_nothing_is_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(bench, "_WAIT_SECONDS", 0.0)
    into = tmp_path / "latest.json"
    assert bench.main(["--into", str(into)], lambda: 0.4) == 3
    assert not into.exists()
    assert "nothing is reported" in capsys.readouterr().out


def test_rows_of_a_module_come_back_from_its_child(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (row,) = rows_of("sample", 60, module(tmp_path, monkeypatch, GIVES_ONE))
    assert (row["work"], row["ratio"], row["met"]) == ("counting", 2.0, True)


@pytest.mark.parametrize(
    ("source", "said"),
    [
        ("def rows(): raise ValueError('no such dtype')", "ValueError: no such dtype"),
        ("import os\ndef rows(): os._exit(9)", "ended with 9: it said nothing"),
    ],
)
def test_a_module_that_fails_is_a_missed_row_that_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str, said: str
) -> None:
    (row,) = rows_of("sample", 60, module(tmp_path, monkeypatch, source))
    assert row["met"] is False
    assert said in str(row["note"])


def test_a_module_beyond_its_time_is_stopped_and_missed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = "import time\ndef rows(): time.sleep(600)"
    (row,) = rows_of("sample", 0.5, module(tmp_path, monkeypatch, source))
    assert (row["met"], row["note"]) == (False, "was stopped after 0 s")


def test_a_module_that_finds_others_at_work_ends_the_bench(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = (
        "from benchmarks.speed.side_by_side import BusyMachine\n"
        "def rows(): raise BusyMachine('others use 30%')"
    )
    with pytest.raises(BusyMachine, match="others use 30%"):
        rows_of("sample", 60, module(tmp_path, monkeypatch, source))


def _rows_without_measuring(name: str, seconds: float) -> list[JsonRow]:
    if name == "limits":
        return [Row("limit: disk", "GB/s", 1.0).to_json()]
    return [missing_row(name, "died").to_json()]


def test_the_file_is_a_list_of_rows_with_the_machine_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bench, "rows_of", _rows_without_measuring)
    into = tmp_path / "latest.json"
    assert bench.main([bench.MODULES[0], "--into", str(into)], lambda: 0.0) == 1
    kept = json.loads(into.read_text())
    assert all(set(row) >= ASKED for row in kept)
    assert kept[0]["machine"]["cores"] == kept[0]["ours"]
    assert [row["work"] for row in kept[1:]] == [
        "limit: disk",
        f"{bench.MODULES[0]}: gave no figures",
    ]


def test_an_unknown_module_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        bench.main(["swep"], lambda: 0.0)
    assert "no module swep" in capsys.readouterr().err


def test_the_table_says_goal_spread_and_processor_seconds() -> None:
    row = timed_row("x", [Took(1, 2)], [Took(3, 3)], rival_is="plainly", goal=4)
    assert cells(row.to_json()) == (
        "x",
        "1 s",
        "3 s\nplainly",
        "3, 3, 3\nrival's time / ours",
        "at least 4\n[bold]missed[/bold]",
        "2 / 3",
        "–",
    )
