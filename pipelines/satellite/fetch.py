"""Scenes of units and periods, from a catalogue into a folder; called again, it goes on.

The folder holds `images/` (what `denguard drop --images` takes), `records/` and `scenes.csv`; and
in `.fetch/` a lock and the windows of periods that are not finished.
"""

from __future__ import annotations

import math
import os
from collections.abc import Mapping, Sequence
from datetime import date
from pathlib import Path

from pipelines.data.geojson import Polygon
from pipelines.errors import FetchError
from pipelines.fetch.web import Patience, Web
from pipelines.satellite.one_call import STATE, Call, FetchedScenes
from pipelines.satellite.periods import Period
from pipelines.satellite.wire import Wire
from pipelines.satellite_config import SatelliteConfig
from pipelines.storage.lock import locked

_LOCK_TIMEOUT_S = 0.5
_VARIABLE = "DENGUARD_STAC_TOKEN"
_DENIED = (
    f"put the catalogue's token into the environment as {_VARIABLE}; files that want a key of "
    "their own cannot be read"
)


def fetch_scenes(
    settings: SatelliteConfig,
    units: Mapping[str, Sequence[Polygon]],
    asked: Sequence[Period],
    folder: Path,
    today: date,
    patience: Patience | None = None,
    until: float = math.inf,
    done: FetchedScenes | None = None,
) -> FetchedScenes:
    """Fetch what is not here yet, period by period, until all is done or the cap is reached.

    Args:
        units: code -> polygons in longitude and latitude.
        asked: the periods, in the order in which they are wanted.
        until: of time.monotonic(); then the rest is left for the next call.
        done: filled with what came of it, also where this raises.

    Raises:
        ConfigError: a unit's shape cannot be used, or the folder holds scenes of other periods.
        FetchError: the catalogue or a file's server does not answer, or the cap is too low for one
            file; what is finished stays.
    """
    folder = folder.absolute()
    busy = FetchError(
        "another fetch into this folder is under way",
        where=str(folder),
        fix="wait for it to end, or fetch into another folder",
    )
    token = os.environ.get(_VARIABLE)
    secret = {"Authorization": f"Bearer {token}"} if token else {}
    web = Web(settings.url, secret, _DENIED, patience or _patience(settings))
    try:
        with locked(folder / STATE / "lock", _LOCK_TIMEOUT_S, busy):
            wire = Wire(web, settings.max_bytes, until)
            return Call(settings, units, folder, today, wire, done).all(asked)
    finally:
        web.close()


def _patience(settings: SatelliteConfig) -> Patience:
    pauses_s = tuple(2.0**n for n in range(settings.retries))
    return Patience(silence_s=settings.timeout_s, pauses_s=pauses_s)
