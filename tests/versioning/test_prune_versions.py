"""Versions for analysts under `denguard prune`: what stays can be pulled whole, what goes leaves
nothing.
"""

from __future__ import annotations

import json
import os
import shutil
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from support.planted_versions import Planted, plant_run

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError, VersioningError
from pipelines.ops.prune.pins import pin
from pipelines.ops.prune.plan import plan
from pipelines.ops.prune.removal import prune
from pipelines.registry.tracking import prepare
from pipelines.retention_config import RetentionConfig
from pipelines.storage import manifest_of, read_json, write_json
from pipelines.storage.remote import Folder
from pipelines.versioning import read_index
from pipelines.versioning.catalogue import read_catalogue
from pipelines.versioning.pull import pull_version
from pipelines.versioning.source import Source

pytestmark = pytest.mark.slow  # four processes of DVC
SHORT = RetentionConfig(tables_weeks=2, runs_weeks=10, versions_weeks=40, at_least_runs=2)
NOW = datetime(2026, 11, 23, 7, 0, tzinfo=UTC)
STAYS_OF_FIRST = {"forecasts", "report"}


@pytest.fixture(scope="module")
def aged(planted: Planted, tmp_path_factory: pytest.TempPathFactory) -> Planted:
    """The planted deployment after a year in which its newest two bulletins were made."""
    home = Path(shutil.copytree(planted.home, tmp_path_factory.mktemp("aged") / "home"))
    prepare(DeploymentPaths(home=home))
    for about in (home / "artifacts" / "datasets").glob("*/dataset.json"):
        write_json(about, {**read_json(about), "drops": []})
    shutil.rmtree(home / "artifacts" / "candidates")  # no bundles that anything could load
    for path in home.rglob("*"):
        os.utime(path, (NOW.timestamp(), NOW.timestamp()))
    old = (NOW - timedelta(weeks=60)).timestamp()
    first = {
        name
        for name, one in read_index(DeploymentPaths(home=home)).items()
        if one["run_id"] == "first"
    }
    rooms = [
        home / "artifacts" / "runs" / "first",
        *(home / "artifacts" / "versions" / f"{name}.dvc" for name in first),
    ]
    for path in (p for root in rooms for p in (root, *root.rglob("*"))):
        os.utime(path, (old, old))
    return Planted(home, str(home / "remote"), planted.originals)


@pytest.fixture
def deployment(aged: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Planted:
    """A copy that a test may prune."""
    home = Path(shutil.copytree(aged.home, tmp_path / "home"))
    monkeypatch.setenv("DENGUARD_HOME", str(home))
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(home / "remote"))
    monkeypatch.delenv("DENGUARD_ARTIFACTS_URI", raising=False)
    monkeypatch.delenv("MLFLOW_TRACKING_URI", raising=False)
    return Planted(home, str(home / "remote"), dict(aged.originals))


def ids(deployment: Planted) -> dict[str, set[str]]:
    """Run -> ids of the versions that it made first."""
    found: dict[str, set[str]] = {}
    for name, one in read_index(DeploymentPaths(home=deployment.home)).items():
        found.setdefault(one["run_id"], set()).add(name)
    return found


def objects(root: Path) -> set[str]:
    return {p.parent.name + p.name for p in (root / "files" / "md5").rglob("*") if p.is_file()}


def wanted_objects(deployment: Planted) -> set[str]:
    """What the index lists, by DVC's own lists."""
    found: set[str] = set()
    for one in read_index(DeploymentPaths(home=deployment.home)).values():
        md5 = one["md5"]
        listed = json.loads(
            (Path(deployment.remote) / "files" / "md5" / md5[:2] / md5[2:]).read_text()
        )
        found |= {md5, *(file["md5"] for file in listed)}
    return found


def test_what_stays_is_pulled_whole_and_of_what_goes_nothing_is_left(
    deployment: Planted, tmp_path: Path
) -> None:
    made = ids(deployment)
    gone = {name for name in made["first"] if name.partition("-")[0] not in STAYS_OF_FIRST}
    before = objects(Path(deployment.remote))
    prune(DeploymentPaths(home=deployment.home), SHORT, NOW)
    source = Source(deployment.remote)
    left = read_catalogue(source)
    assert (
        set(left)
        == set(read_index(DeploymentPaths(home=deployment.home)))
        == set().union(*made.values()) - gone
    )
    for name, version in left.items():
        pulled = pull_version(source, version, tmp_path / "pulled")
        run = version.run_id or ""
        assert manifest_of(pulled) == deployment.originals[run][version.kind], name
    assert objects(Path(deployment.remote)) == wanted_objects(deployment) < before
    cache = deployment.home / "artifacts" / "versions" / ".dvc" / "cache"
    assert objects(cache) == wanted_objects(deployment)
    repo = deployment.home / "artifacts" / "versions"
    assert not any((repo / name).exists() or (repo / f"{name}.dvc").exists() for name in gone)
    assert not any(
        (Path(deployment.remote) / "versions" / f"{name}.json").exists() for name in gone
    )


