"""The map of a forecast: probability by unit at one horizon, alarms outlined, as a data URI.

The colours are told apart by people who see no red or green, an alarm is a line and a doubt a sign,
not a colour; nothing is loaded from elsewhere.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Colormap, ListedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch, PathPatch
from matplotlib.path import Path

from pipelines.data.boundaries import UnitShapes
from pipelines.data.geojson import Polygon, Ring
from pipelines.data.usable import HELD, NOT_REPORTED, UNCONFIRMED
from pipelines.evaluate.figures import INK, QUIET, svg_of
from pipelines.words import Words, words_of

_CELLS = 1200  # across a map: points of one cell are drawn as one
_WIDTH, _HEIGHTS = 4.8, (2.4, 6.4)  # inches; small, so that its words can be read on a phone
_NO_UNIT, _BORDER = "#eef1f2", "#b9c2c6"
_UNKNOWN: dict[str, Any] = {"facecolor": "white", "edgecolor": QUIET, "hatch": "////"}
_HELD: dict[str, Any] = {"facecolor": "white", "edgecolor": INK, "hatch": "xxxx"}
_QUESTION: dict[str, Any] = {
    "ha": "center",
    "va": "center",
    "fontsize": 11,
    "fontweight": "bold",
    "color": INK,
    "bbox": {"boxstyle": "circle,pad=0.15", "facecolor": "white", "edgecolor": INK},
}
_DEGREES = 360.0


def forecast_map(shapes: UnitShapes, rows: pd.DataFrame, words: Words | None = None) -> str:
    """Draw the units; a question mark stands in those whose rise is unconfirmed.

    Args:
        rows: of one horizon: municipality_code, probability (NaN = no forecast), outbreak_expected,
            and state if the forecast has it.
        words: of the reader's language; none = English.
    """
    words = words or words_of("en")
    answers = rows.dropna(subset=["probability"]).set_index("municipality_code")
    chance = answers["probability"].to_dict()
    alarms = set(answers.index[answers["outbreak_expected"].astype(bool)])
    risen, held = _of_state(rows, {UNCONFIRMED}), _of_state(rows, {HELD, NOT_REPORTED})
    frame = _Frame([*shapes.of_units.values(), shapes.others])
    drawn = {unit: frame.path(polygons) for unit, polygons in shapes.of_units.items()}

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set_axis_off()
        colours, scale = _colours(), Normalize(0, 1)
        if shapes.others:
            axes.add_patch(_shape(frame.path(shapes.others), facecolor=_NO_UNIT, edgecolor=_BORDER))
        for unit, path in drawn.items():
            known = unit in chance
            unknown = _HELD if unit in held else _UNKNOWN
            look = {"facecolor": colours(scale(chance[unit]))} if known else unknown
            axes.add_patch(_shape(path, **{"edgecolor": _BORDER, **look}))
        for unit in sorted(alarms & drawn.keys()):  # above all fills: a neighbour hides no alarm
            axes.add_patch(_shape(drawn[unit], facecolor="none", edgecolor=INK, linewidth=1.6))
        for unit in sorted(risen & drawn.keys()):
            axes.text(*_middle(drawn[unit]), "?", **_QUESTION)
        axes.set(xlim=frame.x, ylim=frame.y, aspect=frame.aspect)
        bar = figure.colorbar(
            ScalarMappable(scale, colours), ax=axes, shrink=0.6, aspect=30, location="bottom"
        )
        bar.set_label(words("map-bar"))
        ticks = (0, 25, 50, 75, 100)
        bar.set_ticks([t / 100 for t in ticks], labels=[words("percent", value=t) for t in ticks])
        silent = drawn.keys() - chance.keys()
        there = {
            "alarm": alarms & drawn.keys(),
            "map-unconfirmed": risen & drawn.keys(),
            "map-held": silent & held,
            "map-no-forecast": silent - held,
            "map-not-in-data": shapes.others,
        }
        _legend(axes, [name for name, some in there.items() if some], words)

    return svg_of(draw, (_WIDTH, frame.height))


class _Frame:
    """The part of the plane that is drawn, and how coordinates come into it."""

    def __init__(self, several: Sequence[tuple[Polygon, ...]]) -> None:
        points = np.concatenate([p[0] for polygons in several for p in polygons])
        low, high = points.min(axis=0), points.max(axis=0)
        self._degrees = bool((abs(points) <= (180, 90)).all())
        self._turned = self._degrees and np.ptp(points[:, 0] % _DEGREES) < high[0] - low[0]
        if self._turned:  # islands on both sides of the date line lie side by side
            low[0], high[0] = (points[:, 0] % _DEGREES).min(), (points[:, 0] % _DEGREES).max()
        self._cell = float(max(high - low)) / _CELLS or 1.0
        margin = 10 * self._cell
        self.x, self.y = ((low[i] - margin, high[i] + margin) for i in (0, 1))
        middle = np.radians((low[1] + high[1]) / 2)
        self.aspect = 1 / max(np.cos(middle), 0.1) if self._degrees else 1.0
        shape = (self.y[1] - self.y[0]) * self.aspect / (self.x[1] - self.x[0])
        self.height = float(np.clip(_WIDTH * shape, *_HEIGHTS)) + 1.1  # of the bar and the legend

    def path(self, polygons: Iterable[Polygon]) -> Path:
        """Polygons as one path; holes run the other way round, so that they stay empty."""
        rings = [(self._here(r), at > 0) for polygon in polygons for at, r in enumerate(polygon)]
        seen = [_turned(small, hole) for r, hole in rings if (small := self._coarse(r)) is not None]
        largest = max((ring for ring, hole in rings if not hole), key=lambda r: abs(_area(r)))
        return Path.make_compound_path(*(Path(r, closed=True) for r in seen or [largest]))

    def _here(self, ring: Ring) -> Ring:
        return np.column_stack([ring[:, 0] % _DEGREES, ring[:, 1]]) if self._turned else ring

    def _coarse(self, ring: Ring) -> Ring | None:
        """A ring's points, at most one a cell in a row; None where it is smaller than a cell."""
        cells = np.round(ring / self._cell)
        moved = np.append((np.diff(cells, axis=0) != 0).any(axis=1), True)
        return cells[moved] * self._cell if moved.sum() >= 4 else None


