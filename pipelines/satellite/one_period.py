"""One unit and period: its items read one by one, then laid together."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date

import numpy as np

from pipelines.arrays import AnyArray
from pipelines.satellite.catalogue import Item
from pipelines.satellite.clip import Clip, clip
from pipelines.satellite.composite import composite
from pipelines.satellite.grid import Grid
from pipelines.satellite.parts import Parts
from pipelines.satellite.window import UnusableFile
from pipelines.satellite_config import SatelliteConfig

log = logging.getLogger(__name__)
PASSED_OVER = "passed over"


@dataclass
class Made:
    """What the items of a period gave.

    Attributes:
        values: (B, H, W) the scene, or None, and then `reason` says why.
        items, days, clear_share, cloud_share, bytes_read: as in SceneRecord.
    """

    values: AnyArray | None = None
    reason: str = ""
    clear_share: float = 0.0
    cloud_share: float | None = None
    days: dict[date, float] = field(default_factory=dict)
    items: dict[str, str] = field(default_factory=dict)
    bytes_read: int = 0


def scene_of(items: Sequence[Item], grid: Grid, settings: SatelliteConfig, parts: Parts) -> Made:
    """The scene of a period, if enough of the unit is clear.

    Raises:
        CapReached, FetchError: of the wire. What was read whole is in `parts`.
    """
    made, clips = Made(), list[Clip]()
    for item in items:
        try:
            if item.problem:
                raise UnusableFile(item.problem)
            clips.append(clip(item, grid, settings.clear, parts))
            made.items[item.id] = item.rule if clips[-1].clear else "nothing clear"
        except UnusableFile as err:
            made.items[item.id] = f"{PASSED_OVER}: {err}"
            log.warning("item %s is passed over: %s", item.id, err)
    made.bytes_read = parts.bytes_read
    _judge(made, clips, grid, settings)
    return made


def _judge(made: Made, clips: Sequence[Clip], grid: Grid, settings: SatelliteConfig) -> None:
    """Lay the clips together, and say what came of it."""
    area = int(grid.inside.sum())
    if seen := sum(one.seen for one in clips):
        made.cloud_share = round(1 - sum(one.clear for one in clips) / seen, 4)
    days = _by_day(clips)
    if not days:
        made.reason = _why_nothing(made.items, bool(clips), bool(seen))
        return
    for day, of_day in days.items():
        clear = np.logical_or.reduce([one.whole for one in of_day])
        made.days[day] = round(int(clear.sum()) / area, 4)
    scene = composite(list(days.values()))
    share = int((scene[0] != 0).sum()) / area
    made.clear_share = round(share, 4)
    if share < settings.min_clear_share:
        made.reason = f"{share:.0%} of the unit is clear, {settings.min_clear_share:.0%} is wanted"
    else:
        made.values = scene


def _by_day(clips: Sequence[Clip]) -> dict[date, list[Clip]]:
    """Day -> its clips with something clear, the newest edition first."""
    days: dict[date, list[Clip]] = {}
    for one in sorted(clips, key=lambda one: (one.item.made, one.item.id), reverse=True):
        if one.whole.any():
            days.setdefault(one.item.day, []).append(one)
    return dict(sorted(days.items()))


def _why_nothing(items: Mapping[str, str], read: bool, seen: bool) -> str:
    if not items:
        return "the catalogue has no item of the unit in this period"
    if not read:
        return f"no item can be used; {next(iter(items.values()))}"
    return "nothing of the unit is clear" if seen else "no item reaches the unit"
