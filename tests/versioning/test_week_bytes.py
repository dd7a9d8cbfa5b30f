"""What a new week sends: bytes in proportion to what is new, and no file is hashed twice."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest
from support.municipal import municipal_tables

from pipelines.config import DeploymentPaths, deployment_paths, load_profile
from pipelines.data.samples import build_dataset
from pipelines.data.sources.sample import package_table
from pipelines.data.tables import Tables
from pipelines.features.build import build_features
from pipelines.features.publication import embedding_files
from pipelines.storage import manifest_of, shared
from pipelines.versioning import Draft, add_versions
from pipelines.weeks import CDC

UNITS = 45
MOST = 0.13  # of the first week's bytes: of six years of rows the newest is a new file


@pytest.fixture(scope="module")
def known() -> Tables:
    """The real counts and climate of 45 municipalities."""
    tables = municipal_tables(package_table())
    units = set(tables.units["unit_id"].head(UNITS))
    own = {
        name: frame[frame["unit_id"].isin(units)].reset_index(drop=True)
        for name in ("cases", "climate", "units")
        for frame in (getattr(tables, name),)
    }
    return replace(tables, **own)


@pytest.fixture
def stores(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> tuple[Path, Path]:
    """The versions' remote and the shared store."""
    monkeypatch.setenv("DENGUARD_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(tmp_path / "remote"))
    monkeypatch.setenv("DENGUARD_ARTIFACTS_URI", str(tmp_path / "store"))
    return tmp_path / "remote", tmp_path / "store"


def publish_week(known: Tables, week: str) -> None:
    """A dataset and features of all counts up to a week, as steps hand them on."""
    paths, last = deployment_paths(), CDC.week_no(week)
    cases = known.cases[known.cases["week_no"] <= last].copy()
    cases.loc[cases["week_no"] == last, "received_date"] = date(2019, 1, 9)
    profile = load_profile("ci", embed=None)
    root = paths.artifacts / "datasets"
    dataset = build_dataset(replace(known, cases=cases), profile, None, [], root)
    features = build_features(dataset, profile, paths)
    name, vectors = embedding_files(features)
    drafts = [
        Draft("samples", dataset.name, _files(dataset), week, "run", link=True),
        Draft("embeddings", name, vectors, week, "run", link=True),
        Draft("features", features.name, _files(features), week, "run", link=True),
    ]
    add_versions(paths, drafts)
    for folder in (dataset, features):
        _share(paths, folder)


def _share(paths: DeploymentPaths, folder: Path) -> None:
    store = shared(paths)
    assert store is not None
    store.share(folder)


def _files(folder: Path) -> dict[str, Path | bytes]:
    return {p.relative_to(folder).as_posix(): p for p in folder.rglob("*") if p.is_file()}


def _sizes(store: Path, objects: str) -> dict[Path, int]:
    return {p: p.stat().st_size for p in (store / objects).rglob("*") if p.is_file()}


@pytest.mark.timeout(120)
def test_a_new_week_sends_the_newest_year_and_no_other(
    known: Tables, stores: tuple[Path, Path]
) -> None:
    where = [(stores[0], "files"), (stores[1], "objects")]
    publish_week(known, "2018-w47")
    before = [_sizes(*one) for one in where]
    publish_week(known, "2018-w48")
    for old, one in zip(before, where, strict=True):
        new = {path: size for path, size in _sizes(*one).items() if path not in old}
        share = sum(new.values()) / sum(old.values())
        assert 0 < share <= MOST, f"{one[0].name}: {share:.3f}"


def report(name: str, **files: Path | bytes) -> Draft:
    return Draft("report", name, files, "2018-w48", "run", link=True)


def _spoil(path: Path) -> None:
    """Change bytes as a bad disk does: nothing tells but reading them."""
    stat = path.stat()
    path.chmod(0o644)
    path.write_bytes(b"x" * stat.st_size)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    path = tmp_path / "shard"
    path.write_bytes(b"vectors")
    return path


def test_a_file_that_an_earlier_version_held_is_not_read_again(
    stores: tuple[Path, Path], shard: Path
) -> None:
    first = add_versions(deployment_paths(), [report("first", shard=shard)])[0]
    _spoil(shard)
    second = add_versions(deployment_paths(), [report("second", shard=shard, page=b"new")])[0]
    objects = manifest_of(stores[0] / "files")
    assert len(objects) == 4  # two lists of files, the shard once, the page
    assert first.content_id != second.content_id
    held = [p.read_bytes() for p in (stores[0] / "files").rglob("*") if p.is_file()]
    assert b"vectors" in held
    assert b"x" * 7 not in held


def test_a_remote_that_is_new_gets_bytes_that_were_read_for_it(
    stores: tuple[Path, Path], shard: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_versions(deployment_paths(), [report("first", shard=shard)])
    _spoil(shard)
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(tmp_path / "another"))
    add_versions(deployment_paths(), [report("second", shard=shard)])
    listed = manifest_of(deployment_paths().artifacts / "versions" / "report-second")
    told = (tmp_path / "another" / "versions" / "report-second.json").read_text(encoding="utf-8")
    assert listed["shard"] in told
