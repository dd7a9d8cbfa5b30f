"""Synthetic 12-band scenes for the sample profile, rendered from place, season and past climate.

Drawn in integer arithmetic alone (SHA-256 bytes, integer interpolation), so that every machine
renders the same bytes. A scene of month m sees the climate of the months before m and nothing else.
These pictures stand in for satellite scenes so that the pipeline can be run without downloads; they
are marked synthetic wherever they show.
"""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import numpy as np
import tifffile

from pipelines.arrays import Int64s, UInt8s
from pipelines.data.sources.dane import DaneCodes
from pipelines.data.sources.satellitebench_columns import CODE, read_column

RENDERER = "denguard-scene-1"  # part of every seed; a change of drawing must change it
SIZE_PIXELS = 64
BANDS = 12
BLANK_OF_256 = 6  # about 2 % of scenes are blank by themselves, as missing acquisitions are
OUTAGE_OF_256 = 10  # about 4 % of half-years are blank throughout: longer than a scene may age
REPEAT_OF_256 = 16  # about 6 % repeat the month before, as carried-forward scenes do
_MEMORY_MONTHS = 3  # months of past climate that show in a scene


# Grey levels (0-255) of Sentinel-2 bands B1..B8, B8A, B9, B11, B12 for each ground.
_SPECTRA: dict[str, tuple[int, ...]] = {
    "soil": (70, 72, 88, 112, 120, 126, 130, 134, 138, 120, 150, 138),
    "vegetation": (28, 30, 62, 34, 70, 140, 168, 184, 188, 160, 90, 48),
    "built": (104, 112, 120, 128, 130, 132, 134, 138, 140, 118, 146, 142),
    "water": (48, 58, 52, 34, 24, 18, 14, 12, 10, 8, 6, 4),
    "cloud": (232, 234, 236, 238, 238, 238, 238, 238, 238, 180, 210, 190),
}
# Greening through the year of two rainy seasons (April-May, October-November), -20..20.
_SEASON = (-16, -18, -8, 10, 20, 12, -4, -10, 0, 16, 20, 2)


class Climate(NamedTuple):
    """One month's climate as whole numbers."""

    temp_tenths_c: int
    rainfall_mm: int


def read_climate(table: Path, unit_ids: tuple[str, ...]) -> dict[tuple[str, int], Climate]:
    """(unit_id, year * 12 + month - 1) -> climate, read from the climate columns alone."""
    with table.open(encoding="utf-8-sig", newline="") as handle:
        header, *rows = csv.reader(handle)
    columns = [(i, column) for i, name in enumerate(header) if (column := read_column(name))]
    code, codes = header.index(CODE), DaneCodes()
    parts: dict[tuple[str, int], dict[str, int]] = {}
    for row in rows:
        if (unit := codes.normalise(row[code])) not in unit_ids or unit is None:
            continue
        for i, column in columns:
            if column.kind in ("temp", "rain") and row[i]:
                scale = 10 if column.kind == "temp" else 1
                value = int(Decimal(row[i]) * scale)
                parts.setdefault((unit, column.when), {})[column.kind] = value
    return {key: Climate(p.get("temp", 0), p.get("rain", 0)) for key, p in parts.items()}


def render_scenes(
    table: Path, unit_ids: tuple[str, ...], first_month: int, last_month: int, out: Path
) -> int:
    """Write `<code>/image_<YYYY-MM>-01.tiff` for every unit and month; return how many.

    Args:
        first_month, last_month: year * 12 + month - 1, ends included.
    """
    climate = read_climate(table, unit_ids)
    for unit in unit_ids:
        before: UInt8s | None = None
        folder = out / unit
        folder.mkdir(parents=True, exist_ok=True)
        for month in range(first_month, last_month + 1):
            before = _month_scene(unit, month, climate, before)
            name = f"image_{month // 12}-{month % 12 + 1:02d}-01.tiff"
            write_tiff(folder / name, before)
    return len(unit_ids) * (last_month - first_month + 1)


