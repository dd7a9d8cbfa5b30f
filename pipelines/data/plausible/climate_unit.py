"""Rain in another unit of measure, in all units of a drop or in many months of one; and climate
that no past can be asked about.

A whole place can have a dry month. What tells a unit of measure from a drought: all values are less
by the same factor, so that after it they scatter around their usual months as honest ones do.
"""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.arrays import Float64s
from pipelines.data.plausible.climate import RAIN_FACTORS, rain_away, rain_jumps, rain_just_before
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.suspicion import (
    CELL_KEYS,
    Direction,
    Outcome,
    Suspicion,
    no_cells,
)
from pipelines.plausibility_config import PlausibilityConfig

_MIN_YEARS = 5  # of the same month: a median of three is 2 degrees and a factor of 8 off in 2010
_MIN_UNITS, _MIN_MONTHS = 5, 6
_LOOK_BACK = 12  # months in which the accepted ones of a unit lie; held ones are not among them
_MAX_SCATTER = 0.6  # median absolute deviation of log(1 + mm) after the factor; honest drops: 0.59
_MAX_OFF = 0.9  # of the median from what the factor explains
_FIRST_MONTHS = 24  # months in a first drop from which its whole is looked at
_WET_MM, _COLD_C, _HOT_C = (
    60.0,
    10.0,
    40.0,
)  # where dengue is, some months are wet and most are warm


def rain(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """All new rain of the drop, or of one unit, less or more by the factor of a unit of measure;
    else
    single months: climate.rain_jumps."""
    frame = rain_away(seen)
    judged = frame[frame["wet_month"] & (frame["n_years"] >= _MIN_YEARS)]
    if judged["unit_id"].nunique() >= _MIN_UNITS:
        if name := _factor(judged, limits.max_drop_rain_factor):
            return [_of_the_drop(seen, judged, name)]
        if abs(judged["away"].median()) > np.log(limits.max_drop_rain_factor):
            return [_dry_or_wet(judged)]
        frame = frame.assign(away=frame["away"] - judged["away"].median())
    units = _of_units(seen, judged, limits)
    held = {unit for one in units for unit in one.units}
    return [*units, *rain_jumps(frame[~frame["unit_id"].isin(held)], limits)]


def first_climate(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """A first drop whose whole climate is that of no place with dengue: told, because nothing of
    its own past says so."""
    del limits
    out = []
    for kind, odd in (("rain", _dry_everywhere), ("temp", _cold_or_hot)):
        values = seen.news(kind)["number"].to_numpy(np.float64)
        if seen.known(kind).empty and len(values) >= _FIRST_MONTHS and (message := odd(values)):
            fix = (
                "look at the unit of measure: mm a month and degree Celsius are expected; convert "
                "with the input's `transform` (docs/formats.md)"
            )
            out.append(
                Suspicion(
                    "climate-unit-unsure",
                    Outcome.NOTE,
                    Direction.WRONG,
                    message,
                    fix,
                    no_cells(),
                )
            )
    return out


def _factor(judged: pd.DataFrame, least: float) -> str:
    """The unit of measure in which these values would be usual ones, "" if in none."""
    if abs(judged["away"].median()) <= np.log(least):
        return ""
    found = {name: _left(judged, factor) for name, factor in RAIN_FACTORS.items()}
    nearest = min(found, key=lambda name: abs(found[name][0]))
    off, scatter = found[nearest]
    return nearest if abs(off) <= _MAX_OFF and scatter <= _MAX_SCATTER else ""


def _left(judged: pd.DataFrame, factor: float) -> tuple[float, float]:
    """Median and scatter of what remains of the distances after a factor."""
    away = np.log1p(judged["number"] / factor) - judged["reference"]
    middle = float(away.median())
    return middle, float((away - middle).abs().median())


def _of_the_drop(seen: Seen, judged: pd.DataFrame, name: str) -> Suspicion:
    times = float(np.exp(-np.median(judged["away"])))
    message = (
        f"the drop's new rain fits as {name}: {len(judged)} wet months of "
        f"{judged['unit_id'].nunique()} units are all about {_times(times)} in the same months of "
        "other years"
    )
    return _held(message, seen.news("rain"))


def _of_units(seen: Seen, judged: pd.DataFrame, limits: PlausibilityConfig) -> list[Suspicion]:
    """Units whose new months, with accepted ones before them, are all off by one factor."""
    far = judged["away"].abs() > np.log(limits.max_unit_rain_factor)
    odd = judged[judged["unit_id"].isin(judged.loc[far, "unit_id"])]
    if odd.empty:
        return []
    before = rain_just_before(seen, _LOOK_BACK)
    before = before[before["wet_month"] & (before["n_years"] >= _MIN_YEARS)]
    out = []
    for unit, new in odd.groupby("unit_id"):
        own = before[before["unit_id"] == unit].sort_values("when")
        rows = pd.concat([new, own.tail(_MIN_MONTHS - 1)])
        if len(rows) < _MIN_MONTHS or not (name := _factor(rows, limits.max_unit_rain_factor)):
            continue
        times = float(np.exp(-rows["away"].median()))
        message = (
            f"{len(rows)} wet months of {unit} fit as {name}: all are about {_times(times)} in "
            "the same months of other years"
        )
        out.append(_held(message, new))
    return out


def _times(times: float) -> str:
    return f"{times:.0f} times less than" if times > 1 else f"{1 / times:.0f} times more than"


def _held(message: str, cells: pd.DataFrame) -> Suspicion:
    fix = (
        "deliver mm a month, or declare the conversion: `transform` of the input (docs/formats.md)"
    )
    return Suspicion(
        "rain-unit", Outcome.HOLD, Direction.WRONG, message, fix, cells[list(CELL_KEYS)]
    )


def _dry_or_wet(judged: pd.DataFrame) -> Suspicion:
    times = float(np.exp(-np.median(judged["away"])))
    message = (
        f"the new rain is {_times(times)} usual in half of the units or more, but not all by one "
        "factor: a dry or wet month, as it seems; it counts"
    )
    fix = "nothing to do if the weather was so; else look at the unit of measure"
    return Suspicion("rain-unusual", Outcome.NOTE, Direction.WRONG, message, fix, no_cells())


def _dry_everywhere(values: Float64s) -> str:
    high = float(np.quantile(values, 0.95))
    return (
        f"of {len(values)} months of rain 95 % are below {high:.3g}: inches, centimetres, metres, "
        "or a desert?"
        if high < _WET_MM
        else ""
    )


def _cold_or_hot(values: Float64s) -> str:
    middle = float(np.median(values))
    return (
        ""
        if _COLD_C <= middle <= _HOT_C
        else f"half of {len(values)} monthly temperatures are below {middle:.3g}: degree Celsius?"
    )
