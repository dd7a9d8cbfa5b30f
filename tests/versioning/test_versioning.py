"""Publishing versions: real DVC in folders of the test and on an S3-speaking server."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from functools import partial
from pathlib import Path

import pytest
from support.apart import as_loaded
from support.planted_versions import UNITS, WEEKS, Planted, plant, plant_run
from support.registries import closed_port
from support.s3 import Bucket

from pipelines.client import KINDS, Client
from pipelines.config import deployment_paths
from pipelines.errors import VersioningError
from pipelines.storage import manifest_of
from pipelines.versioning import Draft, add_versions, read_index, remote_uri
from pipelines.versioning.publish import rebuild_index
from pipelines.versioning.repository import add_and_push


def draft(name: str, **files: str) -> Draft:
    raw: dict[str, Path | bytes] = {f: text.encode() for f, text in files.items()}
    return Draft("report", name, raw, "2018-w48", "run")


def pull_with_plain_dvc(remote: str, version_id: str, sidecar: bytes, to: Path) -> Path:
    """What someone does who has DVC, the address and one small file."""
    to.mkdir()
    (to / f"{version_id}.dvc").write_bytes(sidecar)
    quiet = {**os.environ, "DVC_NO_ANALYTICS": "true", "DVC_SITE_CACHE_DIR": str(to / "site")}
    for command in (
        ["init", "--no-scm", "-q"],
        ["remote", "add", "-d", "r", remote],
        ["pull", "-q", f"{version_id}.dvc"],
    ):
        subprocess.run(
            [sys.executable, "-m", "dvc", *command], cwd=to, env=quiet, check=True, timeout=120
        )
    return to / version_id


def test_a_version_can_be_pulled_with_plain_dvc_by_someone_who_has_only_the_remote(
    planted: Planted, tmp_path: Path
) -> None:
    version = Client(planted.remote).find("features", "first")
    sidecar = (Path(planted.remote) / "versions" / f"{version.id}.dvc").read_bytes()
    folder = pull_with_plain_dvc(planted.remote, version.id, sidecar, tmp_path / "analyst")
    assert manifest_of(folder) == planted.originals["first"]["features"]


def test_every_kind_is_published_and_says_what_it_was_made_from(planted: Planted) -> None:
    listed = Client(planted.remote).list()
    assert {v.kind for v in listed} == set(KINDS)
    assert {v.as_of_week for v in listed} == set(WEEKS.values())
    ids = {v.id for v in listed}
    assert all(parent in ids for v in listed for parent in v.parents)
    assert [v.id for v in listed if not v.parents and v.kind != "data"] == []


def test_publishing_again_changes_nothing(
    planted: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_HOME", str(planted.home))
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", planted.remote)
    before = manifest_of(Path(planted.remote))
    same = draft("same", a="1")
    first = add_versions(deployment_paths(), [same])
    after = manifest_of(Path(planted.remote))
    assert add_versions(deployment_paths(), [same]) == first
    assert manifest_of(Path(planted.remote)) == after
    assert before.keys() < after.keys()
    shared = {n for n in before if n != "versions/index.json"}
    assert all(before[n] == after[n] for n in shared)
    _forget(planted, first[0].id)


def _forget(planted: Planted, version_id: str) -> None:
    """Leave the shared remote as it was for the other tests."""
    for path in (Path(planted.remote) / "versions").glob(f"{version_id}.*"):
        path.unlink()
    (Path(planted.remote) / "versions" / "index.json").unlink()
    rebuild_index(planted.remote)


def test_the_first_publication_of_a_name_stays_for_good(home: Path, tmp_path: Path) -> None:
    first = add_versions(deployment_paths(), [draft("name", a="1")])[0]
    shutil.rmtree(
        deployment_paths().artifacts / "versions"
    )  # another machine, which knows nothing of it
    assert add_versions(deployment_paths(), [draft("name", a="2")])[0] == first
    folder = Client(remote_uri(deployment_paths())).pull("report", "name", tmp_path / "to")
    assert (folder / "a").read_text() == "1"
    assert read_index(deployment_paths()).keys() == {"report-name"}
    assert (deployment_paths().artifacts / "versions" / "report-name.dvc").is_file()


def _added(home: Path, names: Sequence[str]) -> dict[str, str]:
    add_and_push(_repository_of(home, names), str(home / "remote"), names)
    return {
        name: sha
        for name, sha in manifest_of(home).items()
        if not name.startswith(("repo/.dvc/site", "repo/.dvc/tmp"))
        and name not in ("repo/.dvc/config", "repo/.dvc/denguard.json")  # they name the folder
    }


def _repository_of(home: Path, names: Sequence[str]) -> Path:
    for name in names:
        (home / "repo" / name).mkdir(parents=True)
        (home / "repo" / name / "a").write_text(f"content of {name}")
    return home / "repo"


def test_a_forked_dvc_leaves_the_same_files_as_one_that_is_started(tmp_path: Path) -> None:
    names = ("report-one", "report-two")
    started = _added(tmp_path / "started", names)
    assert as_loaded(partial(_added, tmp_path / "forked", names)) == started
    assert len([name for name in started if name.startswith("remote/files/md5/")]) == 4


@pytest.mark.parametrize("forked", [True, False])
def test_what_dvc_says_went_wrong_is_passed_on(tmp_path: Path, forked: bool) -> None:
    def absent() -> None:
        add_and_push(_repository_of(tmp_path, ["here"]), str(tmp_path / "remote"), ["not-here"])

    with pytest.raises(VersioningError, match=r"dvc failed: .*not-here.* does not exist") as said:
        as_loaded(absent) if forked else absent()
    assert not said.value.away


def test_a_remote_that_does_not_answer_dvc_may_answer_it_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "test")
    monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{closed_port()}")
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    with pytest.raises(VersioningError, match="dvc failed") as said:
        add_and_push(_repository_of(tmp_path, ["here"]), "s3://versions/x", ["here"])
    assert said.value.away


def test_versions_that_share_vectors_store_them_once(planted: Planted) -> None:
    denguard = Client(planted.remote)
    runs = [denguard.show("embeddings", run).manifest for run in WEEKS]
    shards = [{n: f.sha256 for n, f in m.items() if n.startswith("shards/")} for m in runs]
    assert shards[0].items() < shards[1].items() < shards[2].items()
    stored = list(manifest_of(Path(planted.remote) / "files").values())
    assert {stored.count(sha) for sha in shards[2].values()} == {1}


def test_shards_are_linked_and_what_may_be_written_again_is_not(planted: Planted) -> None:
    artifacts = planted.home / "artifacts"
    denguard = Client(planted.remote)
    shard = next((artifacts / "embeddings" / "store").glob("*/*.parquet"))
    linked = (
        artifacts
        / "versions"
        / denguard.find("features", "third").id
        / "shards"
        / shard.parent.name
        / shard.name
    )
    assert linked.samefile(shard)
    report = artifacts / "reports" / "first" / "report.html"
    assert report.stat().st_mode & 0o200, "DVC made a file read-only that a step writes again"
    assert report.stat().st_nlink == 1


def test_dvc_reads_no_other_version_while_it_adds_one_and_sees_all_of_them_afterwards(
    home: Path,
) -> None:
    add_versions(deployment_paths(), [draft("one", a="1")])
    repo = deployment_paths().artifacts / "versions"
    note = (repo / "report-one.dvc").read_bytes()
    (repo / "report-one.dvc").write_text("{")  # whoever reads it ends with an error
    add_versions(deployment_paths(), [draft("two", a="2")])
    (repo / "report-one.dvc").write_bytes(note)
    listed = subprocess.run(
        [sys.executable, "-m", "dvc", "list", ".", "--dvc-only"],
        cwd=repo,
        capture_output=True,
        text=True,
        check=True,
        timeout=120,
    )
    assert listed.stdout.split() == ["report-one", "report-two"]


def test_an_index_that_lost_a_version_is_mended_by_the_next_publication(home: Path) -> None:
    add_versions(deployment_paths(), [draft("one", a="1")])
    index = Path(remote_uri(deployment_paths())) / "versions" / "index.json"
    index.write_text('{"versions": {}}')  # a writer on another machine did not see it yet
    add_versions(deployment_paths(), [draft("two", a="2")])
    assert json.loads(index.read_bytes())["versions"].keys() == {"report-one", "report-two"}


@pytest.mark.parametrize("damage", ["lost", "torn", "lost with its records"])
def test_an_index_is_read_around_and_made_anew(spoilt: Path, damage: str) -> None:
    index = spoilt / "versions" / "index.json"
    before, listed = index.read_bytes(), Client(str(spoilt)).list()
    index.write_bytes(before[:100])
    if damage != "torn":
        index.unlink()
    if damage == "lost with its records":
        for path in (spoilt / "versions").glob("*.json"):
            path.unlink()
    found = Client(str(spoilt)).list()
    assert {(v.id, v.md5, v.files, v.bytes) for v in found} == {
        (v.id, v.md5, v.files, v.bytes) for v in listed
    }
    rebuild_index(str(spoilt))
    if damage != "lost with its records":
        assert index.read_bytes() == before


def test_a_remote_that_cannot_be_written_is_named_in_the_error(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocked = home / "blocked"
    blocked.write_text("a file where the remote's folder should be")
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(blocked / "remote"))
    with pytest.raises(VersioningError, match="DENGUARD_DVC_REMOTE"):
        add_versions(deployment_paths(), [draft("name", a="1")])


def test_a_file_that_dvc_passes_over_is_not_lost_in_silence(home: Path) -> None:
    with pytest.raises(VersioningError, match=r"(?i)dvc"):
        add_versions(deployment_paths(), [draft("name", **{".dvcignore": "a", "a": "1", "b": "2"})])


def test_on_s3_a_version_is_published_listed_and_pulled_also_with_plain_dvc(
    home: Path, s3: Bucket, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", f"{s3.uri}/denguard")
    planted = plant(home, f"{s3.uri}/denguard", ("first",))
    with s3.server.forbidding_writes(), pytest.raises(VersioningError, match="does not allow it"):
        plant_run(planted, "second", 2)
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    s3.server.refuse_writes_from("files/md5/")  # the door is open, and closes once DVC is inside
    with pytest.raises(VersioningError, match="dvc failed"):
        add_versions(deployment_paths(), [draft("late", a="1")])
    s3.server.allow()
    denguard = Client(planted.remote)
    assert {v.run_id for v in denguard.list()} == {"first"}, "what is not whole is not listed"
    plant_run(planted, "second", 2)

    denguard = Client(planted.remote, cache=tmp_path / "cache")
    assert [v.as_of_week for v in denguard.list("forecasts")] == ["2018-w47", "2018-w46"]
    for kind in KINDS:
        folder = denguard.pull(kind, "2018-w46", tmp_path / "pulled")
        assert manifest_of(folder) == planted.originals["first"][kind]
    version = denguard.find("embeddings", "2018-w46")
    sidecar = s3.read(f"denguard/versions/{version.id}.dvc")
    folder = pull_with_plain_dvc(planted.remote, version.id, sidecar, tmp_path / "analyst")
    assert manifest_of(folder) == planted.originals["first"]["embeddings"]
    assert set(denguard.table("embeddings", "2018-w46", "text")["municipality_code"]) == set(UNITS)
