"""Versions of data and embeddings in their own DVC repository, artifacts/versions/.

Belongs here: thin calls of the dvc command under one file lock, and the index an analyst reads.
The project's own Git and DVC state is never touched: `dvc init --no-scm`, one `<id>.dvc` a version,
and a copy of both sidecar and index beside the remote's files, so that the remote alone suffices.
"""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

import yaml
from filelock import FileLock, Timeout

from pipelines.config import Places
from pipelines.errors import VersioningError
from pipelines.storage import folder_id, manifest_of, write_atomic, write_json

log = logging.getLogger(__name__)

Kind = Literal["dataset", "features"]
_COMMAND_TIMEOUT_S = 600
_LOCK_TIMEOUT_S = 900


def repository(places: Places) -> Path:
    """Folder of the operational DVC repository."""
    return places.artifacts / "versions"


def remote_uri(places: Places) -> str:
    """Where versions are pushed: DENGUARD_DVC_REMOTE, else a folder under artifacts/."""
    return os.environ.get("DENGUARD_DVC_REMOTE", str(places.artifacts / "remote"))


def add_version(
    places: Places, kind: Kind, folder: Path, about: Mapping[str, Any]
) -> dict[str, Any]:
    """Make a folder a version: link, `dvc add`, `dvc push`, then the index.

    Args:
        folder: a finished, immutable folder; its name is the version's id.
        about: JSON-able facts that the index shows, such as as_of and parents.

    Returns:
        The index entry: id, kind, md5 of DVC's directory object, content id, files, facts.

    Raises:
        VersioningError: DVC failed, or another caller held the lock for too long.
    """
    version_id = f"{kind}-{folder.name}"
    repo = repository(places)
    repo.mkdir(parents=True, exist_ok=True)
    try:
        with FileLock(repo / ".denguard.lock", timeout=_LOCK_TIMEOUT_S):
            known = read_index(places).get(version_id)
            if known is not None and _pushed(places, version_id):
                log.info("version %s exists already; nothing to add", version_id)
                return known
            _prepare(places)
            _link_tree(folder, repo / version_id)
            _dvc(repo, "add", "-q", version_id)
            _dvc(repo, "push", "-q", f"{version_id}.dvc")
            return _publish(places, version_id, kind, folder, about)
    except Timeout as err:
        raise VersioningError("another run kept the version store locked", where=str(repo), fix="wait for it to end, then run this step again") from err  # fmt: skip


def read_index(places: Places) -> dict[str, dict[str, Any]]:
    """Every version by id, as the index lists them."""
    path = repository(places) / "index.json"
    if not path.is_file():
        return {}
    versions: dict[str, dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))["versions"]
    return versions


def _prepare(places: Places) -> None:
    repo, remote = repository(places), remote_uri(places)
    config = repo / ".dvc" / "config"
    if config.is_file() and f"url = {remote}\n" in config.read_text(encoding="utf-8"):
        return
    if not config.is_file():
        _dvc(repo, "init", "--no-scm", "-q")
    if "://" not in remote:
        _make_remote_folder(Path(remote))
    _dvc(repo, "remote", "add", "-q", "-f", "-d", "versions", remote)
    for key, value in (("core.analytics", "false"), ("core.check_update", "false"), ("cache.type", "hardlink,copy")):  # fmt: skip
        _dvc(repo, "config", "-q", key, value)


def _make_remote_folder(remote: Path) -> None:
    try:
        remote.mkdir(parents=True, exist_ok=True)
    except OSError as err:
        raise VersioningError(f"the remote's folder cannot be made: {err}", where=str(remote), fix="set DENGUARD_DVC_REMOTE to a folder you may write, or to s3://") from err  # fmt: skip


def _link_tree(source: Path, target: Path) -> None:
    """Hard links, so that a version costs no second copy of immutable shards."""
    for path in sorted(p for p in source.rglob("*") if p.is_file()):
        link = target / path.relative_to(source)
        link.parent.mkdir(parents=True, exist_ok=True)
        if not link.exists():
            link.hardlink_to(path)


def _publish(places: Places, version_id: str, kind: Kind, folder: Path, about: Mapping[str, Any]) -> dict[str, Any]:  # fmt: skip
    repo, remote = repository(places), remote_uri(places)
    sidecar = (repo / f"{version_id}.dvc").read_text(encoding="utf-8")
    manifest = manifest_of(folder)
    entry = {
        "id": version_id,
        "kind": kind,
        "md5": yaml.safe_load(sidecar)["outs"][0]["md5"],
        "content_id": folder_id(manifest),
        "files": len(manifest),
        **about,
    }
    index = {"versions": {**read_index(places), version_id: entry}}
    if "://" not in remote:
        write_atomic(Path(remote) / "versions" / f"{version_id}.dvc", sidecar)
        write_json(Path(remote) / "versions" / "index.json", index)
    write_json(repo / "index.json", index)
    return entry


def _pushed(places: Places, version_id: str) -> bool:
    remote = remote_uri(places)
    return "://" in remote or (Path(remote) / "versions" / f"{version_id}.dvc").is_file()


def _dvc(repo: Path, *arguments: str) -> str:
    environment = {
        **os.environ,
        "DVC_NO_ANALYTICS": "true",
        "DVC_SITE_CACHE_DIR": str(repo / ".dvc" / "site"),
        "DVC_GLOBAL_CONFIG_DIR": str(repo / ".dvc" / "global"),
    }
    command = [sys.executable, "-m", "dvc", *arguments]
    try:
        done = subprocess.run(command, cwd=repo, env=environment, capture_output=True, text=True, timeout=_COMMAND_TIMEOUT_S, check=False)  # fmt: skip
    except subprocess.TimeoutExpired as err:
        raise VersioningError(f"dvc {arguments[0]} took more than {_COMMAND_TIMEOUT_S} s", where=str(repo), fix="check disk and remote, then run this step again") from err  # fmt: skip
    if done.returncode != 0:
        raise VersioningError(f"dvc {arguments[0]} failed: {done.stderr.strip()[-400:]}", where=str(repo), fix="correct the cause and run this step again; nothing is lost")  # fmt: skip
    return done.stdout
