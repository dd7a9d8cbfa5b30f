"""Pictures of the space that a fused head reads, as self-contained SVG data URIs."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.evaluate.figures import svg_of
from pipelines.evaluate.kept_pictures import kept_picture

_IMAGE, _TEXT = ("#2f5d8a", "o"), ("#c46a1b", "^")  # told apart without colour, too


@kept_picture
def scatter(points: Mapping[str, Any], after: str | None) -> str:
    """Images and texts on the same two axes as embedded and after the shift; one panel if `after`,
    its words, is None."""
    panels = [("as embedded", "")]
    if after is not None:
        panels.append((f"after the shift, {after}", "_shifted"))

    def draw(figure: Figure) -> None:
        for at, (title, suffix) in enumerate(panels, start=1):
            axes = figure.add_subplot(1, len(panels), at)
            _cloud(axes, points, suffix)
            axes.set(xlim=_limits(points, 0), ylim=_limits(points, 1), title=title)
            axes.set_xlabel("first principal axis")
            axes.set_ylabel("second")
        figure.axes[0].legend(fontsize=8, loc="best")

    return svg_of(draw, (3.6 * len(panels), 3.3))


def _cloud(axes: Axes, points: Mapping[str, Any], suffix: str) -> None:
    for name, (colour, marker) in (("image", _IMAGE), ("text", _TEXT)):
        x, y = np.array(points[name + suffix], dtype=np.float64).T
        axes.scatter(x, y, s=9, color=colour, marker=marker, alpha=0.5, lw=0, label=f"{name}s")
        axes.scatter(x.mean(), y.mean(), s=70, color=colour, marker=marker, edgecolor="white")


def _limits(points: Mapping[str, Any], axis: int) -> tuple[float, float]:
    """The same in both panels, so that what moved is seen to move."""
    clouds = [np.array(own)[:, axis] for name, own in points.items() if name != "explained_share"]
    every = np.concatenate(clouds)
    room = 0.06 * (float(np.ptp(every)) or 1.0)
    return float(every.min()) - room, float(every.max()) + room
