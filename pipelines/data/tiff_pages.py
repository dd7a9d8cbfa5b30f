"""How many pages and tags a TIFF has, counted before a decoder follows them.

Belongs here: walking the chain of directories, without reading any value. Does not belong here:
pixels (pixels.py). A kilobyte of TIFF can chain hundreds of directories that overlap, of thousands of
tags each, and keep a decoder busy for minutes; a scene has twelve pages at the most.
Source: TIFF 6.0 (1992), section 2; BigTIFF (2007).
"""

from __future__ import annotations

import io
import struct
from typing import BinaryIO

MOST_PAGES, MOST_TAGS = 64, 256
# classic and BigTIFF: (first directory's offset at, count of tags, bytes of a tag, offset of the next)
_CLASSIC, _BIG = (4, "H", 12, "I"), (8, "Q", 20, "Q")


def check_pages(handle: BinaryIO) -> None:
    """Raise ValueError if a TIFF has more pages or tags than any scene; else rewind the file."""
    order = {b"II": "<", b"MM": ">"}.get(handle.read(2), "")
    if not order:
        handle.seek(0)
        return  # no TIFF: the decoder says so
    (version,) = struct.unpack(f"{order}H", handle.read(2))
    at, count, tag_bytes, pointer = _BIG if version == 43 else _CLASSIC
    handle.seek(at)
    for _ in range(MOST_PAGES + 1):
        offset = _number(handle, order + pointer)
        if not offset or handle.seek(0, io.SEEK_END) <= offset:
            handle.seek(0)
            return
        handle.seek(offset)
        tags = _number(handle, order + count)
        if tags > MOST_TAGS:
            raise ValueError(f"a page of {tags} tags, more than {MOST_TAGS}")
        handle.seek(tags * tag_bytes, io.SEEK_CUR)
    raise ValueError(f"more than {MOST_PAGES} pages, or pages in a circle")


def _number(handle: BinaryIO, form: str) -> int:
    """The next number; 0 where the file ends before it, which the decoder judges."""
    raw = handle.read(struct.calcsize(form))
    return int(struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else 0
