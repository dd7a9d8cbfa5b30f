"""What the rows on scale rest on: sizes made for them, and the slope of time over rows."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.speed import made_dataset
from benchmarks.speed.made_dataset import make_dataset
from benchmarks.speed.made_features import HORIZON, WIDTH, make_features
from benchmarks.speed.plan import off_by
from benchmarks.speed.scale import Size, exponent
from benchmarks.speed.scale_child import WORK, peak_bytes
from pipelines.features.build import version_of
from pipelines.features.read import load_examples


def test_time_that_grows_as_the_rows_do_has_exponent_one() -> None:
    sizes = [Size(rows, rows * 2e-4, 0.0, 0) for rows in (10_000, 100_000, 1_000_000)]
    assert exponent(sizes) == pytest.approx(1.0)


def test_time_that_grows_with_the_square_has_exponent_two() -> None:
    assert exponent([Size(rows, rows**2, 0.0, 0) for rows in (10, 100)]) == pytest.approx(2.0)


def test_made_features_are_read_as_a_run_reads_its_own(tmp_path: Path) -> None:
    examples = load_examples(make_features(tmp_path / "features", 300), HORIZON)
    assert len(examples) == 300
    assert examples.image.mask.all() and examples.text.mask.all()
    assert examples.image.table.shape == (300, WIDTH)


def test_a_made_dataset_becomes_a_feature_version(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(made_dataset, "UNITS", 3)
    assert make_dataset(tmp_path / "dataset", 2) == 3 * 52 * 2 * 4
    folder = WORK["features"](tmp_path / "dataset")()
    assert isinstance(folder, Path)
    assert version_of(folder) == folder.name


@pytest.mark.skipif(not Path("/proc/self/status").is_file(), reason="needs Linux's /proc")
def test_the_peak_holds_what_was_held() -> None:
    before = peak_bytes()
    held = bytearray(64 << 20)
    held[::4096] = b"x" * len(held[::4096])
    assert peak_bytes() >= max(before, 64 << 20)


@pytest.mark.parametrize(("told", "spent"), [(2.0, 3.0), (3.0, 2.0)])
def test_too_much_and_too_little_are_off_alike(told: float, spent: float) -> None:
    assert off_by(told, spent) == 1.5
