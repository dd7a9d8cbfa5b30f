"""Items that are read for a period that is not finished: kept on the disk until it is.

So a call that ends amid a period loses one item at the most, and a composite need not hold all
items in memory.
"""

from __future__ import annotations

import hashlib
import io
import shutil
from pathlib import Path

import numpy as np

from pipelines.arrays import AnyArray
from pipelines.satellite.clip import Clip
from pipelines.storage.files import read_json, write_atomic, write_json


class Parts:
    """The clips of one unit and period.

    Args:
        folder: of this unit, period, and settings.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def get(self, item_id: str) -> tuple[Clip, int] | None:
        """A clip (its values stay on the disk until they are read) and the bytes that it took."""
        path = self._path(item_id)
        if not path.with_suffix(".json").is_file():
            return None
        facts = read_json(path.with_suffix(".json"))
        seen, clear, taken = (int(str(facts[key])) for key in ("seen", "clear", "bytes_read"))
        values: AnyArray | None = np.load(path, mmap_mode="r") if path.is_file() else None
        return Clip(seen, clear, values), taken

    def put(self, item_id: str, clip: Clip, bytes_read: int) -> None:
        """Keep a clip; its facts come last, and make it whole."""
        path = self._path(item_id)
        if clip.values is not None:
            held = io.BytesIO()
            np.save(held, clip.values)
            write_atomic(path, held.getvalue())
        facts = {"seen": clip.seen, "clear": clip.clear, "bytes_read": bytes_read}
        write_json(path.with_suffix(".json"), facts)

    def remove(self) -> None:
        """The period is finished."""
        shutil.rmtree(self._folder, ignore_errors=True)

    def _path(self, item_id: str) -> Path:
        return self._folder / f"{hashlib.sha256(item_id.encode()).hexdigest()[:16]}.npy"
