"""Free text as it may be kept: plain characters, bounded, without numbers that may be a person's.

Names cannot be found by a rule: that notes hold none is asked of whoever writes them.
"""

from __future__ import annotations

import html
import re
import unicodedata
from dataclasses import dataclass

MASK, CUT = "[***]", "[...]"  # what stands for a number or address, and for the rest of a text
_MOST_READ = 20  # times the characters that are kept: what is beyond is not looked at
# Not "less than": a sign before a number, or before the mask that stands for one.
_TAG = re.compile(r"<(?![\s\d=\[])[^<>]{1,200}>")
_ADDRESS = re.compile(r"[\w.+-]{1,64}@[\w-]{1,64}(?:\.[\w-]{1,64}){0,4}")
_DAY = r"\d{4}[-/.]\d{1,2}[-/.]\d{1,2}|\d{1,2}[-/.]\d{1,2}[-/.]\d{4}"
_YEARS = r"(?:19|20)\d\d[-/ ](?:19|20)\d\d"
# Seven digits and more, with marks between: papers of identity, telephones. Not days and years.
_DIGITS = re.compile(rf"(?<!\d)(?P<kept>{_DAY}|{_YEARS})(?!\d)|\+?\d(?:[ .\-/()]{{0,2}}\d){{6,}}")
_BLANKS = ("Cc", "Zl", "Zp")  # of Unicode's categories: line breaks and the like
_ENTITY_ROUNDS = 4


@dataclass(frozen=True)
class NoteText:
    """A cleaned text and what was done to it, now or when its drop was made.

    Attributes:
        plain: whether it had neither markup nor characters that nobody sees.
    """

    text: str
    plain: bool

    @property
    def masked(self) -> bool:
        """Whether a number or an address was replaced."""
        return MASK in self.text

    @property
    def cut(self) -> bool:
        """Whether the text was longer."""
        return self.text.endswith(CUT)


def clean_note(text: str, most: int) -> NoteText:
    """The text in one line of at most `most` characters; a cleaned text stays as it is."""
    seen = unicodedata.normalize("NFKC", _beginning(text, most * _MOST_READ))
    plain = _without_markup(_visible(seen))
    line = " ".join(_masked(" ".join(plain.split())).split())
    return NoteText(bounded(line, most), " ".join(plain.split()) == " ".join(seen.split()))


def _beginning(text: str, most: int) -> str:
    """The first characters, without a word that the bound tears: half a number is no longer one."""
    if len(text) <= most:
        return text
    return re.sub(r"[^ ]+$", "", text[:most]) + CUT


def _visible(text: str) -> str:
    """Control characters as blanks; without characters of no width, which could tear a number."""
    kinds = ((c, unicodedata.category(c)) for c in text)
    return "".join(" " if k in _BLANKS else c for c, k in kinds if k in _BLANKS or k[0] != "C")


def _without_markup(text: str) -> str:
    for _ in range(_ENTITY_ROUNDS):
        found = _TAG.sub(" ", html.unescape(text))
        if found == text:
            return text
        text = _visible(found)
    return text.replace("&", " ").replace("<", " ")


def _masked(text: str) -> str:
    return _DIGITS.sub(lambda found: found["kept"] or MASK, _ADDRESS.sub(MASK, text))


def bounded(line: str, most: int) -> str:
    """The line in at most `most` characters, with a sign where it was cut."""
    if len(line) <= most:
        return line
    return line[: most - len(CUT) - 1].rstrip() + " " + CUT
