"""Many rows: memory that stays bounded and time that grows as the rows do."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from benchmarks.speed import limits
from benchmarks.speed.made_dataset import make_dataset
from benchmarks.speed.made_features import WIDTH, make_features
from benchmarks.speed.row import Row
from benchmarks.speed.scale_child import EPOCHS
from benchmarks.speed.side_by_side import wait_until_quiet

HEAD_ROWS = (10_000, 100_000, 1_000_000)
FEATURE_YEARS = (2, 20)
MOST_GIB, MOST_EXPONENT = 3.0, 1.05
_CHILD_SECONDS = 200.0


@dataclass(frozen=True)
class Size:
    """What one size took."""

    rows: int
    wall: float
    cpu: float
    peak_bytes: int


def rows() -> list[Row]:
    """Heads from Parquet, then feature versions: peak of memory and exponent of the time."""
    heads = [_measured("head", partial(_features, count)) for count in HEAD_ROWS]
    features = [_measured("features", partial(_dataset, years)) for years in FEATURE_YEARS]
    return [
        *_both(
            f"a head trained from Parquet, {2 * WIDTH} floats a row, {EPOCHS} epochs",
            heads,
            _read_once(heads[-1]),
            MOST_EXPONENT,
        ),
        *_both("a feature version of 1,121 units x 4 horizons", features),
    ]


def exponent(sizes: Sequence[Size]) -> float:
    """Slope of log seconds over log rows; 1 is linear."""
    rows, seconds = (np.log([getattr(one, name) for one in sizes]) for name in ("rows", "wall"))
    return float(np.polyfit(rows, seconds, 1)[0])


def _both(
    work: str, sizes: Sequence[Size], limit: str = "", most_exponent: float | None = None
) -> list[Row]:
    most, least = sizes[-1], sizes[0]
    times = ", ".join(f"{one.rows:,} rows in {one.wall:.1f} s" for one in sizes)
    return [
        Row(
            f"{work}: peak memory of {most.rows:,} rows",
            "GiB",
            most.peak_bytes / 2**30,
            goal=MOST_GIB,
            goal_is="at most",
            note=f"{least.peak_bytes / 2**30:.2f} GiB at {least.rows:,} rows",
        ),
        Row(
            f"{work}: exponent of the time from {least.rows:,} to {most.rows:,} rows",
            "exponent",
            exponent(sizes),
            goal=most_exponent,
            goal_is="at most",
            ours_cpu=most.cpu,
            limit=limit,
            note=times,
        ),
    ]


def _read_once(size: Size) -> str:
    """How long the vectors of so many rows take from the disk."""
    gigabytes = size.rows * 2 * WIDTH * 4 / 1e9
    seconds = gigabytes / limits.measured()[limits.DISK_READ]
    return f"{gigabytes:.2g} GB of floats are read from this disk in {seconds:.1f} s"


def _measured(work: str, make: Callable[[Path], tuple[Path, int]]) -> Size:
    """Make the input, then do the work on it in a child, alone."""
    with tempfile.TemporaryDirectory(prefix="denguard-bench-") as folder:
        given, count = make(Path(folder))
        wait_until_quiet()
        command = [sys.executable, "-m", "benchmarks.speed.scale_child", work, str(given)]
        said = subprocess.run(
            command, timeout=_CHILD_SECONDS, check=True, stdout=subprocess.PIPE, text=True
        )
    return Size(count, **json.loads(said.stdout))


def _features(count: int, folder: Path) -> tuple[Path, int]:
    return make_features(folder / "features", count), count


def _dataset(years: int, folder: Path) -> tuple[Path, int]:
    return folder / "dataset", make_dataset(folder / "dataset", years)
