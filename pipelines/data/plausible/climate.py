"""Temperature and rain that are not those of the same place at this time of other years."""

from __future__ import annotations

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s
from pipelines.data.months import month_label
from pipelines.data.plausible.history import Seen
from pipelines.data.plausible.past import RAIN, TEMPERATURE, distances, just_before
from pipelines.data.plausible.suspicion import CELL_KEYS, Direction, Outcome, Suspicion
from pipelines.plausibility_config import PlausibilityConfig
from pipelines.words import counted

MIN_YEARS = 3  # of the same month, below which a place's past is not known
MIN_RAIN_MM = 30.0  # of a usual month, from which little rain is no dry season
_NAMED = 5
# Unit of measure -> what a value in degree Celsius or in mm becomes in it.
_TEMPERATURES = {"Fahrenheit": (1.8, 32.0), "Kelvin": (1.0, 273.15), "tenths": (10.0, 0.0)}
RAIN_FACTORS = {"metres": 1e-3, "inches": 1 / 25.4, "centimetres": 0.1, "tenths of mm": 10.0}


def temperature_jumps(seen: Seen, limits: PlausibilityConfig) -> list[Suspicion]:
    """Months further from the place's own usual temperature than `max_temp_shift_c` and its own
    scatter.
    """
    frame = _known(distances(seen, "temp", TEMPERATURE))
    off = frame["away"].abs().to_numpy()
    hit = off > np.maximum(limits.max_temp_shift_c, limits.max_past_deviations * frame["usual"])
    return _doubt(frame[hit], "temperature-jump", "degree Celsius")


def rain_jumps(frame: pd.DataFrame, limits: PlausibilityConfig) -> list[Suspicion]:
    """Months with `max_rain_factor` times less or more rain than the place's own same months.

    Where the usual month is drier than MIN_RAIN_MM, only too much rain is doubted.

    Args:
        frame: of `rain_away`.
    """
    off = frame["away"].abs().to_numpy()
    far = np.maximum(np.log(limits.max_rain_factor), limits.max_past_deviations * frame["usual"])
    return _doubt(frame[off > far], "rain-jump", "mm")


def rain_away(seen: Seen) -> pd.DataFrame:
    """past.distances of rain, `away` 0 where a usual month is dry and this one is, too."""
    return _wet(distances(seen, "rain", RAIN))


def rain_just_before(seen: Seen, months: int) -> pd.DataFrame:
    """The same of accepted months before the newest new one."""
    return _wet(just_before(seen, "rain", RAIN, months))


def _wet(frame: pd.DataFrame) -> pd.DataFrame:
    frame = _known(frame)
    floor = np.maximum(frame["reference"], np.log1p(MIN_RAIN_MM))
    wetter = np.maximum(np.log1p(frame["number"]) - floor, 0.0)
    wet_month = frame["reference"] >= np.log1p(MIN_RAIN_MM)
    return frame.assign(away=frame["away"].where(wet_month, wetter), wet_month=wet_month)


def _known(frame: pd.DataFrame) -> pd.DataFrame:
    enough = frame["n_years"] >= MIN_YEARS
    return frame[enough & frame["away"].notna()].reset_index(drop=True)


def _doubt(hit: pd.DataFrame, rule: str, unit: str) -> list[Suspicion]:
    """One suspicion for all that a drop says of it."""
    if hit.empty:
        return []
    usual = np.expm1(hit["reference"]) if unit == "mm" else hit["reference"]
    first = ", ".join(
        f"{row.unit_id} {month_label(int(str(row.when)))}: {row.number:g} where {at:.1f} is usual"
        for row, at in zip(hit.head(_NAMED).itertuples(), usual, strict=False)
    )
    as_unit = _as_rain(hit) if unit == "mm" else _as_temperature(hit)
    fits = f"; they would fit as {as_unit}" if as_unit else ""
    message = (
        f"not as in the same place in other years: {counted(len(hit), 'month')} of "
        f"{counted(hit['unit_id'].nunique(), 'unit')}: {first}{fits}"
    )
    fix = (
        f"compare with the climate product: its unit ({unit}), and whether rows or columns were "
        "swapped"
    )
    cells = hit[list(CELL_KEYS)]
    return [Suspicion(rule, Outcome.HOLD, Direction.WRONG, message, fix, cells)]


def _as_temperature(hit: pd.DataFrame) -> str:
    """The unit in which the values would be usual ones, "" if in none."""
    for name, (factor, offset) in _TEMPERATURES.items():
        off = (hit["number"] - offset) / factor - hit["reference"]
        if _small(off.to_numpy(), 3.0):
            return name
    return ""


def _as_rain(hit: pd.DataFrame) -> str:
    for name, factor in RAIN_FACTORS.items():
        off = np.log1p(hit["number"] / factor) - hit["reference"]
        if _small(off.to_numpy(), np.log(3.0)):
            return name
    return ""


def _small(off: Float64s, limit: float) -> bool:
    close: Bools = np.abs(off) < limit
    return bool(close.mean() > 0.5)
