"""Making versions: lay out, `dvc add`, `dvc push`, then the records that people read."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from pipelines.config import DeploymentPaths
from pipelines.errors import StoreError, VersioningError
from pipelines.storage import folder_id, manifest_of, sync_all, write_atomic
from pipelines.storage.lock import locked
from pipelines.storage.remote import remote
from pipelines.versioning.catalogue import (
    INDEX,
    index_bytes,
    parse_index,
    publish_records,
    read_sidecar,
    update_index,
)
from pipelines.versioning.entry import Draft, FileFacts, Sidecar, Version, manifest_hash
from pipelines.versioning.repository import add_and_push, lay_out, repository
from pipelines.versioning.source import FOLDER, VARIABLE, Source, address

log = logging.getLogger(__name__)
_LOCK_TIMEOUT_S = 900


def remote_uri(paths: DeploymentPaths) -> str:
    """Where versions are pushed: DENGUARD_DVC_REMOTE, else a folder under artifacts/."""
    return address(os.environ.get(VARIABLE) or str(paths.artifacts / "remote"))


def add_versions(paths: DeploymentPaths, drafts: Sequence[Draft]) -> list[Version]:
    """Publish what a step made; what the remote has already is not touched.

    Returns:
        One line of the index a draft, in the same order: the remote's own where it had one, so
        that the first publication of a name stays as it is for good.

    Raises:
        VersioningError: dvc failed, the remote does not take or give, or another caller held the
            lock for too long. Nothing half-published is listed; the same call goes on later.
    """
    repo = repository(paths)
    busy = VersioningError(
        "another run kept the version store locked",
        where=str(repo),
        fix="wait for it to end, then run this step again",
        away=True,
    )
    try:
        with locked(repo / ".denguard.lock", _LOCK_TIMEOUT_S, busy):
            return _add(paths, repo, drafts)
    except StoreError as err:
        raise VersioningError(err.what, where=err.where, fix=err.fix, away=err.away) from err


def read_index(paths: DeploymentPaths) -> dict[str, dict[str, Any]]:
    """Every version that this home published or used, by id, as plain JSON values."""
    path = repository(paths) / "index.json"
    if not path.is_file():
        return {}
    versions: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["versions"]
    return versions


def rebuild_index(uri: str) -> dict[str, Version]:
    """Rebuild a remote's index.json from the records beside it; return it."""
    store, source = remote(uri), Source(uri)
    if parse_index(source.read(INDEX)) is None:
        log.warning("the index of %s is lost or damaged; it is rebuilt", uri)
    return update_index(store, source)


def _add(paths: DeploymentPaths, repo: Path, drafts: Sequence[Draft]) -> list[Version]:
    uri = remote_uri(paths)
    if "://" not in uri:
        _make_folder(Path(uri))
    source = Source(uri)
    known = {d.id: read_sidecar(source, d.id) for d in drafts}
    records = {name: sidecar.version for name, sidecar in known.items() if sidecar is not None}
    fresh = {d.id: d for d in drafts if d.id not in records}
    if fresh:
        # Asked before DVC, which tries every object for long and says less about why it may not.
        remote(uri).write(f"{FOLDER}/writable", b"")
        folders = {name: lay_out(draft, repo) for name, draft in fresh.items()}
        manifests = {name: _manifest(folder) for name, folder in folders.items()}
        add_and_push(repo, uri, list(fresh))
        if "://" not in uri:
            sync_all()  # DVC syncs no object; bytes are safe before they are announced
        made = {name: _record(repo, draft, manifests[name]) for name, draft in fresh.items()}
        publish_records(remote(uri), source, made)
        records |= {name: sidecar.version for name, (sidecar, _) in made.items()}
    elif not records.keys() <= (parse_index(source.read(INDEX)) or {}).keys():
        update_index(remote(uri), source)  # a try was killed between a version's record and it
    for name in records.keys() - fresh.keys():
        log.info("version %s is published already", name)
    _keep_here(repo, source, records)
    return [records[d.id] for d in drafts]


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise VersioningError(
            f"the remote's folder cannot be made: {err}",
            where=str(folder),
            fix=f"set {VARIABLE} to a folder you may write, or to s3://bucket/prefix",
        ) from err


def _manifest(folder: Path) -> dict[str, FileFacts]:
    return {
        name: FileFacts(sha256=sha, bytes=(folder / name).stat().st_size)
        for name, sha in manifest_of(folder).items()
    }


def _record(repo: Path, draft: Draft, manifest: dict[str, FileFacts]) -> tuple[Sidecar, str]:
    text = (repo / f"{draft.id}.dvc").read_text(encoding="utf-8")
    out = yaml.safe_load(text)["outs"][0]
    if out["nfiles"] != len(manifest):
        raise VersioningError(
            f"DVC took {out['nfiles']} of {len(manifest)} files of {draft.id}",
            where=str(repo / draft.id),
            fix="look for files that DVC passes over, such as .dvcignore, and remove them",
        )
    version = Version(
        id=draft.id,
        kind=draft.kind,
        version=draft.version,
        as_of_week=draft.as_of_week,
        run_id=draft.run_id,
        parents=draft.parents,
        files=len(manifest),
        bytes=sum(facts.bytes for facts in manifest.values()),
        content_id=folder_id({name: facts.sha256 for name, facts in manifest.items()}),
        md5=out["md5"],
        manifest_sha256=manifest_hash(manifest),
        published_at=datetime.now(UTC).isoformat(timespec="seconds"),
        facts=dict(draft.facts),
    )
    return Sidecar(version=version, manifest=manifest), text


def _keep_here(repo: Path, source: Source, records: dict[str, Version]) -> None:
    """The deployment's own copy of what it used, for lineage and for plain DVC."""
    for name in records:
        raw = None if (repo / f"{name}.dvc").is_file() else source.read(f"{FOLDER}/{name}.dvc")
        if raw is not None:
            write_atomic(repo / f"{name}.dvc", raw)
    path = repo / "index.json"
    before = path.read_bytes() if path.is_file() else None
    wanted = index_bytes({**(parse_index(before) or {}), **records})
    if wanted != before:
        write_atomic(path, wanted)
