"""A sample file made hostile: what people deliver by mistake, from any text file."""

from __future__ import annotations

import re

_FEWEST, _MOST = 3, 4  # lines of a table with a header; columns that are looked at
_SEPARATORS = (",", ";", "\t", "|", " ")
NOTHING = {  # no layout: whoever reads them must say so
    "an empty file": b"",
    "a file of blanks": b" \n\n \n",
    "bytes of no kind": bytes(range(256)),
    "a web page instead of the file": b"<!DOCTYPE html><html><body>Please log in</body></html>\n",
    "a damaged archive": b"PK\x03\x04 cut",
    "a damaged Parquet file": b"PAR1 cut",
}
HEADER = "the first line alone"
_NO_HEADER, _SECOND_HALF = "no first line", "its second half alone"
HEADLESS = (_NO_HEADER, _SECOND_HALF)  # a record stands where names of columns are looked for


def harmless(content: bytes) -> dict[str, bytes]:
    """Forms that say the same: they are read alike, or a message says why not."""
    if (text := _text(content)) is None:
        return {}
    return {
        "a byte order mark before it": b"\xef\xbb\xbf" + content,
        "Windows line ends": text.replace("\r\n", "\n").replace("\n", "\r\n").encode(),
        "no line end at its end": text.rstrip("\n").encode(),
        "notes below it": text.rstrip("\n").encode() + b"\nSource: the ministry\nSeen in spring\n",
    }


def harmful(content: bytes) -> dict[str, bytes]:
    """Forms that lack or repeat something: whatever is read of them is sound, and the rest
    is said."""
    forms = {
        "cut in the middle": content[: len(content) // 2],
        _SECOND_HALF: content[len(content) // 2 :],
    }
    if (text := _text(content)) is None or len(text.splitlines()) < _FEWEST:
        return forms
    lines = text.splitlines(keepends=True)
    middle, width = len(lines) // 2, lines[0].count(_separator(text)) + 1
    short = lines[middle][: len(lines[middle]) // 2].rstrip() + "\n"
    texts = {
        HEADER: lines[0],
        _NO_HEADER: "".join(lines[1:]),
        "its first line twice": lines[0] + text,
        "every record twice": lines[0] + "".join(line + line for line in _ended(lines[1:])),
        "its first column gone": _columns(lines, first=True),
        "its last column gone": _columns(lines, first=False),
        "a record cut short": "".join([*lines[:middle], short, *lines[middle + 1 :]]),
        "its last record cut short": "".join([*lines[:-1], lines[-1][: 2 * len(lines[-1]) // 3]]),
        "a record with two cells more": "".join(
            [
                *lines[:middle],
                lines[middle].rstrip("\n") + _separator(text) * 2 + "\n",
                *lines[middle + 1 :],
            ]
        ),
        **{
            f"every record twice, with another number in column {at + 1}": _contradicted(lines, at)
            for at in range(min(_MOST, width))
        },
        "numbers that are none": re.sub(r"[0-9]", "x", text),
        "numbers without end": re.sub(r"[0-9]+", lambda m: m[0] * 40, text),
        "negative numbers": re.sub(r"(?<![0-9\w-])([0-9])", r"-\1", text),
    }
    return {
        **forms,
        **{what: made.encode() for what, made in texts.items()},
        "a NUL in it": content + b"\0\n",
        "another encoding": text.encode("utf-16"),
        "letters that are no UTF-8": content + b"\xe9\xff\n",
    }


def _contradicted(lines: list[str], column: int) -> str:
    """Every record twice, with another digit in one column."""
    separator, out = _separator("".join(lines)), [lines[0]]
    for line in _ended(lines[1:]):
        cells = line.rstrip("\n").split(separator)
        if column < len(cells):
            cells[column] = re.sub(
                r"[0-9]", lambda digit: str((int(digit[0]) + 1) % 10), cells[column]
            )
        out += [line, separator.join(cells) + "\n"]
    return "".join(out)


def _text(content: bytes) -> str | None:
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        return None
    return text if text.strip() and "\0" not in text else None


def _ended(lines: list[str]) -> list[str]:
    return [line.rstrip("\n") + "\n" for line in lines]


def _separator(text: str) -> str:
    return max(_SEPARATORS, key=text.splitlines()[0].count)


def _columns(lines: list[str], first: bool) -> str:
    separator = _separator("".join(lines))
    cells = [line.rstrip("\n").split(separator) for line in lines]
    return "".join(separator.join(c[1:] if first else c[:-1]) + "\n" for c in cells)