def render_scene(unit_id: str, month: int, past: Mapping[int, Climate]) -> UInt8s:
    """(BANDS, SIZE, SIZE) scene of a month.

    Args:
        past: lag in months (1 = the month before) -> climate; absent ones count as 0.
    """
    rain = [past[k].rainfall_mm if k in past else 0 for k in range(1, _MEMORY_MONTHS + 1)]
    temp = past[1].temp_tenths_c if 1 in past else 0
    relief, detail, town = (
        _field(f"{unit_id}|{what}", period)
        for what, period in (("relief", 16), ("detail", 4), ("town", 8))
    )
    green = 40 + _wetness(rain) + _SEASON[month % 12] - max(temp - 240, 0) // 3 + relief // 3
    ground = _blend("soil", "vegetation", np.clip(green, 0, 255))
    ground = np.where(town > 128 + _seed(f"{unit_id}|town")[0] // 4, _flat("built"), ground)
    ground = ground + (detail - 128) // (4 + _seed(f"{unit_id}|rough")[0] // 32)
    river = np.abs(relief - 96 - _seed(f"{unit_id}|river")[0] // 4) < 4 + min(rain[0], 400) // 50
    ground = np.where(river, _flat("water"), ground)
    cover = _field(f"{unit_id}|{month}|cloud", 16) - (190 - min(rain[0], 400) // 8)
    shade = np.clip(cover * 8, 0, 255)
    ground = (ground * (255 - shade) + _flat("cloud") * shade) // 255
    return np.clip(ground, 1, 249).astype(np.uint8)


def write_tiff(path: Path, pixels: UInt8s) -> None:
    """Write an uncompressed TIFF without software, date or description tags."""
    tifffile.imwrite(
        path,
        pixels,
        photometric="minisblack",
        planarconfig="separate",
        byteorder="<",
        metadata=None,
        software=False,
        datetime=False,
        rowsperstrip=SIZE_PIXELS,
    )


def _month_scene(
    unit: str, month: int, climate: Mapping[tuple[str, int], Climate], before: UInt8s | None
) -> UInt8s:
    fate = _seed(f"{unit}|{month}|fate")[0]
    outage = _seed(f"{unit}|{month // 6}|outage")[0] < OUTAGE_OF_256
    if outage or fate < BLANK_OF_256:
        return np.zeros((BANDS, SIZE_PIXELS, SIZE_PIXELS), dtype=np.uint8)
    if fate < BLANK_OF_256 + REPEAT_OF_256 and before is not None:
        return before
    lags = range(1, _MEMORY_MONTHS + 1)
    past = {k: climate[unit, month - k] for k in lags if (unit, month - k) in climate}
    return render_scene(unit, month, past)


def _wetness(rain: list[int]) -> int:
    """Greening by past rainfall, newest month most: 0 (dry) to 120."""
    return min(sum(mm * weight for mm, weight in zip(rain, (3, 2, 1), strict=True)) // 12, 120)


def _seed(text: str) -> bytes:
    return hashlib.sha256(f"{RENDERER}|{text}".encode()).digest()


def _field(text: str, period: int) -> Int64s:
    """(SIZE, SIZE) smooth noise 0..255: hashed bytes on a lattice, bilinear between, in
    integers."""
    side = SIZE_PIXELS // period + 1
    raw = b"".join(_seed(f"{text}|{block}") for block in range(-(-side * side // 32)))
    lattice = np.frombuffer(raw[: side * side], dtype=np.uint8).astype(np.int64)
    lattice = lattice.reshape(side, side)
    cell, part = np.divmod(np.arange(SIZE_PIXELS, dtype=np.int64), period)
    rows = lattice[cell] * (period - part)[:, None] + lattice[cell + 1] * part[:, None]
    both = rows[:, cell] * (period - part) + rows[:, cell + 1] * part
    return np.asarray(both // (period * period), dtype=np.int64)


def _flat(ground: str) -> Int64s:
    """(BANDS, 1, 1) spectrum of a ground."""
    return np.array(_SPECTRA[ground], dtype=np.int64)[:, None, None]


def _blend(low: str, high: str, share: Int64s) -> Int64s:
    """(BANDS, SIZE, SIZE) mix of two grounds; share 0..255 of the second."""
    return (_flat(low) * (255 - share) + _flat(high) * share) // 255
