"""What the bands of a scene say plainly: a few numbers that an embedding has to beat.

Rouse et al. 1974 (NDVI); McFeeters 1996 (NDWI, of open water); Gao 1996 (moisture of plants, here
NDMI).
"""

from __future__ import annotations

from dataclasses import asdict, dataclass

import numpy as np

from pipelines.arrays import Float64s
from pipelines.data.scene_values import LacksBands, SceneValues

_SHOWN_REFLECTANCE = 0.3  # what white stands for
_VISIBLE = ("B02", "B03", "B04")


@dataclass(frozen=True)
class SceneIndices:
    """Of the pixels of a scene that show something; None where the file lacks a band.

    Attributes:
        seen_share: share of all pixels that are not outside and not 0 in every band.
        ndvi, ndwi, ndmi: means of a pixel's (a - b) / (a + b), -1..1.
        brightness: mean reflectance of blue, green and red; of values that are scaled to be shown
            0.3 stands for white.
    """

    seen_share: float
    ndvi: float | None
    ndwi: float | None
    ndmi: float | None
    brightness: float | None


INDEX_COLUMNS = tuple(SceneIndices.__dataclass_fields__)


def scene_indices(values: SceneValues) -> dict[str, float | None]:
    """The fields of SceneIndices, of a decoded file."""
    lit = ~values.outside & values.bands.any(axis=-1)

    def levels(*names: str) -> Float64s:
        """(pixels shown, len(names)) values of 0 (black) to 1 (white) and beyond."""
        own = values.chosen(names)[lit].astype(np.float64) - values.black
        return np.maximum(own, 0.0) / (values.white - values.black)

    def ratio(a: str, b: str) -> float | None:
        try:
            pair = levels(a, b)
        except LacksBands:
            return None
        pair = pair[pair.sum(axis=1) > 0]
        both = pair.sum(axis=1)
        return float(((pair[:, 0] - pair[:, 1]) / both).mean()) if len(pair) else None

    found = SceneIndices(
        seen_share=float(lit.mean()) if lit.size else 0.0,
        ndvi=ratio("B08", "B04"),
        ndwi=ratio("B03", "B08"),
        ndmi=ratio("B8A", "B11"),
        brightness=float(levels(*_VISIBLE).mean()) * _SHOWN_REFLECTANCE if lit.any() else None,
    )
    return asdict(found)
