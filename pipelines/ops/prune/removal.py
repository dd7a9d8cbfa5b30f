"""Deletes what the plan names: announced in the event file, renamed, then deleted.

A folder is renamed to `.<name>.pruned` before anything in it is deleted, so that whatever ends this
process, what bears its name is whole. Such halves are swept by the next call. Nothing of a plan is
trusted later: a call that was cut off is followed by a new look at what is needed.
"""

from __future__ import annotations

import shutil
from datetime import datetime
from pathlib import Path

from pipelines.config import DeploymentPaths
from pipelines.ops.prune import shared_store
from pipelines.ops.prune.airflow import LOGS, ROWS, clean_rows
from pipelines.ops.prune.leftovers import AWAY
from pipelines.ops.prune.mlflow_runs import ROOM, delete_run, own_client, unneeded_runs
from pipelines.ops.prune.plan import Plan, plan
from pipelines.ops.prune.version_removal import delete_versions, finish_interrupted
from pipelines.retention_config import RetentionConfig
from pipelines.run.events import append_event
from pipelines.run.lock import hold

LOCK_NAME = "prune"
_OF_THIS_MACHINE = ("versions", ROOM, LOGS, ROWS, "leftovers")


def prune(paths: DeploymentPaths, retention: RetentionConfig, clock: datetime) -> Plan:
    """Do what `plan` says, and return it.

    Raises:
        BusyError: a run is at work.
        StoreError, VersioningError: something that decides cannot be read, or the remote does not
            do what is asked. What was deleted stays deleted; the same call goes on.
    """
    with hold(paths, LOCK_NAME):
        finish_interrupted(paths)
        shared_store.finish(paths)
        found = plan(paths, retention, clock)
        shared_store.begin(
            paths,
            [one.name for one in found.items if one.room not in _OF_THIS_MACHINE],
        )
        for room, items in found.rooms().items():
            names = [one.name for one in items]
            if room == "versions":
                delete_versions(paths, names)
                continue
            if room == ROOM:
                _delete_mlflow_runs(paths, found)
                continue
            if room == ROWS:
                clean_rows(paths, found.retained)
                continue
            if room not in (LOGS, "leftovers"):
                announce(paths, room, names, sum(one.bytes for one in items))
            for name in names:
                remove(paths.home / name)
        shared_store.finish(paths)
        return found


def _delete_mlflow_runs(paths: DeploymentPaths, found: Plan) -> None:
    """MLflow's runs: out of the registry, then their files."""
    client, runs = own_client(paths), unneeded_runs(paths, found.retained)
    names = [name for one in runs for name in one.names]
    announce(paths, ROOM, names, sum(i.bytes for i in found.items if i.room == ROOM))
    for one in runs if client is not None else ():
        delete_run(client, one)
        if one.files is not None:
            remove(one.files)


def announce(paths: DeploymentPaths, room: str, names: list[str], size: int) -> None:
    """Write the event before anything is deleted."""
    append_event(paths, "pruned", {"room": room, "names": names, "bytes": size})


def remove(path: Path) -> None:
    """Rename a file or folder, then delete it."""
    away = path if path.name.endswith(f".{AWAY}") else path.with_name(f".{path.name}.{AWAY}")
    if away != path:
        _delete(away)
        path.rename(away)
    _delete(away)


def _delete(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
