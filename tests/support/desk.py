"""A small table in PhysioNet's layout, and drops made of it that a test can spoil."""

from __future__ import annotations

import csv
from collections.abc import Callable
from datetime import date
from pathlib import Path

import numpy as np
import tifffile

from pipelines.config import DataConfig
from pipelines.contracts import Issue
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import list_drops
from pipelines.data.sources.satellitebench import read_raw
from pipelines.data.sources.satellitebench_columns import DEMOGRAPHICS
from pipelines.data.tables import Tables
from pipelines.data.validate import validate_all
from pipelines.data.validation_result import ValidationResult
from support.drops import CONTEXT, context_with, table_drop

CODES = ("5001", "5360", "8001", "23001", "41001", "50001", "54001", "68001", "73001", "76001")
MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov")
WEEKS = tuple(f"2018/w{week:02d}" for week in range(1, 49))
INFO = DropInfo(received_date=date(2018, 12, 4), scene_period="month", source_note="test")
Grid = list[list[str]]
Spoil = Callable[[Grid], object]


def table_rows() -> Grid:
    """Header and ten municipalities: 2018's weeks to w48, climate to November."""
    climate = [f"{kind}_{m}_18" for kind in ("TEMPERATURE", "PRECIPITATION") for m in MONTHS]
    header = ["Municipality code", "Municipality", "Population2017", "Population2018"]
    header += ["Cases2017", *DEMOGRAPHICS, *climate, *WEEKS]
    rows = []
    for i, code in enumerate(CODES):
        numbers = [str(1000 * (i + 1)), str(1001 * (i + 1)), "7"]
        numbers += [str(1.5 + i)] * len(DEMOGRAPHICS)
        numbers += [str(20 + i * 0.5)] * len(MONTHS) + [str(100 + i)] * len(MONTHS)
        rows.append([code, f"Town {i}", *numbers, *[str((i + w) % 7) for w in range(len(WEEKS))]])
    return [header, *rows]


def write_csv(path: Path, rows: Grid) -> Path:
    with path.open("w", encoding="utf-8", newline="") as handle:
        csv.writer(handle, lineterminator="\n").writerows(rows)
    return path


def put(row: int, name: str, text: str) -> Spoil:
    """Write a cell; `row` as a spreadsheet numbers it, the header being row 1."""
    return lambda rows: rows[row - 1].__setitem__(rows[0].index(name), text)


def without(name: str) -> Spoil:
    """Take a column out."""

    def spoil(rows: Grid) -> None:
        at = rows[0].index(name)
        for row in rows:
            del row[at]

    return spoil


def bands(seed: int = 0, n: int = 12, side: int = 16) -> np.ndarray:
    """(n, side, side) uint8 noise."""
    return np.random.default_rng(seed).integers(1, 200, (n, side, side), dtype=np.uint8)


class Desk:
    """Where a test makes drops and validates them."""

    def __init__(self, home: Path) -> None:
        self.home, self.drops = home, home / "data" / "drops"
        self.images = home / "incoming" / "images"
        self.out, self.cache = home / "validation", home / "cache.json"
        self.config = DataConfig(source="satellitebench", first_week="2018-w01")
        (home / "incoming").mkdir(parents=True)

    def scene(self, code: str, day: str, pixels: np.ndarray | None = None, name: str = "") -> Path:
        """Put a 12-band TIFF among the incoming scenes."""
        path = self.images / code / (name or f"image_{day}.tiff")
        path.parent.mkdir(parents=True, exist_ok=True)
        tifffile.imwrite(path, bands() if pixels is None else pixels, photometric="minisblack")
        return path

    def drop(self, spoil: Spoil | None = None, info: DropInfo = INFO) -> Path:
        """Make a drop of the small table after `spoil` changed its rows (header first)."""
        rows = table_rows()
        if spoil:
            spoil(rows)
        table = write_csv(self.home / "incoming" / "metadata.csv", rows)
        images = self.images if self.images.is_dir() else None
        return table_drop(table, images, self.drops, info)

    def header_issues(self) -> list[Issue]:
        """What reading the newest drop's table alone finds; quicker than validating."""
        return list(read_raw(list_drops(self.drops)[-1], CONTEXT).issues)

    def validate(self, previous: Tables | None = None) -> ValidationResult:
        """The findings alone: pages of the checks take as long as the checks."""
        return validate_all(self.drops, context_with(self.config), previous, None, self.cache)
