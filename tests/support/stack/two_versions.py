"""Run inside a container of the stack: a second version beside the champion, and a bad one.

Prints {"champion": version, "second": version, "bad": version, "forecast": folder} as JSON.
"""

from __future__ import annotations

import hashlib
import json
import sys
import tempfile
from dataclasses import replace
from pathlib import Path

import pandas as pd

from pipelines.config import DeploymentPaths, deployment_paths
from pipelines.contracts import CHAMPION
from pipelines.fusion.bundle import DESCRIPTION, GOLDEN, Bundle, load_bundle, write_bundle
from pipelines.fusion.bundle_files import bundle_id
from pipelines.inference.forecast import PARQUET
from pipelines.registry.lookup import fetch_bundle, lookup
from pipelines.registry.register import register_bundle
from pipelines.storage import sha256_file, write_json


def told_apart(bundle: Bundle, folder: Path) -> Path:
    """The same forecaster under another description, so that its id is another one."""
    meta = bundle.meta.model_copy(update={"lambda_reason": folder.name})
    return write_bundle(replace(bundle, meta=meta), folder)


def of_other_numbers(bundle: Bundle, folder: Path) -> Path:
    """Whole by its hashes, but it does not give what its golden rows say."""
    told_apart(bundle, folder)
    golden = json.loads((folder / GOLDEN).read_text(encoding="utf-8"))
    row = golden["rows"][0]
    row["probability"] = dict.fromkeys(row["probability"], 0.111)
    write_json(folder / GOLDEN, golden)
    described = json.loads((folder / DESCRIPTION).read_text(encoding="utf-8"))
    described["files"][GOLDEN] = sha256_file(folder / GOLDEN)
    write_json(folder / DESCRIPTION, described)
    return folder


def forecast_of(paths: DeploymentPaths, champion: str, other: str) -> str:
    """The champion's newest forecast once more, as another bundle's (GET /forecast)."""
    root = paths.artifacts / "forecasts"
    for path in sorted(root.glob(f"[!.]*/{PARQUET}"), reverse=True):
        table = pd.read_parquet(path)
        if (table["bundle_id"] == champion).all():
            week = path.parent.name[:8]
            made = root / f"{week}-{hashlib.sha256(other.encode()).hexdigest()[:16]}"
            made.mkdir(exist_ok=True)
            table.assign(bundle_id=other).to_parquet(made / PARQUET, index=False)
            return made.name
    sys.exit("the champion has made no forecast")


def main() -> None:
    paths = deployment_paths()
    champion = lookup(CHAMPION, paths)
    if champion is None:
        sys.exit("nobody is champion")
    with tempfile.TemporaryDirectory() as scratch:
        bundle = load_bundle(fetch_bundle(champion.version, Path(scratch), paths))
        second = told_apart(bundle, Path(scratch) / "a second version of the test of traffic")
        bad = of_other_numbers(bundle, Path(scratch) / "a bad version of the test of traffic")
        found = {
            "champion": champion.version,
            "second": register_bundle(second, "traffic", paths=paths),
            "bad": register_bundle(bad, "traffic", paths=paths),
            "forecast": forecast_of(paths, champion.bundle_id, bundle_id(second)),
        }
    sys.stdout.write(json.dumps(found) + "\n")


if __name__ == "__main__":
    main()