def _turned(ring: Ring, hole: bool) -> Ring:
    return ring[::-1] if (_area(ring) > 0) == hole else ring


def _area(ring: Ring) -> float:
    x, y = ring.T
    return float(np.sum(x[:-1] * y[1:] - x[1:] * y[:-1])) / 2


def _colours() -> Colormap:
    """Light to brown; the darkest part is left to the outlines of alarms."""
    return ListedColormap(matplotlib.colormaps["YlOrBr"](np.linspace(0.02, 0.8, 256)))


def _shape(path: Path, **look: object) -> PathPatch:
    return PathPatch(path, **{"linewidth": 0.5, "joinstyle": "round", **look})


def _of_state(rows: pd.DataFrame, states: set[str]) -> set[str]:
    """Units of these states; none of a forecast that has no states."""
    if "state" not in rows.columns:
        return set()
    return set(rows.loc[rows["state"].isin(states), "municipality_code"])


def _middle(path: Path) -> tuple[float, float]:
    """The middle of a unit's largest ring."""
    rings = [r for r in map(np.asarray, path.to_polygons()) if len(r) > 3]
    points = max(rings or [np.asarray(path.vertices)], key=lambda ring: abs(_area(ring)))
    x, y = (points.min(axis=0) + points.max(axis=0)) / 2
    return float(x), float(y)


def _legend(axes: Axes, there: Sequence[str], words: Words) -> None:
    """What is on the map and no more."""
    looks: Mapping[str, Patch | Line2D] = {
        "alarm": Patch(facecolor="white", edgecolor=INK, linewidth=1.6),
        "map-unconfirmed": Line2D([], [], linestyle="", marker="$?$", color=INK, markersize=9),
        "map-held": Patch(**_HELD),
        "map-no-forecast": Patch(**_UNKNOWN),
        "map-not-in-data": Patch(facecolor=_NO_UNIT, edgecolor=_BORDER),
    }
    if there:
        axes.legend(
            [looks[name] for name in there],
            [words(name) for name in there],
            loc="lower center",
            bbox_to_anchor=(0.5, 1.0),
            ncols=min(len(there), 2),
            fontsize=8,
        )
