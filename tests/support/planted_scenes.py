"""Scenes that hold news: how much of the land stands under water tells of cases to come.

The driver of a scene of month m is how far the cases of month m + 2 lie from the unit's usual week:
what a forecast four weeks ahead asks when that scene is the newest. At strength 0 it is noise.
All units have the same land, of a few dozen pictures; a corner pixel tells months apart, because a
picture that was seen before counts as carried forward.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np

from pipelines.arrays import Float64s, UInt8s
from pipelines.data.sources.synthetic_scenes import _SPECTRA, _field, render_scene, write_tiff

LEVELS, TEXTURES, _AHEAD_MONTHS = 12, 6, 2


def planted_scenes(
    table: Path,
    units: Sequence[str],
    months: tuple[int, int],
    strength: float,
    seed: int,
    out: Path,
) -> None:
    """Write `<code>/image_<YYYY-MM>-01.tiff` of every unit and month.

    Args:
        months: first and last, year * 12 + month - 1, both included.
        strength: correlation of the driver with those cases, 0 to 1.
    """
    first, last = months
    draw = np.random.default_rng(seed)
    for unit, cases in monthly_cases(table, units).items():
        ahead = news(cases)
        folder = out / unit
        folder.mkdir(parents=True, exist_ok=True)
        for month in range(first, last + 1):
            level = flood_level(ahead.get(month, 0.0), strength, draw)
            picture = flooded(level, int(draw.integers(TEXTURES))).copy()
            picture[:3, 0, :2] = divmod(month, 200)
            write_tiff(folder / f"image_{month // 12}-{month % 12 + 1:02d}-01.tiff", picture)


def flood_level(ahead: float, strength: float, draw: np.random.Generator) -> int:
    """How much land stands under water, 0 to LEVELS - 1, for news of variance one."""
    driver = strength * ahead + np.sqrt(1 - strength**2) * draw.standard_normal()
    return int(np.clip((driver + 2) / 4 * LEVELS, 0, LEVELS - 1))


@cache
def flooded(level: int, texture: int) -> UInt8s:
    """(12, 64, 64) land, of which the lowest `level` of 12 parts stand under water."""
    land = render_scene("planted", texture, {})
    relief = _field(f"planted|{texture}|flood", 8)
    under = relief < np.quantile(relief, (level + 0.5) / (LEVELS + 1))
    water = np.array(_SPECTRA["water"], dtype=np.uint8)[:, None, None]
    return np.where(under, np.maximum(water, 1), land).astype(np.uint8)


def monthly_cases(table: Path, units: Sequence[str]) -> dict[str, dict[int, int]]:
    """Unit -> month, year * 12 + month - 1 -> cases of its weeks, a week counted by its number."""
    with table.open(encoding="utf-8", newline="") as handle:
        header, *rows = csv.reader(handle)
    weeks = [(i, name) for i, name in enumerate(header) if "/w" in name]
    found: dict[str, dict[int, int]] = {}
    for row in rows:
        if (unit := row[header.index("Municipality code")].zfill(5)) in units:
            own = found.setdefault(unit, {})
            for i, name in weeks:
                year, week = name.split("/w")
                month = int(year) * 12 + (int(week) - 1) * 12 // 52
                own[month] = own.get(month, 0) + int(row[i])
    return found


def news(cases: dict[int, int]) -> dict[int, float]:
    """Month -> log ratio of the cases two months later to the median of 2016 and 2017, of variance
    one."""
    usual = np.median([n for m, n in cases.items() if m // 12 in (2016, 2017)])
    months = [m for m in sorted(cases) if m + _AHEAD_MONTHS in cases]
    later = np.array([cases[m + _AHEAD_MONTHS] for m in months])
    ratio: Float64s = np.clip(np.log((later + 2) / (usual + 2)), -1, 1)
    return dict(zip(months, (ratio / ratio.std()).tolist(), strict=True))