def test_a_pinned_version_stays_with_what_it_was_made_from(deployment: Planted) -> None:
    paths = DeploymentPaths(home=deployment.home)
    (vectors,) = (name for name in ids(deployment)["first"] if name.startswith("embeddings-"))
    pin(paths, vectors, "Ana", "a paper cites it")
    going = {one.name for one in plan(paths, SHORT, NOW).items if one.room == "versions"}
    assert {name.partition("-")[0] for name in going} == {"features", "bundle"}


@pytest.mark.parametrize("deletions", [0, 3, 11, 14])
def test_a_call_that_is_cut_off_anywhere_is_finished_by_the_next(
    deployment: Planted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deletions: int
) -> None:
    paths, left, delete = DeploymentPaths(home=deployment.home), [deletions], Folder.delete

    def refuse(self: Folder, key: str) -> None:
        left[0] -= 1
        if left[0] < 0:
            raise StoreError("the share is gone")
        delete(self, key)

    monkeypatch.setattr(Folder, "delete", refuse)
    with pytest.raises(StoreError, match="the share is gone"):
        prune(paths, SHORT, NOW)
    monkeypatch.setattr(Folder, "delete", delete)
    source = Source(deployment.remote)
    for version in read_catalogue(source).values():
        pull_version(source, version, tmp_path / "between")  # what is listed is whole
    prune(paths, SHORT, NOW)
    assert objects(Path(deployment.remote)) == wanted_objects(deployment)
    assert not (paths.artifacts / "prune" / "versions.json").exists()


def test_what_others_publish_on_the_remote_is_not_touched(deployment: Planted) -> None:
    """A version that the remote lists and this home does not know, and what it was made from."""
    paths, repo = DeploymentPaths(home=deployment.home), deployment.home / "artifacts" / "versions"
    made = ids(deployment)["first"]
    (foreign,) = (name for name in made if name.startswith("features-"))
    index = read_index(paths)
    write_json(repo / "index.json", {"versions": {n: e for n, e in index.items() if n != foreign}})
    going = {one.name for one in plan(paths, SHORT, NOW).items if one.room == "versions"}
    assert {name.partition("-")[0] for name in going} == {"bundle"}


def test_a_lost_index_hides_nothing_that_others_published(deployment: Planted) -> None:
    paths, repo = DeploymentPaths(home=deployment.home), deployment.home / "artifacts" / "versions"
    index = read_index(paths)
    (foreign,) = (name for name in ids(deployment)["first"] if name.startswith("features-"))
    write_json(repo / "index.json", {"versions": {n: e for n, e in index.items() if n != foreign}})
    (Path(deployment.remote) / "versions" / "index.json").write_text("{")
    going = {one.name for one in plan(paths, SHORT, NOW).items if one.room == "versions"}
    assert {name.partition("-")[0] for name in going} == {"bundle"}
    for ending in ("json", "dvc"):
        (Path(deployment.remote) / "versions" / f"{foreign}.{ending}").write_text("{")
    with pytest.raises(VersioningError, match="is damaged, so it cannot be known"):
        plan(paths, SHORT, NOW)


def test_without_the_list_of_a_kept_version_no_file_goes(deployment: Planted) -> None:
    paths = DeploymentPaths(home=deployment.home)
    (kept,) = (
        e for e in read_index(paths).values() if e["kind"] == "features" and e["run_id"] == "third"
    )
    for root in (Path(deployment.remote), paths.artifacts / "versions" / ".dvc" / "cache"):
        (root / "files" / "md5" / kept["md5"][:2] / kept["md5"][2:]).unlink()
    before = objects(Path(deployment.remote))
    with pytest.raises(VersioningError, match="cannot be known which files nothing needs"):
        prune(paths, SHORT, NOW)
    assert objects(Path(deployment.remote)) == before


def test_a_version_that_is_made_again_after_it_was_pruned_is_whole(
    deployment: Planted, tmp_path: Path
) -> None:
    """DVC must see that it is not there any more."""
    prune(DeploymentPaths(home=deployment.home), SHORT, NOW)
    again = Planted(deployment.home, deployment.remote)
    plant_run(again, "first", 1)
    source = Source(deployment.remote)
    left = read_catalogue(source)
    of_first = [version for version in left.values() if version.run_id == "first"]
    assert {version.kind for version in of_first} >= {"data", "samples", "embeddings", "features"}
    for version in of_first:
        assert (
            manifest_of(pull_version(source, version, tmp_path / "again"))
            == again.originals["first"][version.kind]
        )
