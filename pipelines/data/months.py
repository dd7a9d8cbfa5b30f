"""Calendar months as numbers: year * 12 + month - 1."""

from __future__ import annotations

from datetime import date, timedelta


def month_no(year: int, month: int) -> int:
    """Number of a calendar month."""
    return 12 * year + month - 1


def month_end(when: int) -> date:
    """Last day of a month."""
    return date((when + 1) // 12, (when + 1) % 12 + 1, 1) - timedelta(days=1)


def month_label(when: int) -> str:
    """A month as 2018-12."""
    return f"{when // 12}-{when % 12 + 1:02d}"
