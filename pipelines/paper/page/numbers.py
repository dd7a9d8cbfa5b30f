"""Numbers as the study's page writes them."""

from __future__ import annotations

from collections.abc import Sequence
from math import floor, log10

NONE = "—"


# --- How a number is written
# -----------------------------------------------------------------------
def number(value: float | None, digits: int = 3) -> str:
    """With so many decimals; a dash where nothing was measured or printed."""
    return NONE if value is None else f"{value:.{digits}f}".replace("-", "−")


def significant(value: float | None, digits: int = 3) -> str:
    """With so many significant digits, never as a power of ten: 0.00116, 1.00, 12.3, 5130."""
    if not value:
        return NONE if value is None else "0"
    rounded = float(f"{value:.{digits - 1}e}")
    return number(rounded, max(0, digits - 1 - floor(log10(abs(rounded)))))


def signed(value: float) -> str:
    """With its sign, three decimals."""
    return f"{value:+.3f}".replace("-", "−")


def span(bounds: Sequence[float] | None) -> str:
    """An interval of a score, or nothing."""
    return "" if bounds is None else f"{number(bounds[0])}–{number(bounds[1])}"


def percent(share: float) -> str:
    """A share that never claims 0 or 100 % falsely."""
    if 0 < share < 0.001 or 0.999 < share < 1:
        return "<0.1 %" if share < 0.5 else ">99.9 %"
    return f"{100 * share:.1f} %"
