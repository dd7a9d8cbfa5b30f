"""Scenes of the units from a catalogue of satellite images, over the network and within a cap.

`fetch.py` is the door, one_call.py the way through: for each unit (units.py, grid.py) and period
(periods.py) the items of the catalogue (catalogue.py, offsets.py), each clipped (clip.py, parts.py)
by windowed reads (window.py, range_file.py, wire.py), then laid together (one_period.py,
composite.py) and written (scene_file.py, records.py).
"""

from pipelines.satellite.fetch import fetch_scenes
from pipelines.satellite.one_call import FetchedScenes
from pipelines.satellite.periods import periods
from pipelines.satellite.units import units_of

__all__ = ["FetchedScenes", "fetch_scenes", "periods", "units_of"]
