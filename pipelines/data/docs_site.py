"""How Data Docs are built: Great Expectations' own pages, their templates compiled once a process.

GX makes a Jinja environment of its own for each section of each site, and each compiles the same
templates again; that took two thirds of the time of building the pages.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from great_expectations.render.view import DefaultJinjaIndexPageView, DefaultJinjaPageView
from jinja2 import BytecodeCache
from jinja2.bccache import Bucket


class _Compiled(BytecodeCache):
    """Templates of this process: key -> checksum of the source, and its code."""

    def __init__(self) -> None:
        self._kept: dict[str, tuple[str, Any]] = {}

    def load_bytecode(self, bucket: Bucket) -> None:
        checksum, code = self._kept.get(bucket.key, (None, None))
        bucket.code = code if checksum == bucket.checksum else None

    def dump_bytecode(self, bucket: Bucket) -> None:
        self._kept[bucket.key] = (bucket.checksum, bucket.code)


_COMPILED = _Compiled()


class Page(DefaultJinjaPageView):
    """The page of one check."""

    def __init__(self, **directories: Any) -> None:
        super().__init__(**directories)
        self.env.bytecode_cache = _COMPILED


class IndexPage(DefaultJinjaIndexPageView):
    """The page that lists the others."""

    def __init__(self, **directories: Any) -> None:
        super().__init__(**directories)
        self.env.bytecode_cache = _COMPILED


def site_config(folder: Path) -> dict[str, Any]:
    """What GX is to build in a folder."""
    page = {"view": {"module_name": __name__, "class_name": Page.__name__}}
    index = {"module_name": __name__, "class_name": IndexPage.__name__}
    return {
        "class_name": "SiteBuilder",
        "show_how_to_buttons": False,
        "site_index_builder": {"class_name": "DefaultSiteIndexBuilder", "view": index},
        "site_section_builders": {"expectations": page, "validations": page, "profiling": page},
        "store_backend": {
            "class_name": "TupleFilesystemStoreBackend",
            "base_directory": str(folder.resolve()),
        },
    }


def leave_what_is_shown(site: Path) -> None:
    """Remove what no page names: GX copies 4 MB of fonts and animations into every site, half of a
    week's growth.
    """
    pages = _text(site.rglob("*.html"))
    static = {
        path.relative_to(site).as_posix(): path
        for path in (site / "static").rglob("*")
        if path.is_file()
    }
    styles = _text(path for name, path in static.items() if name in pages and path.suffix == ".css")
    for name, path in static.items():
        if name not in pages and path.name not in styles:
            path.unlink()


def _text(files: Iterable[Path]) -> str:
    return "".join(path.read_text(encoding="utf-8") for path in files)
