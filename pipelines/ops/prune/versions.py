"""Versions for analysts that may go, on the remote and in this home.

A version is deleted in this order, so that a pull meets it whole or not at all, and so that DVC,
should the same version be made again, sees that it is not there: its records, the index, DVC's list
of its files, then the files that no other version holds. What will be deleted is written down first
(artifacts/prune/versions.json); a call that was cut off is finished by the next one.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pipelines.config import DeploymentPaths
from pipelines.errors import VersioningError
from pipelines.lineage.verify import node_of
from pipelines.ops.prune.items import Item
from pipelines.ops.prune.retained import Retained, weeks_old
from pipelines.versioning import read_index, remote_uri, repository
from pipelines.versioning.catalogue import INDEX, parse_index, scan
from pipelines.versioning.entry import FILE_MD5, Version
from pipelines.versioning.parents import walk
from pipelines.versioning.source import Source, object_key

Entry = dict[str, Any]


@dataclass(frozen=True)
class Versions:
    """Versions here and on the remote.

    Attributes:
        mine: what this home published or used, by id.
        others: what the remote lists beside that, and what other lines of the deployment use.
    """

    uri: str
    mine: dict[str, Entry]
    others: dict[str, Entry]

    def without(self, going: Iterable[str]) -> dict[str, Entry]:
        """What is left without these."""
        left = {**self.others, **self.mine}
        return {name: entry for name, entry in left.items() if name not in set(going)}


def read_versions(paths: DeploymentPaths) -> Versions:
    """Raises VersioningError if the remote does not answer, or has a version that cannot
    be read."""
    uri, mine = remote_uri(paths), dict(read_index(paths))
    listed = _listed(Source(uri))
    others = {name: one.model_dump(mode="json") for name, one in listed.items() if name not in mine}
    for line in _other_lines(paths):
        shared = read_index(line)
        others |= shared
        mine = {name: entry for name, entry in mine.items() if name not in shared}
    return Versions(uri, mine, others)


def _listed(source: Source) -> dict[str, Version]:
    """What is published there, whether the index knows it (yet) or not."""
    listed, names = parse_index(source.read(INDEX)) or {}, source.names()
    of_version = {n for n in names if n != "index.json" and n.endswith((".json", ".dvc"))}
    unlisted = {name for name in of_version if name.rpartition(".")[0] not in listed}
    listed |= scan(source, unlisted)
    if lost := {name for name in unlisted if name.rpartition(".")[0] not in listed}:
        raise VersioningError(
            f"the record of {min(lost)} is damaged, so it cannot be known which files nothing "
            "needs",
            where=f"{source.uri}/versions",
            fix="restore that file or remove it, then prune again",
        )
    return listed


def of_remote(paths: DeploymentPaths, retained: Retained) -> list[Item]:
    """Versions of this home that nothing needs, newest last."""
    versions = read_versions(paths)
    kept = _kept(paths, retained, versions)
    going = sorted(
        set(versions.mine) - kept,
        key=lambda name: (str(versions.mine[name].get("as_of_week")), name),
    )
    weeks = retained.retention.runs_weeks
    why = f"no run of the last {weeks} weeks made it, and no kept version was made from it"
    return [Item("versions", name, int(versions.mine[name].get("bytes", 0)), why) for name in going]


def list_of_files(paths: DeploymentPaths, source: Source, md5: str) -> list[str] | None:
    """MD5s of a version's files, from DVC's list of them here or on the remote; None if it
    is lost."""
    path = cache_of(paths) / object_key(md5).removeprefix("files/md5/")
    raw = path.read_bytes() if path.is_file() else source.read(object_key(md5))
    try:
        listed = [str(file["md5"]) for file in json.loads(raw)] if raw else None
    except (ValueError, TypeError, KeyError):
        return None
    return listed if listed is None or all(map(FILE_MD5.match, listed)) else None


def needed_objects(paths: DeploymentPaths, source: Source, left: Mapping[str, Entry]) -> set[str]:
    """Files of the versions that are left. Raises VersioningError if one does not say which."""
    needed: set[str] = set()
    for name, entry in left.items():
        files = list_of_files(paths, source, str(entry["md5"]))
        if files is None:
            raise VersioningError(
                f"DVC's list of the files of {name} is lost, so it cannot be known which files "
                "nothing needs",
                where=f"{source.uri}/{object_key(str(entry['md5']))}",
                fix="push it again (`dvc push` in artifacts/versions), then prune again",
            )
        needed |= {*files, str(entry["md5"])}
    return needed


def cache_of(paths: DeploymentPaths) -> Path:
    """Where DVC keeps this home's copy of the files."""
    return repository(paths) / ".dvc" / "cache" / "files" / "md5"


def _other_lines(paths: DeploymentPaths) -> list[DeploymentPaths]:
    root = paths.root or paths.home
    homes = [
        DeploymentPaths(home=root),
        *(DeploymentPaths(home=root / "lines" / name, root=root) for name in paths.line_names),
    ]
    return [line for line in homes if line.home != paths.home]


def _kept(paths: DeploymentPaths, retained: Retained, versions: Versions) -> set[str]:
    """Versions that something needs, and those that they were made from."""
    every = {**versions.others, **versions.mine}
    roots = {
        name for name, entry in versions.mine.items() if _is_root(paths, retained, name, entry)
    }
    kept = walk([*roots, *versions.others], lambda name: every.get(name, {}).get("parents", ()))
    return kept | {name for name, entry in versions.mine.items() if _is_shown(retained, entry)}


def _is_root(paths: DeploymentPaths, retained: Retained, name: str, entry: Entry) -> bool:
    young = _age(paths, retained.now, name, entry) < retained.retention.runs_weeks
    return young or name in retained.versions or node_of(entry) in retained.needed


def _is_shown(retained: Retained, entry: Entry) -> bool:
    """Whether it is a published forecast or report that is kept, without what it was made from."""
    if entry["kind"] not in ("forecasts", "report"):
        return False
    return retained.retention.forecasts == "keep" or node_of(entry) in retained.shown


def _age(paths: DeploymentPaths, now: datetime, name: str, entry: Entry) -> float:
    """Weeks since this home published or first used it; 0 = not known."""
    sidecar = repository(paths) / f"{name}.dvc"
    if sidecar.is_file():
        return weeks_old(sidecar, now)
    try:
        return (now - datetime.fromisoformat(str(entry["published_at"]))) / timedelta(weeks=1)
    except (KeyError, ValueError, TypeError):
        return 0.0
