"""Codes of places: one rule that says how a code is written, wherever it comes in.

A code system of one country with rules of its own (a list of departments, a check digit) is a
plug-in of the group `denguard.unit_codes`. A drop, a folder of scenes, the endpoint, `trace` and a
bundle ask the same one.
"""

from __future__ import annotations

import re
import unicodedata
from typing import Protocol

LONGEST = 64  # characters of a code


class UnitCodes(Protocol):
    """How a place's codes are written. What it is made from is the profile's `place.codes`."""

    name: str  # how people call the code, such as "IBGE code"
    shape: str  # what a code looks like, for a person whose code was refused

    def normalise(self, code: str) -> str | None:
        """The code as it is written everywhere ("5001.0" -> "05001"), or None if it is none."""


class TextCodes:
    """Any printable text of 1 to 64 characters; optionally of a pattern, padded with zeros on the
    left.

    Args:
        name: how people call the code.
        pattern: what the whole code must match, after padding; None = anything printable.
        pad_to: width to which codes of digits alone are padded: a spreadsheet takes their zeros.
    """

    def __init__(
        self, name: str = "unit code", pattern: str | None = None, pad_to: int | None = None
    ) -> None:
        self.name, self._pad_to = name, pad_to
        self._pattern = re.compile(pattern) if pattern else None
        self.shape = (
            f"text that matches {pattern}" if pattern else f"1 to {LONGEST} printable characters"
        )

    def normalise(self, code: str) -> str | None:
        text = unicodedata.normalize("NFC", code.strip())  # of two ways to write an accent, one
        if self._pad_to and (digits := re.fullmatch(r"([0-9]+)(?:\.0+)?", text)):
            text = digits[1].zfill(self._pad_to)
        if not (0 < len(text) <= LONGEST and text.isprintable()):
            return None
        return text if self._pattern is None or self._pattern.fullmatch(text) else None
