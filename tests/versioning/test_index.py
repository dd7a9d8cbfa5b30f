"""The index of a remote: one sorted JSON document, written once for each change."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from pipelines.config import DeploymentPaths
from pipelines.storage.remote import remote
from pipelines.versioning import Draft, add_versions, catalogue
from pipelines.versioning.catalogue import INDEX, index_bytes, parse_index, publish_records
from pipelines.versioning.entry import FileFacts, Sidecar, Version, manifest_hash
from pipelines.versioning.source import Source

FILES = {"a.csv": FileFacts(sha256="0" * 64, bytes=3)}


def version(name: str) -> Version:
    return Version.model_validate(
        {
            "id": f"data-{name}",
            "kind": "data",
            "version": name,
            "parents": ["data-z", "data-y"],
            "files": 1,
            "bytes": 3,
            "md5": "0" * 32 + ".dir",
            "manifest_sha256": manifest_hash(FILES),
            "published_at": "2018-01-10T00:00:00+00:00",
            "facts": {"place": 'Ñemby\n"2"', "a": ""},
        }
    )


@pytest.mark.parametrize("names", [[], ["b"], ["b", "a", "c.1"]])
def test_the_index_is_the_sorted_json_of_all_versions(names: list[str]) -> None:
    versions = {f"data-{name}": version(name) for name in names}
    plain = {key: one.model_dump(mode="json") for key, one in versions.items()}
    text = json.dumps({"versions": plain}, indent=1, sort_keys=True, ensure_ascii=False) + "\n"
    assert index_bytes(versions) == text.encode()
    assert parse_index(index_bytes(versions)) == versions


def test_a_publication_writes_the_index_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written: list[int] = []

    def counted(versions: dict[str, Version]) -> bytes:
        written.append(len(versions))
        return index_bytes(versions)

    monkeypatch.setattr(catalogue, "index_bytes", counted)
    store, source = remote(str(tmp_path)), Source(str(tmp_path))
    store.write("versions/writable", b"")
    for name in ("a", "b"):
        one = version(name)
        publish_records(store, source, {one.id: (Sidecar(version=one, manifest=FILES), "outs: []")})
    assert written == [1, 2]
    assert set(parse_index(source.read(INDEX)) or ()) == {"data-a", "data-b"}


def test_a_publication_killed_before_the_index_is_listed_by_the_next_try(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at = tmp_path / "remote"
    monkeypatch.setenv("DENGUARD_DVC_REMOTE", str(at))
    draft = Draft("report", "0123abcd", {"report.html": b"<h1>"}, "2018-w48", "week-48")
    add_versions(DeploymentPaths(home=tmp_path), [draft])
    (at / INDEX).write_bytes(index_bytes({}))
    add_versions(DeploymentPaths(home=tmp_path), [draft])
    assert set(parse_index((at / INDEX).read_bytes()) or {}) == {draft.id}
