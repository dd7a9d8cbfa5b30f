"""Attacks on scenes: bombs, damage, wrong kinds of pixels, dates and file names."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from support.attacks import images
from support.attacks.on_files import zipped
from support.attacks.siege import Attack
from support.attacks.spoil import scene

from pipelines.contracts import Level

BAD, ERROR, WARN = Level.CRITICAL, Level.ERROR, Level.WARNING
DAMAGED, BOMB, BANDS, FORMAT = "damaged-scene", "pixel-bomb", "wrong-bands", "unknown-format"
TIFF = "image_2018-11-01.tiff"


def linked_to_passwd(drop: Path) -> None:
    scene(images.GOOD_PNG)(drop)
    (drop / "images" / "05001" / "image_2018-10-01.png").symlink_to("/etc/passwd")


def linked_folder(drop: Path) -> None:
    (drop / "images").mkdir()
    (drop / "images" / "05001").symlink_to(drop.parent)


def pipe(drop: Path) -> None:
    scene(images.GOOD_PNG)(drop)
    os.mkfifo(drop / "images" / "05001" / "image_2018-10-01.png")


def pipe_as_table(drop: Path) -> None:
    (drop / "metadata.csv").unlink()
    os.mkfifo(drop / "metadata.csv")


def folder_as_table(drop: Path) -> None:
    (drop / "metadata.csv").unlink()
    (drop / "metadata.csv").mkdir()


def folder_as_scene(drop: Path) -> None:
    (drop / "images" / "05001" / "image_2018-11-01.png").mkdir(parents=True)


def alike_but_for_case(drop: Path) -> None:
    scene(images.GOOD_PNG)(drop)
    shutil.copy(
        drop / "images/05001/image_2018-11-01.png", drop / "images/05001/IMAGE_2018-11-01.PNG"
    )


def hard_linked(drop: Path) -> None:
    scene(images.GOOD_PNG)(drop)
    os.link(drop / "images/05001/image_2018-11-01.png", drop / "images/05001/image_2018-10-01.png")


SCENES = [
    Attack("a good scene", scene(images.GOOD_PNG), None, ""),
    Attack("a PNG that ends too early", scene(images.GOOD_PNG[:500]), ERROR, DAMAGED, ("download the file again",)),
    Attack("a TIFF that ends too early", scene(images.GOOD_TIFF[:3000], TIFF), ERROR, DAMAGED, ("download the file again",)),
    Attack("a scene of no bytes", scene(b""), ERROR, FORMAT, ("neither PNG nor JPEG",)),
    Attack("a TIFF of no bytes", scene(b"", TIFF), ERROR, DAMAGED, ("not a TIFF",)),
    Attack("a PNG called TIFF", scene(images.GOOD_PNG, TIFF), ERROR, DAMAGED, ("not a TIFF",)),
    Attack("a TIFF called PNG", scene(images.GOOD_TIFF), ERROR, FORMAT, ("neither PNG nor JPEG",)),
    Attack("a header of 60,000 x 60,000 pixels", scene(images.HEADER_BOMB), ERROR, BOMB, ("refused unread", "smaller extract")),
    Attack("a zlib bomb behind a small PNG header", scene(images.DATA_BOMB), WARN, "blank-share", ("1 of 1 scenes",)),
    Attack("a compressed text bomb in a PNG", scene(images.TEXT_BOMB), ERROR, DAMAGED, ("too large",)),
    Attack("a zlib bomb in a TIFF", scene(images.tiff_bomb(), TIFF), ERROR, DAMAGED, ("download the file again",)),
    Attack("a TIFF whose pages go in a circle", scene(images.tiff_loop(), TIFF), ERROR, DAMAGED, ("pages in a circle",)),
    Attack("a PNG without pixels", scene(images.NO_PIXELS), ERROR, FORMAT, ("export the scene again",)),
    Attack("a scene of one pixel", scene(images.saved(images.NOISE[:1, :1], "PNG")), WARN, "blank-share", ("count as missing",)),
    Attack("an 8-band TIFF", scene(images.tiff(images.BANDS[:8]), TIFF), ERROR, BANDS, ("8 bands", "12 Sentinel-2 bands")),
    Attack("16 bits in three bands", scene(images.tiff(images.NOISE.astype("uint16")), TIFF), ERROR, BANDS, ("uint16", "8 bits")),
    Attack("a 16-bit PNG", scene(images.SIXTEEN_BIT), ERROR, BANDS, ("16-bit grey", "8-bit RGB")),
    Attack("reflectance 0..1 as floats", scene(images.tiff(images.BANDS.astype("float32") / 255), TIFF), ERROR, BANDS, ("float32", "8 bits")),
    Attack("reflectance 0..10,000 as floats", scene(images.tiff(images.BANDS * 40.0), TIFF), ERROR, BANDS, ("float64",)),
    Attack("a CMYK photograph", scene(images.CMYK, "image_2018-11-01.jpg"), ERROR, BANDS, ("CMYK", "8-bit RGB")),
    Attack("an animated PNG", scene(images.animated()), None, ""),
    Attack("an SVG with a script", scene(images.SVG), ERROR, FORMAT, ("neither PNG nor JPEG",)),
    Attack("a polyglot of PNG and PHP", scene(images.POLYGLOT), None, ""),
    Attack("a zip that would slip out, called PNG", scene(zipped(b"x", "../../../x")), ERROR, FORMAT, ("neither PNG nor JPEG",)),
    Attack("a zip of scenes among the scenes", scene(zipped(images.GOOD_PNG), "scenes.zip"), WARN, "unknown-file", ("leave it out of the drop",)),
    Attack("a scene of the 31st of February", scene(images.GOOD_PNG, "image_2018-02-31.png"), ERROR, "bad-scene-date", ("2018-02-31", "a day that exists")),
    Attack("a scene of next year", scene(images.GOOD_PNG, "image_2030-01-01.png"), ERROR, "scene-from-the-future", ("correct the date",)),
    Attack("a scene of the year 9999, where dates end", scene(images.GOOD_PNG, "image_9999-12-31.png"), ERROR, "bad-scene-date", ("9999-12-31",)),
    Attack("a scene of the year 1018, a typing error", scene(images.GOOD_PNG, "image_1018-11-01.png"), ERROR, "bad-scene-date", ("1018-11-01",)),
    Attack("a scene dated in full-width digits", scene(images.GOOD_PNG, "image_２０１８-11-01.png"), WARN, "unknown-file", ("leave it out",)),
    Attack("a scene whose name ends in a line break", scene(images.GOOD_PNG, "image_2018-11-01.png\n"), WARN, "unknown-file", (r"png\n",)),
    Attack("a file name that would clear the terminal", scene(images.GOOD_PNG, "\x1b[2J.png"), WARN, "unknown-file", (r"\x1b[2J",)),
    Attack("a file name that turns the text around", scene(images.GOOD_PNG, "image_\u202egnp.png"), WARN, "unknown-file", (r"\u202e",)),
    Attack("a file name in emoji", scene(images.GOOD_PNG, "🛰.png"), WARN, "unknown-file", ("🛰",)),
    Attack("a file name of 255 bytes", scene(images.GOOD_PNG, "i" * 251 + ".png"), WARN, "unknown-file", ("rename it",)),
    Attack("a file name that is not UTF-8", scene(images.GOOD_PNG, os.fsdecode(b"Itag\xfc\xed.png")), BAD, "invalid-drop", ("not UTF-8", "under a name in UTF-8")),
    Attack("two names that differ only in case", alike_but_for_case, ERROR, "duplicate-scene", ("one file a date",)),
    Attack("scenes of a municipality that the table lacks", scene(images.GOOD_PNG, folder="05004"), ERROR, "unknown-municipality", ("that the table does not have",)),
    Attack("a folder that is no code", scene(images.GOOD_PNG, folder="..%2f..%2fetc"), ERROR, "unknown-municipality", ("deliver its row",)),
    Attack("a folder named like a scene", folder_as_scene, None, ""),
    Attack("a hard link to another scene", hard_linked, None, ""),
    Attack("a link to /etc/passwd", linked_to_passwd, BAD, "invalid-drop", ("may not hold links", "the file itself")),
    Attack("a link to the folder above", linked_folder, BAD, "invalid-drop", ("may not hold links",)),
    Attack("a pipe in place of a scene, which never ends", pipe, BAD, "invalid-drop", ("pipes, sockets or devices",)),
    Attack("a pipe in place of the table", pipe_as_table, BAD, "invalid-drop", ("pipes, sockets or devices",)),
    Attack("a folder in place of the table", folder_as_table, BAD, "empty-drop", ("denguard drop --table",)),
]  # fmt: skip
