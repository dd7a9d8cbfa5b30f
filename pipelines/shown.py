"""Escapes untrusted text before it is printed: control characters, hidden and reversed text."""

from __future__ import annotations

import json
import unicodedata
from collections.abc import Callable


def shown(name: str) -> str:
    """A name as it may be printed, in one line: every control character is written as its
    escape."""
    return "".join(c if c.isprintable() else _escape(c) for c in name)


def shown_lines(text: str) -> str:
    """Text of several lines, of any language, as it may be printed: line ends, tabs and wide spaces
    stay.
    """
    return _but(text, _escape)


def shown_json(text: str) -> str:
    """JSON as it may be printed: still the same JSON, its control characters as JSON's escapes."""
    return _but(text, lambda c: json.dumps(c)[1:-1])


def _but(text: str, escape: Callable[[str], str]) -> str:
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in "\n\t" or unicodedata.category(c) == "Zs" else escape(c)
        for c in text
    )


def _escape(character: str) -> str:
    return character.encode("unicode_escape", "backslashreplace").decode()
