"""An invented place whose cases follow how wet its ground was two months before, which its scenes
show and nothing else tells.

Twelve units, five years. The scene of a month has twelve bands of 16 bits, of which a quarter shows
nothing; its NDMI is `moisture`. The scene of January 2017 of the first unit has three bands.
"""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from pipelines.arrays import Float64s
from pipelines.contracts import BANDS
from pipelines.data.known_series import month_of_week
from pipelines.weeks import CDC
from support.declared_place import FIRST, LAST, UNITS

FIRST_MONTH, LAST_MONTH = 2013 * 12, 2018 * 12 + 10  # year * 12 + month - 1
INPUT = {"file": "cases.csv"}
_SIDE = 8


@cache
def moisture(unit: str) -> Float64s:
    """NDMI of each month from FIRST_MONTH on."""
    draw = np.random.default_rng(UNITS.index(unit)).normal(size=LAST_MONTH - FIRST_MONTH + 1)
    return np.clip(0.1 + 0.15 * draw, -0.4, 0.6)


def cases_csv() -> str:
    """unit, year, week, cases."""
    weeks = np.arange(FIRST, LAST + 1)
    before = month_of_week(weeks, CDC) - 2 - FIRST_MONTH
    lines = ["unit,year,week,cases"]
    for unit in UNITS:
        counts = np.round(20 * np.exp(5 * (moisture(unit)[before] - 0.1)))
        lines += [
            f"{unit},{CDC.epi_year(int(w))},{CDC.week_of_year(int(w))},{int(n)}"
            for w, n in zip(weeks, counts, strict=True)
        ]
    return "\n".join(lines) + "\n"


def write_scenes(folder: Path) -> Path:
    """`<unit>/image_<first day of the month>.tiff` of every unit and month."""
    for unit in UNITS:
        (folder / unit).mkdir(parents=True)
        for at, wet in enumerate(moisture(unit)):
            year, month = divmod(FIRST_MONTH + at, 12)
            path = folder / unit / f"image_{year}-{month + 1:02d}-01.tiff"
            tifffile.imwrite(path, _scene(float(wet), at), photometric="minisblack")
    odd = folder / UNITS[0] / "image_2017-01-01.tiff"
    odd.unlink()
    colours = np.random.default_rng(0).integers(60, 120, (_SIDE, _SIDE, 3), dtype=np.uint8)
    Image.fromarray(colours).save(odd.with_suffix(".png"))
    return folder


def _scene(wet: float, month: int) -> np.ndarray:
    """(12, side, side) of one NDMI, with some texture in what is seen of it."""
    bands = np.full((len(BANDS), _SIDE, _SIDE), 900.0)
    bands[1:4] = np.random.default_rng(month).uniform(300, 1500, (3, _SIDE, _SIDE))
    bands[BANDS.index("B8A")] = 3000 * (1 + wet)
    bands[BANDS.index("B11")] = 3000 * (1 - wet)
    bands[:, : _SIDE // 4] = 0
    return bands.astype(np.uint16)
