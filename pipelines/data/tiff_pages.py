"""The pages of a TIFF: counted before a decoder follows them, and which of them is the scene.

A kilobyte of TIFF can chain hundreds of directories that overlap, of thousands of tags each, and
keep a decoder busy for minutes; a scene has twelve pages at the most. Sources: TIFF 6.0 (1992),
section 2; BigTIFF (2007); Adobe TIFF tag 254 (NewSubfileType): 1 a reduced picture, 4 a mask of
transparency.
"""

from __future__ import annotations

import io
import struct
from typing import Any, BinaryIO

import tifffile

MOST_PAGES, MOST_TAGS = 64, 256
REDUCED, MASK = 1, 4
# classic and BigTIFF: (first directory's offset at, count of tags, bytes of a tag, offset of the
# next)
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


def main_series(tiff: tifffile.TiffFile) -> Any:
    """The picture in full resolution; pyramid levels and masks are none.

    Raises: ValueError if there is none, or another one as large: nobody knows which is meant.
    """
    full = [one for one in tiff.series if not one.keyframe.subfiletype & (REDUCED | MASK)]
    if not full:
        raise ValueError("there are only reduced pictures and masks")
    if any(one.size >= full[0].size for one in full[1:]):
        raise ValueError("the file holds several pictures: export one scene a file")
    return full[0]


def full_pages(tiff: tifffile.TiffFile) -> list[Any]:
    """Pages that are neither pyramid levels nor masks."""
    return [page for page in tiff.pages if not page.subfiletype & (REDUCED | MASK)]


def mask_page(tiff: tifffile.TiffFile, size: tuple[int, int]) -> Any | None:
    """The full-resolution mask (zero is outside), None if there is none.

    Raises: ValueError for several masks, or one of another size than the scene's (height, width).
    """
    masks = [
        page for page in tiff.pages if page.subfiletype & MASK and not page.subfiletype & REDUCED
    ]
    if not masks:
        return None
    if len(masks) > 1 or tuple(masks[0].shape[:2]) != size:
        raise ValueError("the masks do not fit the scene: export it again")
    return masks[0]


def _number(handle: BinaryIO, form: str) -> int:
    """The next number; 0 where the file ends before it, which the decoder judges."""
    raw = handle.read(struct.calcsize(form))
    return int(struct.unpack(form, raw)[0]) if len(raw) == struct.calcsize(form) else 0
