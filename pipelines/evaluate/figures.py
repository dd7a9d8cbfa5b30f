"""Pictures of the report, as self-contained SVG data URIs; equal inputs give equal bytes."""

from __future__ import annotations

import base64
import io
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from pipelines.contracts import FUSED_HEADS, LINEAR
from pipelines.data.usable import UNCONFIRMED
from pipelines.evaluate.decision import words as head_words
from pipelines.evaluate.kept_pictures import kept_picture
from pipelines.words import Words

INK, QUIET, GRID = "#22313a", "#8a979e", "#e3e8ea"
HEAD_COLOURS = ("#2f5d8a", "#c46a1b", "#0e7c6b", "#8c4a86", "#5b6b1f")  # linear, then fused heads
CHOSEN = "#0e7c6b"
ALARM = "▲"  # beside bold type: a sign that print and screen readers keep
BASELINE_LOOKS: dict[str, tuple[str, Any]] = {  # colour and line style
    "prevalence": ("#b3bcc1", ":"),
    "climatology": ("#8d7fa8", ":"),
    "persistence": ("#b98a8a", "-."),
    "persistence_calibrated": ("#9a4f4f", "--"),
    "gradient_boosting": ("#7d8a4d", (0, (5, 1, 1, 1))),
}
_STYLE = {
    "svg.hashsalt": "denguard",
    "font.size": 10,
    "axes.edgecolor": QUIET,
    "axes.labelcolor": INK,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": True,
    "grid.color": GRID,
    "legend.frameon": False,
}


def colour_of(head: str) -> str:
    """A head's colour, the same in every picture."""
    heads = (LINEAR, *FUSED_HEADS)
    return HEAD_COLOURS[heads.index(head) % len(HEAD_COLOURS)] if head in heads else QUIET


def brier_by_horizon(metrics: Mapping[str, Any]) -> str:
    """Brier score of every recipe and baseline over the horizons."""
    horizons = sorted(int(h) for h in metrics["horizons"])
    names = list(metrics["horizons"][str(horizons[0])]["heads"])

    def draw(axes: Axes) -> None:
        for name in names:
            heads = [metrics["horizons"][str(h)]["heads"].get(name, {}) for h in horizons]
            score = [np.nan if h.get("brier") is None else h["brier"] for h in heads]
            colour, style = BASELINE_LOOKS.get(name) or (colour_of(name), "-")
            width = 1.4 if name in BASELINE_LOOKS else 2.0
            axes.plot(
                horizons,
                score,
                linestyle=style,
                color=colour,
                lw=width,
                marker="o",
                ms=3.5,
                label=head_words(name),
            )
        axes.set_xticks(horizons)
        axes.set_ylim(bottom=0)
        axes.set_xlabel("weeks ahead")
        axes.set_ylabel("Brier score (lower is better)")
        axes.legend(fontsize=8, ncols=2, loc="lower right")

    return svg(draw, (6.4, 3.7))


@kept_picture
def calibration(tables: Mapping[str, Sequence[Mapping[str, Any]]]) -> str:
    """Observed rate against mean probability, dot area as the number of rows."""

    def draw(axes: Axes) -> None:
        axes.plot([0, 1], [0, 1], color=QUIET, lw=1, ls="--")
        most = max((b["rows"] for table in tables.values() for b in table), default=1)
        for name, table in tables.items():
            x, y = ([b[k] for b in table] for k in ("mean_probability", "observed_rate"))
            colour = colour_of(name)
            axes.plot(x, y, color=colour, lw=1.4, label=head_words(name))
            axes.scatter(
                x, y, s=[8 + 130 * b["rows"] / most for b in table], color=colour, alpha=0.75
            )
        axes.set(xlim=(-0.02, 1.02), ylim=(-0.02, 1.02), aspect="equal")
        axes.set_xlabel("forecast probability")
        axes.set_ylabel("observed outbreak rate")
        axes.legend(fontsize=9, loc="upper left")

    return svg(draw, (4.6, 4.4))


