"""Code systems that break one promise each, for the tests of the conformance kit."""

from __future__ import annotations


class Honest:
    """Breaks none: whole numbers of three digits."""

    name, shape = "code", "three digits"

    def normalise(self, code):
        text = code.strip()
        fine = text.isascii() and text.isdigit() and len(text) == 3
        return text if fine else None


class Growing(Honest):
    def normalise(self, code):
        text = code.strip()
        return f"0{text}" if text.isascii() and text.isdigit() and len(text) < 9 else None


class Blank(Honest):
    """A blank before a code makes it another."""

    def normalise(self, code):
        return super().normalise(code) if code == code.strip() else None


class Raw(Honest):
    """Only looks at how long a text is."""

    def normalise(self, code):
        text = code.strip()
        return text if 0 < len(text) < 65 else None


class Empty(Honest):
    """Nothing at all is a code, too."""

    def normalise(self, code):
        return super().normalise(code) if code.strip() else "000"


class Spaced(Honest):
    def normalise(self, code):
        made = super().normalise(code)
        return None if made is None else f"{made} "


class Falling(Honest):
    """int() of what isdigit() holds for."""

    def normalise(self, code):
        text = code.strip()
        return f"{int(text) % 1000:03d}" if text.isdigit() else None


class Long(Honest):
    def normalise(self, code):
        made = super().normalise(code)
        return None if made is None else made.zfill(99)


class Wordless(Honest):
    shape = ""
