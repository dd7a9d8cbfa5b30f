"""Scenes: what their pixels are good for, and a table of all of a drop's."""

from __future__ import annotations

import hashlib
import io
from dataclasses import asdict, dataclass, replace
from datetime import date
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from pipelines.arrays import UInt8s
from pipelines.codes import UnitCodes
from pipelines.config import ScenePolicy
from pipelines.contracts import SceneQuality
from pipelines.data.drop_info import FIRST_DAY, LAST_DAY
from pipelines.data.drops import IMAGES, Drop, scene_files
from pipelines.data.filecache import FileCache
from pipelines.data.pixels import (
    DamagedScene,
    LacksBands,
    PixelBomb,
    SceneError,
    TooMuchAtOnce,
    UnknownFormat,
    WrongBands,
    WrongValues,
    decode_scene,
    decode_values,
    read_scene,
)
from pipelines.data.scene_indices import scene_indices
from pipelines.run.progress import Progress

__all__ = [
    "SCENE_COLUMNS",
    "DamagedScene",
    "LacksBands",
    "PixelBomb",
    "SceneError",
    "SceneStats",
    "TooMuchAtOnce",
    "UnknownFormat",
    "WrongBands",
    "WrongValues",
    "content_hash",
    "decode_scene",
    "decode_values",
    "quality",
    "read_scene",
    "scan_scenes",
    "scene_stats",
]

_INDICES = "-indices-1"  # of what is remembered; raised when their arithmetic changes
_SATURATED = 250  # a channel value, of 255


@dataclass(frozen=True)
class SceneStats:
    """What a scene's pixels look like.

    Attributes:
        dark_share: share of pure black pixels, 0..1. Half is normal for a municipality that is
            cut out along its border.
        saturated_share: of the pixels that are not black, share with all channels >= 250.
        std_grey: standard deviation of grey levels (0..255) of the pixels that are not black.
    """

    dark_share: float
    saturated_share: float
    std_grey: float


def scene_stats(rgb: UInt8s) -> SceneStats:
    """Statistics of (H, W, 3) pixels that quality is judged by."""
    lit = rgb.any(axis=-1)
    n_lit = int(lit.sum())
    if n_lit == 0:
        return SceneStats(1.0, 0.0, 0.0)
    inside = rgb[lit]
    saturated = int((inside >= _SATURATED).all(axis=-1).sum())
    grey = inside.astype(np.float64).mean(axis=-1)
    return SceneStats(1.0 - n_lit / lit.size, saturated / n_lit, float(grey.std()))


def quality(stats: SceneStats, policy: ScenePolicy) -> SceneQuality:
    """What a readable scene is good for."""
    dark = stats.dark_share >= policy.blank_max_dark_share
    if dark or stats.std_grey <= policy.blank_max_std:
        return SceneQuality.BLANK
    if stats.saturated_share > policy.max_saturated_share:
        return SceneQuality.SATURATED
    return SceneQuality.OK


def content_hash(rgb: UInt8s) -> str:
    """SHA-256 of decoded pixels and their shape: equal pictures in different files are equal."""
    return hashlib.sha256(repr(rgb.shape).encode() + rgb.tobytes()).hexdigest()


@dataclass(frozen=True)
class SceneRow:
    """One image file of a drop; the columns that scan_scenes gives.

    `problem` is "" or the code of what makes the file unusable, then with `detail` and `fix`. What
    SceneIndices has is NaN unless the policy asks for any.
    """

    file: str  # "2018-12-04/images/05001/image_2018-11-01.tiff"
    folder: str  # the code as delivered
    received_date: date
    unit_id: str | None = None
    scene_date: date | None = None
    uri: str = ""
    sha256: str = ""
    content_sha256: str = ""
    quality: str = SceneQuality.UNREADABLE.value
    dark_share: float = np.nan
    saturated_share: float = np.nan
    std_grey: float = np.nan
    seen_share: float = np.nan
    ndvi: float = np.nan
    ndwi: float = np.nan
    ndmi: float = np.nan
    brightness: float = np.nan
    available_date: date | None = None
    synthetic: bool = False
    problem: str = ""
    detail: str = ""
    fix: str = ""


