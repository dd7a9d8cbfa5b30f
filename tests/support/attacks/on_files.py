"""Attacks on the table as a file: other kinds of file, encodings, separators, line ends."""

from __future__ import annotations

import gzip
import io
import zipfile

from support.attacks.siege import Attack
from support.attacks.spoil import raw

from pipelines.contracts import Level

BAD = Level.CRITICAL
UTF8 = "CSV UTF-8"


def zipped(data: bytes, name: str = "metadata.csv") -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(name, data)
    return out.getvalue()


FILES = [
    Attack("a UTF-16 table with its mark", raw(lambda b: b.decode().encode("utf-16")), BAD, "unreadable-table", ("UTF-16", UTF8)),
    Attack("a UTF-16 table without a mark", raw(lambda b: b.decode().encode("utf-16-le")), BAD, "unreadable-table", ("UTF-16", UTF8)),
    Attack("a latin-1 table with an accent", raw(lambda b: b.replace(b"Town 3", "Itagüí".encode("latin-1"))), BAD, "unreadable-table", ("not UTF-8", "row 5", UTF8)),
    Attack("a cp1252 table with a curly quote", raw(lambda b: b.replace(b"Town 3", b"Town \x93")), BAD, "unreadable-table", ("not UTF-8", UTF8)),
    Attack("a UTF-8 table with a byte order mark", raw(lambda b: b"\xef\xbb\xbf" + b), None, "byte-order-mark"),
    Attack("nothing but a byte order mark", raw(lambda _: b"\xef\xbb\xbf"), BAD, "missing-column", ("first row is blank",)),
    Attack("nothing but spaces", raw(lambda _: b"  \n \n"), BAD, "empty-drop", ("export the table again",)),
    Attack("a file that was cut to nothing", raw(lambda _: b""), BAD, "empty-drop", ("export the table again",)),
    Attack("a table that a power cut filled with NUL bytes", raw(lambda b: b[:-400] + bytes(400)), BAD, "unreadable-table", ("NUL bytes", "power cut")),
    Attack("an Excel workbook renamed to CSV", raw(lambda b: zipped(b, "xl/workbook.xml")), BAD, "unreadable-table", ("Excel workbook", UTF8)),
    Attack("a zip that would slip out of the folder", raw(lambda b: zipped(b, "../../../etc/cron.d/x")), BAD, "unreadable-table", ("zip archive", UTF8)),
    Attack("an old Excel workbook", raw(lambda b: b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b), BAD, "unreadable-table", (".xls", UTF8)),
    Attack("a gzip bomb in place of the table", raw(lambda _: gzip.compress(bytes(50_000_000))), BAD, "unreadable-table", ("gzip", UTF8)),
    Attack("a PDF in place of the table", raw(lambda b: b"%PDF-1.7\n" + b), BAD, "unreadable-table", ("PDF", UTF8)),
    Attack("semicolons between columns", raw(lambda b: b.replace(b",", b";")), BAD, "wrong-separator", ("semicolons", "decimal commas")),
    Attack("tabs between columns", raw(lambda b: b.replace(b",", b"\t")), BAD, "wrong-separator", ("tabs",)),
    Attack("Windows line ends", raw(lambda b: b.replace(b"\n", b"\r\n")), None, ""),
    Attack("old Macintosh line ends", raw(lambda b: b.replace(b"\n", b"\r")), None, ""),
    Attack("a quoted line break in a name", raw(lambda b: b.replace(b"Town 3", b'"Town\n3"')), None, ""),
    Attack("a line separator of Unicode in a name", raw(lambda b: b.replace(b"Town 3", "Town\u20283".encode())), None, ""),
    Attack("a form feed in a name", raw(lambda b: b.replace(b"Town 3", b"Town\x0c3")), None, ""),
    Attack("blank rows at the end", raw(lambda b: b + b"\n\n" + b"," * 60 + b"\n"), None, ""),
    Attack("blank rows above the header", raw(lambda b: b"\n\n" + b), BAD, "missing-column", ("first row is blank", "remove what is above")),
    Attack("a quote that is never closed", raw(lambda b: b.replace(b"Town 3", b'"Town 3')), BAD, "unreadable-table", ("not valid CSV", UTF8)),
    Attack("a cell of 200,000 letters", raw(lambda b: b.replace(b"Town 3", b"T" * 200_000)), BAD, "unreadable-table", ("field larger", UTF8)),
    Attack("a header and no rows", raw(lambda b: b.split(b"\n")[0] + b"\n"), BAD, "empty-drop", ("header and no rows",)),
    Attack("a web page in place of the table", raw(lambda _: b"<!doctype html>\n<title>Log in</title>\n<p>Session expired\n"), BAD, "missing-column", ("'Municipality code'",)),
]  # fmt: skip
