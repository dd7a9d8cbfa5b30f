"""Codes of Colombia's municipalities: DANE, DIVIPOLA; five digits whose first two name the
department.
"""

from __future__ import annotations

import re

_CODE = re.compile(r"([0-9]{1,5})(?:\.0+)?")
DEPARTMENTS = frozenset(
    ["05", "08", "11", "13", "15", "17", "18", "19", "20", "23", "25", "27", "41", "44", "47", "50", "52", "54", "63", "66", "68", "70", "73", "76", "81", "85", "86", "88", "91", "94", "95", "97", "99"]
)  # fmt: skip


class DaneCodes:
    """The code system of `place.codes: {kind: dane}`."""

    name = "DANE code"
    shape = "five digits, the first two of a department"

    def normalise(self, code: str) -> str | None:
        """A code as five digits ("5001", "05001", "5001.0" -> "05001"), None if it has not that
        shape.
        """
        found = _CODE.fullmatch(code.strip())
        unit_id = found[1].zfill(5) if found else ""
        return unit_id if unit_id[:2] in DEPARTMENTS and unit_id[2:] != "000" else None
