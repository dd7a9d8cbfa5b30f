"""What every code system must keep: one way to write a code, wherever it comes from."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from pipelines.codes import LONGEST, UnitCodes
from pipelines.place_config import CodesConfig

# Nobody's codes, what moves a cursor or turns text around, and what int() and isdigit() fall over.
_ODD = ("0", "-", ".", "²", "٣", "1e999", "nan", "9" * 5000, "é" * LONGEST, "A\u202eB", "\ud800")
_CONTROLS = ("\0", "\x07", "\n", "\r", "\x1b", "\u2028", "\u202e")
_AROUND = (" {} ", "{}\n", "\t{}", "\u00a0{}")


def check_unit_codes(
    kind: str, codes: Sequence[str], none: Sequence[str] = (), /, **settings: Any
) -> None:
    """Raise AssertionError unless a code system keeps what codes.UnitCodes says.

    Args:
        kind: in contracts.UNIT_CODES, as a profile's place.codes.kind gives it.
        codes: codes as files write them, some in each way that is accepted.
        none: texts that are no code of this system.
        settings: further keys of place.codes.
    """
    assert codes, "give codes that the system knows"
    system = CodesConfig(kind=kind, **settings).system
    again = CodesConfig(kind=kind, **settings).system
    for what, text in (("name", system.name), ("shape", system.shape)):
        assert text.strip() and text.isprintable(), f"`{what}` is no text that people can read"
    for code in codes:
        made = _checked(system, code)
        assert made is not None, f"{code!r} cannot be read as a code"
        assert again.normalise(code) == made, f"{code!r} is written in two ways by two objects"
        for around in _AROUND:
            spaced = around.format(code)
            assert system.normalise(spaced) == made, (
                f"{spaced!r} is not {made!r}: blanks around a code say nothing"
            )
        for control in _CONTROLS:
            _checked(system, code[:1] + control + code[1:])
    for text in ("", " ", *_CONTROLS, *none):
        assert system.normalise(text) is None, (
            f"{text!r} is no code, and is written {system.normalise(text)!r}"
        )
    for text in _ODD:
        _checked(system, text)


def _checked(system: UnitCodes, code: str) -> str | None:
    """A code as the system writes it; whatever it writes must be one."""
    shown = ascii(code if len(code) <= LONGEST else f"{code[:8]}... ({len(code)} characters)")
    try:
        made = system.normalise(code)
    except (ValueError, IndexError, KeyError, TypeError, AttributeError) as err:
        raise AssertionError(
            f"{shown} raises {type(err).__name__}: {err}; what is none gives None"
        ) from err
    assert made is None or isinstance(made, str), f"{shown} gives {type(made).__name__}"
    if made is None:
        return None
    assert made and made == made.strip(), f"{shown} is written {made!r}, with blanks around it"
    assert len(made) <= LONGEST, (
        f"{shown} is written with {len(made)} characters, more than {LONGEST}"
    )
    assert made.isprintable(), f"{shown} is written with control characters: {made!a}"
    assert system.normalise(made) == made, (
        f"{shown} is written {made!r}, and that is written {system.normalise(made)!r}: not the "
        "same twice"
    )
    return made
