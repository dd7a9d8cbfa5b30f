#!/usr/bin/env bash
# rasterio.open(path, opener=...) lets a program read a raster through code of its own (a range reader that
# counts bytes, say). Before it asks the opener for the raster, it asks it for a file named "test", opened
# with mode="r" or the like, and closes what it gets. An opener that has its one file object ready and
# hands it out, as a caller with one cloud-optimised file would write it, finds it closed before the
# first byte is read; one that looks the name up among its own asks a server for a file that is not there.
#
# Seen with rasterio 1.4.4 (its wheel's GDAL 3.10.3), November 2026:
#   asked for: ['test', 'scene.tif', 'scene.tab', ...]; a shared file object: closed -> RasterioIOError,
#   after an "Exception ignored in rasterio._env.log_error" whose SystemError names another place
# Exits 1 if the first call is for the raster.
set -euo pipefail
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --disable-pip-version-check rasterio==1.4.4 numpy==2.4.6
"$work/venv/bin/python" -W ignore - "$work/scene.tif" <<'PY'
import io
import sys
from pathlib import Path

import numpy as np
import rasterio
from rasterio.errors import RasterioIOError

path = sys.argv[1]
with rasterio.open(path, "w", driver="GTiff", width=8, height=8, count=1, dtype="uint16") as out:
    out.write(np.arange(64, dtype=np.uint16).reshape(1, 8, 8))
raw = Path(path).read_bytes()

asked = []


def anew(name, mode="rb", **_):
    asked.append(name)
    return io.BytesIO(raw)


with rasterio.open("/scene.tif", opener=anew) as scene:
    total = int(scene.read().sum())
print("asked for:", [Path(name).name for name in asked][:4], "sum", total)

shared = io.BytesIO(raw)


def ready(name, mode="rb", **_):
    return shared


try:
    with rasterio.open("/other.tif", opener=ready) as scene:
        scene.read()
    outcome = "opened"
except (RasterioIOError, ValueError) as err:
    outcome = type(err).__name__
print("a shared file object:", "closed" if shared.closed else "open", "->", outcome)
wrong = Path(asked[0]).name == "test" and total == 2016
sys.exit(0 if wrong else "the opener is asked for the raster first now")
PY
