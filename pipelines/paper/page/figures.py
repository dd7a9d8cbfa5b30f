"""Pictures of a reproduction, as self-contained SVG data URIs; equal inputs give equal bytes.

Image is orange and text sky blue wherever a colour means a modality; an approach keeps one colour
from picture to picture (palette of Okabe and Ito, told apart by colour-blind readers). Pictures
that are compared share their axes.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from pipelines.evaluate.figures import CHOSEN, GRID, INK, QUIET, svg, svg_of

Record = Mapping[str, Any]
Limits = tuple[float, float]

IMAGE, TEXT = "#e69f00", "#56b4e9"
APPROACH_COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#5b6b1f", "#22313a")
_MARKERS = (("image", IMAGE, "o"), ("text", TEXT, "^"))
_DOT = 11.0
_PANEL = (4.6, 2.5)  # inches of one panel; a page sets two such columns side by side, a phone one


def padded(values: Sequence[float], share: float = 0.06) -> Limits:
    """Limits that hold all values, with a margin."""
    low, high = min(values), max(values)
    margin = max(share * (high - low), 1e-3)
    return low - margin, high + margin


# --- Lambda and the ablation ---------------------------------------------------------------------
def lambda_limits(records: Sequence[Record]) -> Limits:
    """Limits that hold the bands of all these curves."""
    ends = ("selection_min", "selection_max", "test_min", "test_max")
    return padded([point[end] for r in records for point in r["curve"] for end in ends])


def lambda_curves(records: Sequence[Record], colour: str, limits: Limits) -> str:
    """Macro F1 over lambda, a panel a fusion: mean over seeds in a band from the lowest to the
    highest.

    Test rows solid, the rows that choose dashed where they are others; the choice is marked.
    """

    def draw(figure: Figure) -> None:
        for axes, record in zip(_stacked(figure, len(records)), records, strict=True):
            _curve(axes, record, "test", colour, "-", "test rows")
            if record["selected_on"] != "test":
                _curve(axes, record, "selection", QUIET, "--", record["selected_on"])
            axes.axvline(record["lambda"], color=CHOSEN, lw=1.4, ls=":", label="chosen")
            axes.set_title(_plain(record["fusion"]), fontsize=10, loc="left")
            axes.set(ylim=limits, ylabel="macro F1")
            axes.locator_params(axis="x", nbins=5)
            axes.legend(
                fontsize=7.5,
                ncols=3,
                loc="lower right",
                bbox_to_anchor=(1, 1),
                borderaxespad=0,
                handlelength=1.4,
                columnspacing=1,
            )
        figure.axes[-1].set_xlabel("lambda (share of the modality gap that is closed)")

    return svg_of(draw, _size(len(records)))


def _curve(axes: Axes, record: Record, rows: str, colour: str, style: str, label: str) -> None:
    at = [point["lambda"] for point in record["curve"]]
    mean, low, high = (
        [point[f"{rows}_{k}"] for point in record["curve"]] for k in ("mean", "min", "max")
    )
    axes.fill_between(at, low, high, color=colour, alpha=0.18, lw=0)
    axes.plot(at, mean, color=colour, ls=style, lw=1.8, marker="o", ms=3, label=label)


def ablation(
    groups: Mapping[str, Sequence[Record]], colour: str, limits: Limits, best_baseline: float | None
) -> str:
    """Macro F1 of each variant with its interval, a panel a fusion; the best baseline dotted."""

    def draw(figure: Figure) -> None:
        panels = _stacked(figure, len(groups))
        for axes, (fusion, rows) in zip(panels, groups.items(), strict=True):
            for at, row in enumerate(rows):
                low, high = row["f1_interval"] or (row["f1"], row["f1"])
                axes.plot(
                    [low, high], [at, at], color=colour, lw=2, alpha=0.45, solid_capstyle="butt"
                )
                axes.plot(row["f1"], at, "o", color=colour, ms=6)
                axes.plot([row["f1_seed_min"], row["f1_seed_max"]], [at, at], "|", color=INK, ms=9)
            if best_baseline is not None:
                axes.axvline(best_baseline, color=QUIET, ls=":", lw=1.4)
            axes.set_yticks(range(len(rows)), [row["variant"] for row in rows], fontsize=8.5)
            axes.set(xlim=limits, ylim=(len(rows) - 0.5, -0.5))
            axes.set_title(_plain(fusion), fontsize=10, loc="left")
        figure.axes[-1].set_xlabel("macro F1 on test rows")

    return svg_of(draw, _size(len(groups)))


def ablation_limits(rows: Sequence[Record], best_baselines: Sequence[float]) -> Limits:
    """Limits that hold all intervals and baselines."""
    ends = [end for row in rows for end in (row["f1_interval"] or [row["f1"]])]
    seeds = [row[k] for row in rows for k in ("f1_seed_min", "f1_seed_max")]
    return padded([*ends, *seeds, *best_baselines])


# --- The modality gap ----------------------------------------------------------------------------
def scatter(points: Record, shifted: bool) -> str:
    """Vectors on the two first principal axes; the same limits before and after the shift."""

    def draw(axes: Axes) -> None:
        for name, colour, marker in _MARKERS:
            x, y, *_ = _cloud(points, name, shifted).T
            axes.scatter(
                x, y, s=_DOT, c=colour, marker=marker, alpha=0.6, lw=0, label=name, rasterized=True
            )
        x_limits, y_limits, *_ = _limits(points)
        axes.set(xlim=x_limits, ylim=y_limits, xlabel="first axis", ylabel="second axis")
        axes.legend(fontsize=9, loc="best", markerscale=1.6)

    return svg(draw, (4.4, 3.6))


def scatter_3d(points: Record, shifted: bool) -> str:
    """The same on three axes, seen from one side."""

    def draw(figure: Figure) -> None:
        axes: Any = figure.add_subplot(projection="3d")
        for name, colour, marker in _MARKERS:
            x, y, z = _cloud(points, name, shifted).T[:3]
            axes.scatter(
                x,
                y,
                z,
                s=_DOT,
                c=colour,
                marker=marker,
                alpha=0.6,
                lw=0,
                depthshade=False,
                label=name,
                rasterized=True,
            )
        for setter, limits in zip(
            (axes.set_xlim, axes.set_ylim, axes.set_zlim), _limits(points), strict=False
        ):
            setter(*limits)
        axes.tick_params(labelsize=7, pad=-2)
        axes.set_xlabel("1st", fontsize=8, labelpad=-4)
        axes.set_ylabel("2nd", fontsize=8, labelpad=-4)
        axes.set_zlabel("3rd", fontsize=8, labelpad=-4)
        for axis in (axes.xaxis, axes.yaxis, axes.zaxis):
            axis.set_pane_color((1, 1, 1, 0))
        axes.legend(fontsize=9, loc="upper left", markerscale=1.6)
        axes.view_init(elev=22, azim=-60)

    return svg_of(draw, (4.4, 3.9))


def _cloud(points: Record, name: str, shifted: bool) -> Any:
    return np.asarray(points[f"{name}_shifted" if shifted else name], dtype=np.float64)


def _limits(points: Record) -> list[Limits]:
    every = np.concatenate([_cloud(points, n, s) for n in ("image", "text") for s in (False, True)])
    return [padded([float(axis.min()), float(axis.max())]) for axis in every.T]


def gap_over_lambda(gaps: Mapping[str, Record], colours: Mapping[str, str]) -> str:
    """Gap norm, cosine of pairs and separability over lambda, a line an approach.

    Args:
        gaps: title -> record of gap.gap_record; colours by the same titles.
    """

    def draw(figure: Figure) -> None:
        norm, cosine, plane = _stacked(figure, 3)
        for title, gap in gaps.items():
            shifts, colour = gap["shifts"], colours[title]
            at = [s["lambda_shift"] for s in shifts]
            norm.plot(
                at, [s["gap_norm"] for s in shifts], color=colour, marker="o", ms=3, label=title
            )
            pairs = [s["pair_cosine"] for s in shifts]
            cosine.fill_between(
                at,
                [p["quantiles"]["0.05"] for p in pairs],
                [p["quantiles"]["0.95"] for p in pairs],
                color=colour,
                alpha=0.15,
                lw=0,
            )
            cosine.plot(at, [p["mean"] for p in pairs], color=colour, marker="o", ms=3)
            cosine.plot(at, [p["unpaired_mean"] for p in pairs], color=colour, ls=":", lw=1.4)
            separability = [s["linear_separability"] for s in shifts]
            plane.fill_between(
                at,
                [t["worst_fold"] for t in separability],
                [t["best_fold"] for t in separability],
                color=colour,
                alpha=0.15,
                lw=0,
            )
            plane.plot(at, [t["accuracy"] for t in separability], color=colour, marker="o", ms=3)
        plane.axhline(0.5, color=QUIET, lw=1, ls="--")
        norm.set(ylabel="gap norm", ylim=(0, None))
        cosine.set_ylabel("cosine of pairs")
        plane.set(ylabel="told apart by a plane", ylim=(-0.03, 1.03))
        norm.legend(fontsize=8)
        plane.locator_params(axis="x", nbins=5)
        plane.set_xlabel("lambda (share of the modality gap that is closed)")

    return svg_of(draw, (_PANEL[0], 5.6))


# --- The cone effect -----------------------------------------------------------------------------
_PARTS = (  # label, colour, marker
    ("initialisations, untrained", "#8c4a86", "s"),
    ("inputs, untrained", "#e69f00", "o"),
    ("inputs, trained", "#0072b2", "D"),
)


def cone(rows: Sequence[tuple[str, Sequence[float | None]]]) -> str:
    """Variance over initialisations and over inputs on a logarithmic axis.

    Args:
        rows: label and, in the order of _PARTS, the variances; None or 0 and less are left out.
    """

    def draw(axes: Axes) -> None:
        for at, (_, values) in enumerate(rows):
            axes.axhline(at, color=GRID, lw=1, zorder=0)
            for (_, colour, marker), value in zip(_PARTS, values, strict=True):
                if value is not None and value > 0:
                    axes.plot(value, at, marker, color=colour, ms=7)
        axes.set_yticks(range(len(rows)), [label for label, _ in rows], fontsize=8.5)
        axes.set(xscale="log", ylim=(len(rows) - 0.5, -0.5))
        axes.set_xlabel("variance, summed over components")
        dots = [Line2D([], [], color=colour, marker=marker, ls="") for _, colour, marker in _PARTS]
        axes.figure.legend(
            dots, [label for label, *_ in _PARTS], fontsize=8, loc="outside upper left", ncols=2
        )

    return svg(draw, (6.2, 1.5 + 0.36 * len(rows)))


def _stacked(figure: Figure, panels: int) -> list[Axes]:
    return list(figure.subplots(panels, 1, sharex=True, squeeze=False)[:, 0])


def _size(panels: int) -> tuple[float, float]:
    return _PANEL[0], 0.6 + _PANEL[1] * panels


def _plain(fusion: str) -> str:
    return f"{fusion.replace('_', '-')} fusion"
