"""Five weekly runs in miniature, as old as is said: what retention is tried on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.retention_config import RetentionConfig
from pipelines.run.success import record_success
from pipelines.storage import read_json, shared, write_atomic, write_json
from support.planted_lineage import Planter, Store

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
SHORT = RetentionConfig(tables_weeks=2, runs_weeks=10, versions_weeks=40, at_least_runs=2)
# run -> weeks before NOW; promoted all but "refused", so that the last two are previous and
# champion
AGES = {"oldest": 60, "refused": 50, "older": 30, "before": 1, "newest": 0}


def age(home: Path, name: str, weeks: float) -> None:
    """As if everything below a folder had been written so many weeks before NOW."""
    stamp = (NOW - timedelta(weeks=weeks)).timestamp()
    path = home / name
    for one in (path, *(path.rglob("*") if path.is_dir() else ())):
        os.utime(one, (stamp, stamp))


def plant(home: Path) -> Store:
    """Five weekly runs of five drops; tables as validate leaves them."""
    planter = Planter(DeploymentPaths(home=home))
    drops = []
    for number, (run, weeks) in enumerate(AGES.items()):
        drops.append(planter.drop(f"2018-10-{10 + number}"))
        before = set(names(home))
        planter.run(
            run, f"2018-w{40 + number}", list(drops), "keep" if run == "refused" else "promote"
        )
        write_atomic(home / f"artifacts/runs/{run}/validation/tables/cases.parquet", run)
        name = planter.store.bundles[run]
        write_json(home / f"artifacts/bundles/{name}/bundle.json", {"meta": {}})
        shutil.rmtree(home / f"artifacts/bundles/{name}")
        for made in set(names(home)) - before:
            age(home, made, weeks)
        age(home, f"artifacts/versions/samples-{planter.store.datasets[run]}.dvc", weeks)
        age(home, f"artifacts/versions/features-{planter.store.features[run]}.dvc", weeks)
    record_success(
        DeploymentPaths(home=home), "newest", "2018-w44", planter.store.forecasts["newest"], NOW
    )
    return planter.store


def names(home: Path) -> Iterator[str]:
    """Things that runs made, as prune would name them."""
    for room in ("datasets", "features", "candidates", "forecasts", "reports", "runs"):
        folder = home / "artifacts" / room
        yield from (
            f"artifacts/{room}/{p.name}" for p in (folder.iterdir() if folder.is_dir() else ())
        )


def copied(planted: Store, home: Path) -> Store:
    """The same in another folder."""
    shutil.copytree(planted.paths.home, home)
    made = planted.datasets, planted.features, planted.bundles, planted.forecasts
    return Store(DeploymentPaths(home=home), *made)


def share(store: Store, monkeypatch: pytest.MonkeyPatch, uri: Path) -> None:
    """Hand over what the runs made, as their steps would have."""
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(uri))
    sharing = shared(store.paths)
    assert sharing is not None
    for name in names(store.paths.home):
        path = store.paths.home / name
        for record in path.glob("*.json") if "/runs/" in name else ():
            sharing.write_record(record.relative_to(store.paths.home).as_posix(), read_json(record))
        sharing.share(path / "validation" if "/runs/" in name else path)
