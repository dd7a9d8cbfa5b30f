"""All attacks on a drop, in one list; the siege meets them in this order."""

from __future__ import annotations

from hostile.drop.on_cells import CELLS
from hostile.drop.on_files import FILES
from hostile.drop.on_info import INFOS
from hostile.drop.on_scenes import SCENES
from hostile.drop.on_tables import TABLES

ATTACKS = [*FILES, *TABLES, *CELLS, *SCENES, *INFOS]
