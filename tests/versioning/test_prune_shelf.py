"""Which versions for analysts stay under `denguard prune`, on records alone: no process of DVC is
started.
"""

from __future__ import annotations

import hashlib
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

import pytest

from pipelines.config import DeploymentPaths
from pipelines.lineage.graph import Graph, key_of
from pipelines.ops.prune.retained import Retained
from pipelines.ops.prune.version_removal import delete_versions
from pipelines.ops.prune.versions import of_remote
from pipelines.retention_config import RetentionConfig
from pipelines.storage import write_atomic, write_json
from pipelines.versioning import repository
from pipelines.versioning.catalogue import INDEX, index_bytes
from pipelines.versioning.entry import Version

NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
FEATURES, BUNDLE, FORECAST, REPORT = (
    "features-f",
    "bundle-b",
    "forecasts-2018-w01-a",
    "report-first",
)
PARENTS = {FEATURES: (), BUNDLE: (FEATURES,), FORECAST: (BUNDLE,), REPORT: (FORECAST,)}


def md5(text: str) -> str:
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def version(name: str, parents: tuple[str, ...] = ()) -> Version:
    """One of years ago."""
    kind, _, rest = name.partition("-")
    return Version.model_validate(
        {
            "id": name,
            "kind": kind,
            "version": rest,
            "run_id": "first",
            "parents": parents,
            "files": 1,
            "bytes": 1,
            "md5": f"{md5(name)}.dir",
            "published_at": "2018-01-10T00:00:00+00:00",
        }
    )


def listed(paths: DeploymentPaths, versions: list[Version]) -> None:
    entries = {one.id: one.model_dump(mode="json") for one in versions}
    write_json(repository(paths) / "index.json", {"versions": entries})


def publish(paths: DeploymentPaths, name: str, *files: str) -> None:
    """What DVC keeps of a version on the remote: its files, and the list of them."""
    root = paths.artifacts / "remote" / "files" / "md5"
    kept = {md5(text): text for text in files}
    kept[f"{md5(name)}.dir"] = json.dumps([{"md5": md5(text), "relpath": text} for text in files])
    for key, text in kept.items():
        write_atomic(root / key[:2] / key[2:], text)


def holds(paths: DeploymentPaths, *files: str) -> set[str]:
    root = paths.artifacts / "remote" / "files" / "md5"
    return {text for text in files if (root / md5(text)[:2] / md5(text)[2:]).is_file()}


def retained(forecasts: int | Literal["keep"] = "keep", **changes: Any) -> Retained:
    nothing: frozenset[str] = frozenset()
    own = {"needed": nothing, "shown": nothing, "ages": {}, "young": nothing, "versions": nothing}
    return Retained(Graph(), NOW, RetentionConfig(forecasts=forecasts), **{**own, **changes})


def going(paths: DeploymentPaths, by: Retained) -> set[str]:
    return {one.name for one in of_remote(paths, by)}


@pytest.fixture
def paths(home: Path, monkeypatch: pytest.MonkeyPatch) -> DeploymentPaths:
    """A home that published a forecast with its report years ago, and all that they were
    made from."""
    monkeypatch.delenv("DENGUARD_DVC_REMOTE", raising=False)
    paths = DeploymentPaths(home=home)
    mine = [version(name, parents) for name, parents in PARENTS.items()]
    listed(paths, mine)
    others(paths, *mine)
    return paths


def others(paths: DeploymentPaths, *versions: Version) -> None:
    """What the remote lists."""
    raw = index_bytes({one.id: one for one in versions})
    write_atomic(paths.artifacts / "remote" / INDEX, raw)


def test_a_published_forecast_and_its_report_outlive_what_they_were_made_from(
    paths: DeploymentPaths,
) -> None:
    assert going(paths, retained()) == {FEATURES, BUNDLE}


@pytest.mark.parametrize("shown", [FORECAST, REPORT])
def test_with_a_retention_of_forecasts_those_stay_that_are_still_shown(
    paths: DeploymentPaths, shown: str
) -> None:
    key = key_of("report", "first") if shown == REPORT else key_of("forecast", "2018-w01-a")
    assert going(paths, retained(520, shown=frozenset({key}))) == set(PARENTS) - {shown}
    assert going(paths, retained(520)) == set(PARENTS)


def test_what_others_on_the_remote_were_made_from_stays(paths: DeploymentPaths) -> None:
    others(paths, version("features-theirs", (FEATURES,)), version("bundle-theirs"))
    assert going(paths, retained()) == {BUNDLE}


def test_what_another_line_of_the_deployment_uses_stays(paths: DeploymentPaths) -> None:
    line = DeploymentPaths(home=paths.home / "lines" / "city", root=paths.home)
    listed(line, [version(BUNDLE, (FEATURES,))])
    assert going(paths, retained()) == set()


def test_files_that_versions_of_others_hold_stay_on_the_remote(paths: DeploymentPaths) -> None:
    theirs = version("features-theirs")
    others(paths, version(BUNDLE, (FEATURES,)), theirs)
    publish(paths, BUNDLE, "of both", "of the bundle alone")
    publish(paths, theirs.id, "of both", "of theirs")
    for name in (FEATURES, FORECAST, REPORT):
        publish(paths, name, name)
    delete_versions(paths, [BUNDLE])
    assert holds(paths, "of both", "of the bundle alone", "of theirs") == {"of both", "of theirs"}
