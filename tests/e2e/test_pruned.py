"""A real deployment is pruned of an old week, and the next run works with what is left."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.homes import Home
from support.tabular import FIRST, next_week, run_tabular

from pipelines.config import DeploymentPaths
from pipelines.lineage import trace
from pipelines.ops.prune.removal import prune
from pipelines.registry.audit import audit_file
from pipelines.registry.lookup import connect
from pipelines.retention_config import RetentionConfig
from pipelines.versioning import remote_uri
from pipelines.versioning.catalogue import read_catalogue
from pipelines.versioning.pull import pull_version
from pipelines.versioning.source import Source

pytestmark = [pytest.mark.e2e, pytest.mark.slow]
SHORT = RetentionConfig(tables_weeks=1, runs_weeks=10, versions_weeks=20, at_least_runs=2)


def test_a_deployment_goes_on_after_it_was_pruned(
    copied_tabular: Callable[[], Home], tmp_path: Path
) -> None:
    home = copied_tabular()
    paths, old = (
        DeploymentPaths(home=home.path),
        (datetime.now(UTC) - timedelta(weeks=60)).timestamp(),
    )
    for path in (home.path / "artifacts").rglob("*"):
        os.utime(path, (old, old), follow_symlinks=False)
    with sqlite3.connect(home.path / "artifacts" / "mlflow" / "mlflow.db") as database:
        database.execute("update runs set start_time = ?", (int(old * 1000),))
    next_week(home, {})
    run_tabular(home, "second")
    run_tabular(home, "third")
    connect(paths).delete_registered_model_alias("denguard", "previous")
    audit_file(paths).unlink()  # as if champions had changed often since
    prune(paths, SHORT, datetime.now(UTC))
    found = trace(FIRST, paths)
    assert found.broken == ()
    gone = {node.kind for node in found.nodes() if "pruned" in node.facts}
    assert gone >= {"validation", "dataset", "features", "bundle", "model_version"}
    for what in ("champion", "second", "third"):
        assert trace(what, paths, "up", by_content=True).broken == ()
    source = Source(remote_uri(paths))
    left = read_catalogue(source)
    of_first = {version.kind for version in left.values() if version.run_id == FIRST}
    assert of_first.isdisjoint({"features", "bundle"})
    assert of_first >= {"forecasts", "report"}
    for version in left.values():
        pull_version(source, version, tmp_path / "pulled")
    run_tabular(home, "fourth")
    assert trace("fourth", paths, "up", by_content=True).broken == ()
