"""All attacks on a drop, in one list; the siege meets them in this order."""

from __future__ import annotations

from support.attacks.on_cells import CELLS
from support.attacks.on_files import FILES
from support.attacks.on_info import INFOS
from support.attacks.on_scenes import SCENES
from support.attacks.on_tables import TABLES

ATTACKS = [*FILES, *TABLES, *CELLS, *SCENES, *INFOS]
