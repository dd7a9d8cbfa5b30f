"""Numbers as a country writes them, and units of climate as a provider has them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Literal

import numpy as np
import pandas as pd

from pipelines.arrays import Bools, Float64s, Texts
from pipelines.data.adapters.content import stop
from pipelines.data.adapters.records import Records, distinct_of
from pipelines.data.raw import NUMBER, numbers

_WITH_COMMA = re.compile(r"[+-]?(?:[0-9]{1,3}(?:\.[0-9]{3})+|[0-9]+)(?:,[0-9]+)?")
_SURE_COMMA = re.compile(r"[+-]?[0-9]+,(?:[0-9]{1,2}|[0-9]{4,})")  # no thousands can be meant
# name -> (from, to, conversion); a rate in a day becomes a weekly sum only where a week is the step
TRANSFORMS: Mapping[str, Callable[[Float64s], Float64s]] = {
    "kelvin_to_celsius": lambda x: x - 273.15,
    "fahrenheit_to_celsius": lambda x: (x - 32) / 1.8,
    "m_to_mm": lambda x: x * 1000,
    "cm_to_mm": lambda x: x * 10,
    "inches_to_mm": lambda x: x * 25.4,
    "flux_to_mm_a_day": lambda x: x * 86400,  # kg m-2 s-1, as CMIP and ERA5 have precipitation
    "daily_mean_to_weekly_sum": lambda x: x * 7,
}


def decimal_of(records: Records, columns: list[str], separator: str) -> Literal[".", ","]:
    """The declared decimal sign; a comma where figures show that it is one and none was declared.

    `12,5` can only be a decimal comma. `1,234` may be a thousand, tells nothing, and is refused
    later.
    """
    declared = records.file.config.decimal
    if declared == "," or separator == ",":
        return declared
    for name in columns:
        distinct = pd.unique(records.columns[name])
        if any(t is not None and _SURE_COMMA.fullmatch(t) for t in distinct):
            return ","
    return declared


def figures(text: Texts, decimal: str) -> tuple[Texts, Float64s, Bools]:
    """Texts with a decimal point, their numbers (NaN where missing or none), and which contradict.

    With a decimal comma, `1.234` is a thousand and `12.5` contradicts what was declared or found.
    """
    codes, distinct = distinct_of(text)
    plain = [_plain(t) if decimal == "," and t is not None else t for t in distinct]
    odd = [
        t is not None
        and decimal == ","
        and _plain(t) == t
        and "." in t
        and bool(re.match(NUMBER, t))
        for t in distinct
    ]
    values: Texts = np.array([*plain, None], dtype=object)[:-1]
    number = numbers(values) if len(values) else np.zeros(0)
    return values[codes], number[codes], np.array(odd, dtype=bool)[codes]


def _plain(text: str) -> str:
    return text.replace(".", "").replace(",", ".") if _WITH_COMMA.fullmatch(text) else text


def transformed(our: str, number: Float64s, records: Records) -> Float64s:
    """Numbers in our unit. Raises Unreadable for a conversion that nobody knows, or for Kelvin."""
    file, name = records.file, records.file.config.transform.get(our)
    if name is None:
        known = number[np.isfinite(number)]
        if our == "temp_mean_c" and len(known) and 200 < float(np.median(known)) < 330:
            raise stop(
                "kelvin",
                f"the temperatures are about {np.median(known):.0f}: Kelvin, not degree Celsius",
                file.named,
                "declare `transform: {temp_mean_c: kelvin_to_celsius}` of the input",
            )
        return number
    if name not in TRANSFORMS:
        raise stop(
            "unknown-transform",
            f"no conversion is called {name!r}",
            file.named,
            f"use one of {', '.join(TRANSFORMS)}",
        )
    return TRANSFORMS[name](number)