SCENE_COLUMNS = tuple(SceneRow.__dataclass_fields__)


def scan_scenes(
    drop: Drop,
    policy: ScenePolicy,
    cache_path: Path,
    codes: UnitCodes,
    progress: Progress | None = None,
) -> pd.DataFrame:
    """Every file of a drop's images folder, one row each, columns as SceneRow.

    Files that did not change since the last call with this cache are not read again. Nothing is
    raised for a bad file: its row says what is wrong.
    """
    files = list(scene_files(drop.path / IMAGES))
    if not files:  # what was remembered of other files need not be read
        return _no_scenes()
    progress = progress or Progress(f"scenes of drop {drop.name} read", len(files))
    cache = FileCache(cache_path)
    rows = []
    for path, named in files:
        row = SceneRow(
            drop.place(path),
            path.parent.name,
            drop.info.received_date,
            codes.normalise(path.parent.name),
            uri=drop.uri(path),
            synthetic=drop.info.synthetic_scenes,
        )
        rows.append(_scan_file(drop, path, named[1] if named else None, policy, cache, row))
        progress.advance()
    cache.save()
    return pd.DataFrame([asdict(row) for row in rows], columns=list(SCENE_COLUMNS))


@lru_cache(maxsize=1)
def _no_scenes() -> pd.DataFrame:
    return pd.DataFrame(columns=list(SCENE_COLUMNS))


def _scan_file(
    drop: Drop, path: Path, day: str | None, policy: ScenePolicy, cache: FileCache, row: SceneRow
) -> SceneRow:
    if day is None:
        return replace(
            row,
            problem="unknown-file",
            detail="the file is not <code>/image_<date>.tiff, .png or .jpg",
            fix="rename it, or leave it out of the drop",
        )
    scene_date = _day(day)
    if scene_date is None:
        return replace(
            row,
            problem="bad-scene-date",
            detail=f"{day} is not a date, or not one from 1980 on",
            fix="name the file image_YYYY-MM-DD with a day that exists",
        )
    row = replace(row, scene_date=scene_date, available_date=drop.info.scene_available(scene_date))
    facts = _facts(path, policy, cache)
    if "problem" in facts:
        return replace(row, **facts)
    stats = SceneStats(**{name: facts.pop(name) for name in SceneStats.__dataclass_fields__})
    return replace(row, **facts, **asdict(stats), quality=quality(stats, policy).value)


def _day(text: str) -> date | None:
    """The day, None if there is no such day or none that a satellite could have seen."""
    try:
        day = date.fromisoformat(text)
    except ValueError:
        return None
    return day if FIRST_DAY <= day <= LAST_DAY else None


def _facts(path: Path, policy: ScenePolicy, cache: FileCache) -> dict[str, Any]:
    kind = f"scene-v2-{policy.max_pixels}{policy.reading}{_INDICES if policy.indices else ''}"
    known = cache.get(path, kind)
    if known is None:
        known = _read_facts(path, policy)
        cache.put(path, kind, known)
    return {name: np.nan if value is None else value for name, value in known.items()}


def _read_facts(path: Path, policy: ScenePolicy) -> dict[str, Any]:
    raw = path.read_bytes()
    try:
        values = decode_values(io.BytesIO(raw), path.name, policy)
    except SceneError as err:
        return {"problem": err.code, "detail": err.what, "fix": err.fix}
    rgb = values.shown()
    return {
        "sha256": hashlib.sha256(raw).hexdigest(),
        "content_sha256": content_hash(rgb),
        **asdict(scene_stats(rgb)),
        **(scene_indices(values) if policy.indices else {}),
    }
