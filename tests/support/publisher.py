"""A publisher's server on loopback: pages, files of invented bytes, and whatever can go wrong."""

from __future__ import annotations

import hashlib
import re
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import Message
from functools import lru_cache
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from pipelines.fetch import Fetched, fetch
from pipelines.fetch.web import Patience

_LINK = re.compile(r'<a href="([^"/]+)">.*</a>\s+\S+ \S+\s+(\d+)')


@lru_cache(maxsize=64)
def invented(path: str, size: int) -> bytes:
    """Bytes that are the same whenever they are asked for."""
    return hashlib.shake_128(path.encode()).digest(size)


@dataclass
class Asked:
    path: str
    headers: Message


@dataclass
class Site:
    """What is served under a path, how it fails first, and what was asked.

    Attributes:
        bodies: path -> content of pages and small files.
        sizes: path -> size of files whose bytes are invented.
        faults: path -> what goes wrong, one a request: ("status", 503, {headers}), ("cut", bytes),
            ("hang", seconds), ("drip", seconds a kB),
            ("stall", bytes): it sends so many and falls silent, ("ignore range",), ("ignore
            if-range",), ("other",) for other bytes, ("shift", bytes): another part of the file.
        version: stands in every ETag.
        sent: bytes of bodies that went out.
    """

    bodies: dict[str, bytes] = field(default_factory=dict)
    sizes: dict[str, int] = field(default_factory=dict)
    faults: dict[str, list[tuple]] = field(default_factory=dict)
    asked: list[Asked] = field(default_factory=list)
    version: str = "1"
    url: str = ""
    sent: int = 0

    def folder(self, path: str, page: bytes) -> None:
        """Serve a page, and invent the files that it links, each of its listed size."""
        self.bodies[path] = page
        for name, size in _LINK.findall(page.decode()):
            self.sizes.setdefault(path + name, int(size))

    def body(self, path: str) -> bytes | None:
        if path in self.bodies:
            return self.bodies[path]
        return invented(path + self.version, self.sizes[path]) if path in self.sizes else None

    def times(self, path: str) -> int:
        return sum(a.path == path for a in self.asked)

    def ranges(self, path: str) -> list[str | None]:
        return [a.headers["Range"] for a in self.asked if a.path == path]

    def sums(self, *paths: str) -> bytes:
        """SHA256SUMS.txt of these files, by their path below the site's root."""
        return "".join(
            f"{hashlib.sha256(self.body('/' + p) or b'').hexdigest()} {p}\n" for p in paths
        ).encode()


