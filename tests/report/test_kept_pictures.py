"""A picture is taken from an earlier report of the same numbers, and from no other."""

from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.evaluate import kept_pictures
from pipelines.evaluate.figures import calibration
from pipelines.evaluate.figures_space import scatter
from pipelines.evaluate.kept_pictures import kept_in, kept_picture
from pipelines.storage import write_atomic
from pipelines.storage.kept import read_in_use

POINTS = {"image": [[0.1, 0.2], [0.3, 0.1]], "text": [[0.5, 0.4], [0.6, 0.2]]}
BIN = {"low": 0.0, "high": 0.1, "rows": 5, "mean_probability": 0.05, "observed_rate": 0.1}


class Drawing:
    """Says how often it was drawn."""

    def __init__(self) -> None:
        self.times = 0
        self.of = kept_picture(self._draw)

    def _draw(self, *args: object, **kwargs: object) -> str:
        self.times += 1
        return f"{args} {kwargs}"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "cache" / "pictures"


def test_the_same_numbers_are_drawn_once(folder: Path) -> None:
    drawing, found = Drawing(), []
    for _ in range(2):
        with kept_in(folder):
            found.append(drawing.of({"rows": 0.1 + 0.2}, after="a"))
    assert found[0] == found[1]
    assert drawing.times == 1


@pytest.mark.parametrize("other", [{"b": 1, "a": 2}, {"a": 2, "b": 2}])
def test_other_numbers_or_another_order_are_drawn_anew(folder: Path, other: dict[str, int]) -> None:
    drawing = Drawing()
    with kept_in(folder):
        assert drawing.of({"a": 2, "b": 1}) != drawing.of(other)
    assert drawing.times == 2


@pytest.mark.parametrize("part", ["code_id", "FUSED_HEADS"])
def test_other_code_and_other_heads_draw_anew(
    folder: Path, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    drawing = Drawing()
    with kept_in(folder):
        drawing.of(1)
        monkeypatch.setattr(kept_pictures, part, (lambda _: "x") if part == "code_id" else ["x"])
        drawing.of(1)
    assert drawing.times == 2


@pytest.mark.parametrize("damage", ["{", '{"picture": "another", "sha256": "0"}', "{}"])
def test_a_damaged_picture_is_drawn_anew_once(folder: Path, damage: str) -> None:
    drawing = Drawing()
    with kept_in(folder):
        good = drawing.of(1)
        (kept,) = folder.glob("*/picture.json")
        write_atomic(kept, damage)
        assert [drawing.of(1), drawing.of(1)] == [good, good]
    assert drawing.times == 2


def test_the_newest_report_says_which_it_used(folder: Path) -> None:
    drawing = Drawing()
    with kept_in(folder):
        drawing.of(1)
    with kept_in(folder):
        drawing.of(2)
    used = read_in_use(folder)
    assert used is not None and len(used) == 1
    assert len(list(folder.iterdir())) == 2


def test_without_a_folder_nothing_is_kept(folder: Path) -> None:
    drawing = Drawing()
    assert drawing.of(1) == drawing.of(1)
    assert drawing.times == 2
    assert not folder.exists()


def test_pictures_of_the_report_are_the_same_taken_as_drawn(folder: Path) -> None:
    tables = {"linear": [BIN], "early": [BIN, {**BIN, "low": 0.9, "mean_probability": 0.95}]}
    drawn = [scatter(POINTS, None), calibration(tables)]
    for _ in range(2):
        with kept_in(folder):
            assert [scatter(POINTS, None), calibration(tables)] == drawn
    assert len(list(folder.iterdir())) == 2