def lambda_curve(curve: Sequence[Mapping[str, Any]], chosen: float) -> str:
    """Validation Brier of the trained head minus its base's, over lambda.

    One thin line a season, their mean thick, the choice marked. Below 0 the vectors help.
    """
    rows = pd.DataFrame(curve)
    base = "base_brier" if "base_brier" in rows else "linear_brier"  # as it was recorded once
    rows["difference"] = rows["trained_brier"] - rows[base]
    table = rows.pivot_table(index="lambda", columns="origin", values="difference")

    def draw(axes: Axes) -> None:
        axes.axhline(0, color=QUIET, lw=1)
        for shade, origin in zip(
            np.linspace(0.75, 0.4, len(table.columns)), table.columns, strict=True
        ):
            axes.plot(
                table.index,
                table[origin],
                color=str(shade),
                lw=1.2,
                marker=".",
                ms=4,
                label=f"season from {origin}",
            )
        axes.plot(
            table.index, table.mean(axis=1), color=INK, lw=2.2, marker="o", ms=4, label="mean"
        )
        axes.axvline(chosen, color=CHOSEN, lw=1.4, ls="--", label="chosen")
        axes.set_xticks(list(table.index))
        axes.set_xlabel("lambda (share of the modality gap that is closed)")
        axes.set_ylabel("Brier minus base's")
        axes.legend(fontsize=8, loc="center left", bbox_to_anchor=(1.0, 0.5))

    return svg(draw, (6.8, 3.2))


def forecast_heatmap(table: pd.DataFrame, words: Words) -> str:
    """Probability by municipality (rows, as ordered in the table) and weeks ahead (columns).

    Municipalities without a forecast are left out; an alarm is bold and has a sign, an unconfirmed
    one a question mark before its name.
    """
    table = table.dropna(subset=["probability"])
    table = table.assign(
        place=_doubt(table) + table["municipality"] + "  " + table["municipality_code"]
    )
    grid = table.pivot_table(
        index="place", columns="horizon_weeks", values="probability", sort=False
    )
    grid = grid[sorted(grid.columns)]
    expected = table.pivot_table(
        index="place",
        columns="horizon_weeks",
        values="outbreak_expected",
        aggfunc="max",
        sort=False,
    )[list(grid.columns)].to_numpy(bool)

    cells = tuple(
        tuple((value, words.chance(value), bool(alarm)) for value, alarm in zip(*row, strict=True))
        for row in zip(grid.to_numpy().tolist(), expected.tolist(), strict=True)
    )
    ahead = tuple(words("in-weeks-short", n=h) for h in grid.columns)
    return _heatmap(cells, ahead, tuple(_short(place) for place in grid.index))


@lru_cache(maxsize=1)  # the report and a bulletin of its language show the same picture
@kept_picture
def _heatmap(
    cells: tuple[tuple[tuple[float, str, bool], ...], ...],
    ahead: tuple[str, ...],
    places: tuple[str, ...],
) -> str:
    """Cells are a probability, how it is said, and whether it is an alarm."""

    def draw(axes: Axes) -> None:
        axes.grid(visible=False)
        grid = np.array([[value for value, _, _ in row] for row in cells])
        axes.imshow(
            grid.reshape(len(places), len(ahead)), cmap="YlOrBr", vmin=0, vmax=1.25, aspect="auto"
        )
        for row, line in enumerate(cells):
            for column, (value, chance, alarm) in enumerate(line):
                weight, colour = ("bold" if alarm else "normal"), ("white" if value > 0.75 else INK)
                label = f"{ALARM} {chance}" if alarm else chance
                axes.text(
                    column,
                    row,
                    label,
                    ha="center",
                    va="center",
                    color=colour,
                    fontsize=8,
                    fontweight=weight,
                )
        axes.set_xticks(range(len(ahead)), ahead)
        axes.set_yticks(range(len(places)), places)
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        axes.spines[:].set_visible(False)

    return svg(draw, (4.4, 0.7 + 0.26 * len(places)))  # narrow: read on a phone


def _doubt(table: pd.DataFrame) -> pd.Series:
    """A question mark for each row whose newest count is unconfirmed."""
    if "state" not in table.columns:
        return pd.Series("", index=table.index)
    return (table["state"] == UNCONFIRMED).map({True: "? ", False: ""})


def _short(place: str) -> str:
    name, code = place.rsplit("  ", 1)
    return f"{name if len(name) <= 22 else name[:21] + '…'}  {code}"


def svg(draw: Callable[[Axes], None], size: tuple[float, float]) -> str:
    """A picture with one pair of axes, `size` in inches."""
    return svg_of(lambda figure: draw(figure.add_subplot()), size)


def svg_of(draw: Callable[[Figure], None], size: tuple[float, float]) -> str:
    """A picture of any panels."""
    with matplotlib.rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        buffer = io.BytesIO()
        figure.savefig(
            buffer, format="svg", metadata={"Date": None, "Creator": None}, transparent=True
        )
    return "data:image/svg+xml;base64," + base64.b64encode(buffer.getvalue()).decode()