def page(name: str, entries: dict[str, int | None], end: str = "\r\n", more: str = "") -> bytes:
    """A folder's page as PhysioNet's server writes it."""
    lines = [f'<h1>Index of /static/{name}</h1><hr><pre><a href="../">../</a>']
    for entry, size in entries.items():
        link = entry if size is not None else f"{entry}/"
        lines.append(
            f'<a href="{link}">{link}</a>{" " * 20}05-May-2022 '
            f"01:39{'-' if size is None else size:>20}"
        )
    return end.join(
        ["<html>", "<body>", *lines, *([more] if more else []), "</pre><hr></body>", "</html>", ""]
    ).encode()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True  # else each answer waits 40 ms for an acknowledgement
    site: Site

    def log_message(self, *_: object) -> None:
        pass

    def do_GET(self) -> None:
        site, path = self.site, self.path
        site.asked.append(Asked(path, self.headers))
        waiting = site.faults.get(path) or [("none",)]
        fault = waiting.pop(0)
        if fault[0] == "hang":
            time.sleep(fault[1])
        body = site.body(path)
        if fault[0] == "status":
            self._send(fault[1], b"", fault[2] if len(fault) > 2 else {})
        elif body is None:
            self._send(404, b"not here", {})
        else:
            self._file(bytes(len(body)) if fault[0] == "other" else body, fault)

    def _file(self, body: bytes, fault: tuple) -> None:
        etag = f'"{self.site.version}-{len(body)}"'
        asked = re.match(r"bytes=(\d+)-(\d*)$", self.headers["Range"] or "")
        start = int(asked[1]) if asked else 0
        stop = min(int(asked[2]) + 1, len(body)) if asked and asked[2] else len(body)
        if fault[0] == "ignore if-range":
            pass
        elif fault[0] == "ignore range" or self.headers["If-Range"] not in (None, etag):
            start, stop, asked = 0, len(body), None
        if start and start >= len(body):
            self._send(416, b"", {"Content-Range": f"bytes */{len(body)}"})
            return
        if fault[0] == "shift":
            start, stop = start + fault[1], stop + fault[1]
        part = bool(start or (asked and asked[2]))
        ranged = {"Content-Range": f"bytes {start}-{stop - 1}/{len(body)}"} if part else {}
        self._send(206 if part else 200, body[start:stop], {"ETag": etag, **ranged}, fault)

    def _send(
        self, status: int, body: bytes, headers: dict[str, str], fault: tuple = ("",)
    ) -> None:
        self.send_response(status)
        for name, value in {"Content-Length": str(len(body)), **headers}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            if fault[0] == "drip":
                for at in range(0, len(body), 1000):
                    self.wfile.write(body[at : at + 1000])
                    time.sleep(fault[1])
            else:
                part = body[: fault[1]] if fault[0] in ("cut", "stall") else body
                self.site.sent += len(part)  # before the client can have it
                self.wfile.write(part)
                if fault[0] == "stall":
                    time.sleep(60)
        except (BrokenPipeError, ConnectionResetError):
            self.close_connection = True
        if fault[0] in ("cut", "stall"):
            self.close_connection = True


@contextmanager
def serving(site: Site) -> Iterator[Site]:
    handler = type("Handler", (_Handler,), {"site": site})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    site.url = f"http://127.0.0.1:{server.server_port}/"
    try:
        yield site
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


HURRIED = Patience(connect_s=2, silence_s=0.5, pauses_s=(0.01,) * 3)
ROOT = "/satellitebench/1.0.0/"
SCENES = f"{ROOT}10_municipalities/images/8001/"
FIRST = SCENES + "image_2016-01-03.tiff"
SIZES = {
    "image_2016-01-03.tiff": 9_702,
    "image_2016-01-10.tiff": 9_638,
    "image_2016-01-17.tiff": 9_765,
}
LICENSE = b"Attribution. You may use these data if you say where they come from.\n"


def publish(site: Site, sums: bool = True) -> None:
    """Put the pages, the licence and (as the publisher does) the list of hashes on the site."""
    scenes = {p.removeprefix(ROOT): n for p, n in site.sizes.items() if p.startswith(ROOT)}
    listed = site.sums(*(f"{ROOT.strip('/')}/{p}" for p in [*scenes, "LICENSE.txt"]))
    site.bodies[f"{ROOT}SHA256SUMS.txt"] = listed.replace(ROOT.strip("/").encode() + b"/", b"")
    files = {"LICENSE.txt": len(LICENSE)} | (
        {"SHA256SUMS.txt": len(site.bodies[f"{ROOT}SHA256SUMS.txt"])} if sums else {}
    )
    site.bodies[ROOT] = page("1.0.0/", {"10_municipalities": None, **files})


class Fetcher:
    """Fetches from the site into one folder, as often as a test asks."""

    def __init__(self, site: Site, to: Path) -> None:
        self.site, self.to = site, to

    def __call__(
        self,
        only: tuple[str, ...] = (),
        accept: bool = True,
        patience: Patience = HURRIED,
        name: str = "satellitebench",
    ) -> Fetched:
        return fetch(
            name, self.to, only, self.site.url + ROOT.lstrip("/"), accept, patience=patience
        )

    def here(self, path: str) -> bytes | None:
        file = self.to / path.removeprefix(ROOT)
        return file.read_bytes() if file.is_file() else None
