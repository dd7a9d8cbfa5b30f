"""What one call of `fetch_scenes` does: unit by unit and period by period, what is not finished."""

from __future__ import annotations

import hashlib
import json
import logging
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, timedelta
from pathlib import Path
from typing import Literal

from pipelines.data.geojson import Polygon
from pipelines.errors import FetchError
from pipelines.run.progress import Progress
from pipelines.satellite.catalogue import Catalogue, Item
from pipelines.satellite.grid import Grid, grid_of
from pipelines.satellite.one_period import PASSED_OVER, Made, scene_of
from pipelines.satellite.parts import Parts
from pipelines.satellite.periods import Period
from pipelines.satellite.records import Records, SceneRecord
from pipelines.satellite.scene_file import write_scene
from pipelines.satellite.wire import CapReached, TimeUp, Wire
from pipelines.satellite_config import SatelliteConfig

log = logging.getLogger(__name__)
STATE = ".fetch"
_FORM = 1  # of what is made of equal items; another number makes all scenes anew


@dataclass
class FetchedScenes:
    """What came of one call.

    Attributes:
        written: scenes; without: periods that have none, each with its reason.
        here: periods that were finished before.
        left: periods that are left for the next call; stopped: by the cap or for lack of time.
        bytes_read: over the wire, the catalogue's pages included.
    """

    written: list[SceneRecord] = field(default_factory=list)
    without: list[SceneRecord] = field(default_factory=list)
    here: int = 0
    left: int = 0
    stopped: Literal["", "cap", "time"] = ""
    bytes_read: int = 0


class Call:
    """One call; see fetch_scenes."""

    def __init__(
        self,
        settings: SatelliteConfig,
        units: Mapping[str, Sequence[Polygon]],
        folder: Path,
        today: date,
        wire: Wire,
        done: FetchedScenes | None = None,
    ) -> None:
        self._settings, self._folder, self._today, self._wire = settings, folder, today, wire
        self._records = Records(folder)
        self._records.require(settings.period)
        self._units = units  # their grids are made when they are needed: a nation's take gigabytes
        self._settings_of = {unit: _fingerprint(settings, self._grid(unit)) for unit in units}
        self._catalogue: Catalogue | None = None  # asked only if something is missing
        self._brought = 0  # windows of files, of which the next call need not read any again
        self._done = FetchedScenes() if done is None else done

    def all(self, asked: Sequence[Period]) -> FetchedScenes:
        work = [(unit, period) for period in asked for unit in sorted(self._units)]
        progress = Progress("units and periods of scenes fetched", len(work))
        try:
            for at, (unit, period) in enumerate(work):
                self._done.left = len(work) - at
                self._one(unit, period)
                progress.advance()
            self._done.left = 0
            shutil.rmtree(self._folder / STATE / "parts", ignore_errors=True)
        except TimeUp:
            self._done.stopped = "time"
            log.info("the time is over")
        except CapReached as err:
            self._done.stopped = "cap"
            if not (self._brought or self._done.written or self._done.without):
                raise FetchError(
                    f"{self._settings.max_bytes:,} bytes are too few for the next file",
                    where="satellite.max_bytes",
                    fix="raise it, or --max-mb; or set a coarser satellite.resolution_m",
                ) from err
            log.info("the cap of %d bytes is reached", self._settings.max_bytes)
        finally:
            self._done.bytes_read = self._wire.bytes_read
            self._records.write_csv()
        return self._done

    def _one(self, unit: str, period: Period) -> None:
        settings = self._settings_of[unit]
        record = self._records.read(unit, period)
        record = record if record is not None and record.settings == settings else None
        if record is not None and self._settled(record):
            self._done.here += 1
            return
        grid = self._grid(unit)
        items = self._items(grid, period)
        if record is not None and _the_same(items, record):
            self._records.write(record.model_copy(update={"asked_on": self._today}))
            self._done.here += 1
            return
        folder = self._folder / STATE / "parts" / settings / unit / str(period.first)
        parts = Parts(folder, grid, self._wire)
        try:
            made = scene_of(items, grid, self._settings, parts)
        finally:
            self._brought += parts.brought
        self._keep(unit, period, made, grid)
        parts.remove()

    def _keep(self, unit: str, period: Period, made: Made, grid: Grid) -> None:
        """Put the scene in place, then its record."""
        name = self._records.scene_name(unit, period)
        record = SceneRecord(
            unit_id=unit,
            period=self._settings.period,
            first_day=period.first,
            last_day=period.last,
            scene=name if made.values is not None else "",
            reason=made.reason,
            resolution_m=self._settings.resolution_m,
            clear_share=made.clear_share,
            cloud_share=made.cloud_share,
            observation_days=made.days,
            age_days=(period.last - max(made.days)).days if made.days else None,
            items=made.items,
            bytes_read=made.bytes_read,
            asked_on=self._today,
            settings=self._settings_of[unit],
        )
        if made.values is None:
            (self._folder / name).unlink(missing_ok=True)  # of other settings
            log.info("no scene of %s from %s: %s", unit, period.first, made.reason)
        else:
            write_scene(self._folder / name, made.values, grid, self._folder / STATE)
        self._records.write(record)
        (self._done.without if made.values is None else self._done.written).append(record)

    def _settled(self, record: SceneRecord) -> bool:
        """Whether the catalogue was last asked when nothing could come any more."""
        return record.asked_on > record.last_day + timedelta(days=self._settings.settled_days)

    def _grid(self, unit: str) -> Grid:
        return grid_of(unit, self._units[unit], self._settings.resolution_m)

    def _items(self, grid: Grid, period: Period) -> list[Item]:
        if self._catalogue is None:
            self._catalogue = Catalogue(self._settings, self._wire)
        return self._catalogue.items(grid.bbox, period.first, period.last)


def _the_same(items: Sequence[Item], record: SceneRecord) -> bool:
    """Whether nothing came since; what was passed over may be whole by now."""
    passed_over = any(text.startswith(PASSED_OVER) for text in record.items.values())
    return not passed_over and set(record.items) == {item.id for item in items}


def _fingerprint(settings: SatelliteConfig, grid: Grid) -> str:
    """What decides a unit's scenes beside the items: other settings or another shape, another
    text."""
    digest = hashlib.sha256(json.dumps([_FORM, settings.of_pixels()], sort_keys=True).encode())
    digest.update(repr((grid.crs, tuple(grid.transform), grid.inside.shape)).encode())
    digest.update(grid.inside.tobytes())
    return digest.hexdigest()[:16]
