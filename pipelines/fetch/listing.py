"""PhysioNet: its folders' HTML pages and SHA256SUMS.txt, read into files to bring.

A page is a line per entry: a link, a date, a size or "-", with CRLF or LF at its end. A link that
leads out of its page's folder is refused and named; the page's own "../" is passed over.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from html.parser import HTMLParser
from urllib.parse import quote, unquote, urljoin, urlsplit

from pipelines.errors import FetchError
from pipelines.fetch.remote_file import RemoteFile, safe_path
from pipelines.fetch.web import Missing, Web

log = logging.getLogger(__name__)
SUMS = "SHA256SUMS.txt"
_AFTER = re.compile(r"^\s+\d{2}-[A-Za-z]{3}-\d{4}\s+\d{2}:\d{2}\s+(-|\d{1,15})\s*$")
_SUM = re.compile(
    r"^([0-9a-fA-F]{64})[ \t]+\*?(\S.*?)\s*$"
)  # one space at PhysioNet, two by sha256sum
_PAGE_BYTES = 16 << 20
_SUMS_BYTES = 64 << 20
_DEPTH = 8
_FOLDERS = 5000


@dataclass
class Listing:
    """What pages hold.

    Attributes:
        files: to bring, in the pages' order.
        refused: links that lead out of their folder, as the pages have them.
    """

    files: list[RemoteFile] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Entry:
    """A line of a page: name, and size in bytes (None: a folder)."""

    name: str
    size: int | None


def read_listing(web: Web, base: str, inside: Callable[[str], bool]) -> Listing:
    """Every file below a folder's URL, with its SHA-256 where SHA256SUMS.txt has one.

    Args:
        base: URL of the folder, ending in "/".
        inside: whether files below a relative folder ("a/b/") may be wanted; others are not read.

    Raises:
        FetchError: a page does not come or is no listing.
    """
    listing, left, seen = Listing(), [""], 0
    sums: dict[str, str] = {}
    while left:
        folder = left.pop(0)
        seen += 1
        if folder.count("/") > _DEPTH or seen > _FOLDERS:
            raise FetchError(
                "the folders of the listing do not end", where=base + folder, fix="check --base-url"
            )
        entries, refused = read_page(web.read(base + folder, _PAGE_BYTES), base + folder)
        listing.refused += refused
        if not folder:
            sums = _sums(web, base, entries)
        for entry in entries:
            path = safe_path(folder + entry.name, base + folder)
            if entry.size is not None:
                listing.files.append(
                    RemoteFile(
                        path,
                        urljoin(base + folder, _quoted(entry.name)),
                        entry.size,
                        sums.get(path),
                    )
                )
            elif inside(f"{path}/"):
                left.append(f"{path}/")
    for link in listing.refused:
        log.warning("a link leads out of its folder and is not followed: %s", link[:200])
    return listing


def read_page(raw: bytes, url: str) -> tuple[list[Entry], list[str]]:
    """(entries, refused links) of one page.

    Raises:
        FetchError: it is no directory listing, a line has no size, or one name stands twice.
    """
    page = _Page()
    page.feed(raw.decode("utf-8", "replace").replace("\r\n", "\n"))
    page.close()
    if not page.heading.strip().startswith("Index of"):
        raise FetchError(
            "this page is not a directory listing",
            where=url,
            fix="check --base-url; if it is right, the server may want you to log in",
        )
    entries: dict[str, Entry] = {}
    refused = []
    for href, after in page.links:
        if href == "../":
            continue
        name = _name_below(href, url)
        if name is None:
            refused.append(f"{href!r} on {url}")
            continue
        size = _AFTER.match(after.split("\n", 1)[0])
        if size is None or (size[1] == "-") != href.endswith("/"):
            raise FetchError(
                f"the listing has no size for {name!r}",
                where=url,
                fix="check --base-url; the server's pages are not PhysioNet's",
            )
        entry = Entry(name, None if size[1] == "-" else int(size[1]))
        if entries.setdefault(name, entry) != entry:
            raise FetchError(
                f"the listing names {name!r} twice, with other sizes",
                where=url,
                fix="ask the server's owner",
            )
    return list(entries.values()), refused


class _Page(HTMLParser):
    """The heading, and each link with the text between it and the next."""

    def __init__(self) -> None:
        super().__init__()
        self.heading = ""
        self.links: list[tuple[str, str]] = []
        self._inside = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._inside = tag
        if tag == "a":
            self.links.append((dict(attrs).get("href") or "", ""))

    def handle_endtag(self, _tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        if self._inside == "h1":
            self.heading += data
        elif self.links and not self._inside:
            href, after = self.links[-1]
            self.links[-1] = (href, after + data)


def _name_below(href: str, url: str) -> str | None:
    """The one name that a link adds to its page's address, None if it leads anywhere else."""
    try:
        there, here = urlsplit(urljoin(url, href)), urlsplit(url)
    except ValueError:
        return None
    below = there.path.startswith(here.path) and there[:2] == here[:2]
    name = unquote(there.path[len(here.path) :].removesuffix("/"))
    if not below or there.query or there.fragment or not name or "/" in name or name in (".", ".."):
        return None
    return name


def _quoted(name: str) -> str:
    return f"./{quote(name)}"  # a name with a colon is no scheme


def _sums(web: Web, base: str, entries: list[Entry]) -> dict[str, str]:
    """Path -> SHA-256 as the publisher lists them; empty (and said) if the server has no list."""
    listed = next((e for e in entries if e.name == SUMS), None)
    raw = b""
    if listed is not None:
        raw = _read_if_there(web, base + SUMS)
        if raw and len(raw) != listed.size:
            raise FetchError(
                f"{SUMS} has {len(raw)} bytes and the listing says {listed.size}",
                where=base + SUMS,
                fix="run the same command again; if it stays so, tell the publisher",
            )
    if not raw:
        log.warning("the server has no %s: files are checked by their listed size alone", SUMS)
    lines = (_SUM.match(line) for line in raw.decode("utf-8", "replace").splitlines())
    sums = {found[2].removeprefix("./"): found[1].lower() for found in lines if found}
    if raw and not sums:
        raise FetchError(
            f"{SUMS} holds no hashes",
            where=base + SUMS,
            fix="check --base-url; if it is right, tell the publisher",
        )
    return sums


def _read_if_there(web: Web, url: str) -> bytes:
    try:
        return web.read(url, _SUMS_BYTES)
    except Missing:
        return b""
