"""Puts a backup back: every hash first, then files, stores and databases, then the proof.

Files come before databases: a restore that was cut off leaves a home whose registry knows no
champion, which no run takes for a deployment. Its marker lets the same restore go on.
"""

from __future__ import annotations

import logging
import os
import tempfile
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from pipelines.backup.check import require_sound
from pipelines.backup.databases import Database, find_databases
from pipelines.backup.emptying import require_empty, set_aside
from pipelines.backup.places import lines_of, staging_area, stays_inside
from pipelines.backup.proof import Compared, prove
from pipelines.backup.record import HOME, Held, Record
from pipelines.backup.stores import prefix_of, put_back, require_whole
from pipelines.backup.vault import Vault
from pipelines.config import DeploymentPaths
from pipelines.errors import ConfigError, StoreError
from pipelines.ops.prune.leftovers import is_begun
from pipelines.run.lock import hold
from pipelines.storage import read_json, sync_all, write_json
from pipelines.storage.objects import in_parallel
from pipelines.storage.resumable import Disk

log = logging.getLogger(__name__)
LOCK_NAME = "restore"
_DISK = Disk(StoreError, "let DENGUARD_HOME name another", "then restore again")


@dataclass(frozen=True)
class Restored:
    """What was put back, where what had been there is now, and the proof."""

    record: Record
    aside: tuple[str, ...]
    proof: tuple[Compared, ...]

    @property
    def holds(self) -> bool:
        """Whether all that counts is as the backup says."""
        return all(row.same for row in self.proof if row.counts)


def restore(
    paths: DeploymentPaths, vault: Vault, name: str, over: bool, clock: datetime
) -> Restored:
    """Put a backup back into an empty deployment, and prove it.

    Args:
        name: of the backup; "" = the newest.
        over: move aside what is there, instead of refusing.

    Raises:
        ConfigError: there is no such backup, or the deployment is not empty.
        StoreError: the backup is damaged, or something does not take it; the same call goes on.
        BusyError: a run is at work.
    """
    root = DeploymentPaths(home=paths.root or paths.home)
    record, made = vault.read(name)
    databases = _databases(root, record)
    _require_names(record)
    with ExitStack() as held:
        for line in lines_of(root).values():
            held.enter_context(hold(line, LOCK_NAME))
        begun = _begun(root, record)
        if begun is None and not over:
            require_empty(root.home, databases)
        log.info("reading every byte of backup %s", record.name)
        require_sound(record, made)
        for store in record.stores:
            if not store.copied:
                require_whole(store)
        stamp = clock.astimezone(UTC).strftime("%Y%m%dt%H%M%Sz")
        aside = set_aside(root.home, databases, stamp) if begun is None and over else []
        _Putting(root, record, made, begun or []).put(databases)
    return Restored(record, tuple(aside), tuple(prove(root, record, databases)))


def prove_only(paths: DeploymentPaths, vault: Vault, name: str) -> Restored:
    """Compare the deployment as it is with a backup, once all services run."""
    record, _ = vault.read(name)
    root = DeploymentPaths(home=paths.root or paths.home)
    return Restored(record, (), tuple(prove(root, record, _databases(root, record))))


def _databases(root: DeploymentPaths, record: Record) -> list[Database]:
    copies = {one.name: one for one in record.databases}
    found = [d for d in find_databases(root, copies) if d.name in copies]
    for database in found:
        if database.kind != copies[database.name].kind:
            raise ConfigError(
                f"the backup holds {database.name}'s database as {copies[database.name].kind}, and "
                f"here it is {database.kind}",
                where=database.where,
                fix="restore on a deployment of the same kind of database",
            )
    return found


def _require_names(record: Record) -> None:
    """A record that was changed could name files anywhere."""
    every = (*record.files, *record.folders, *record.links)
    if wrong := [name for name in every if not stays_inside(name)]:
        raise StoreError(
            "a name in the record leads out of the deployment",
            where=wrong[0],
            fix="do not use this backup until its owner has looked at it",
        )


def _marker(root: DeploymentPaths) -> Path:
    return root.artifacts / "locks" / "restoring.json"


def _begun(root: DeploymentPaths, record: Record) -> list[str] | None:
    """Databases that a restore of this very backup, which was cut off, had put back; None if there
    was none."""
    if not _marker(root).is_file():
        return None
    noted = read_json(_marker(root))
    done = noted.get("databases")
    if noted.get("backup") != record.name:
        raise ConfigError(
            f"a restore of backup {noted.get('backup')} was cut off here",
            where=str(_marker(root)),
            fix="go on with that one, or delete this file and give --over",
        )
    return [str(one) for one in done] if isinstance(done, list) else []


class _Putting:
    """Writes what a record says; what is there already stays."""

    def __init__(
        self, root: DeploymentPaths, record: Record, vault: Vault, done: list[str]
    ) -> None:
        self.root, self.record, self.vault, self.done = root, record, vault, done

    def put(self, databases: list[Database]) -> None:
        self._mark()
        self._sweep()
        files = self.record.below(HOME)
        _DISK.require_room(self.root.home, "the backup", [one.size for one in files.values()])
        in_parallel(lambda n: self._file(n, files[n]), [n for n in files if not files[n].same_as])
        for name in files:
            self._twin(name, files[name])
        self._links()
        self._folders()
        with staging_area(self.root) as work:
            for store in self.record.stores:
                if store.copied:
                    put_back(store, self.record.below(prefix_of(store)), self._fetch, work)
            for database in databases:
                if database.name not in self.done:
                    self._database(database, work)
        sync_all()
        _marker(self.root).unlink()

    def _sweep(self) -> None:
        """Remove what a restore that was killed left half written: a drop would not be whole."""
        for folder in self.record.folders:
            for path in (self.root.home / folder.removeprefix(HOME)).glob(".*"):
                name = f"{HOME}{path.relative_to(self.root.home).as_posix()}"
                if is_begun(path.name) and path.is_file() and name not in self.record.files:
                    path.unlink()

    def _mark(self) -> None:
        write_json(_marker(self.root), {"backup": self.record.name, "databases": self.done})

    def _database(self, database: Database, work: Path) -> None:
        log.info("putting back the database of %s", database.name)
        copy = next(one for one in self.record.databases if one.name == database.name)
        database.load(self._fetch(self.record.files[copy.file], work / database.name))
        if database.name == "mlflow":
            database.move_addresses(Path(self.record.home), self.root.home)
        self.done.append(database.name)
        self._mark()

    def _file(self, name: str, held: Held) -> None:
        target = self.root.home / name
        if target.is_file() and (
            (stat := target.stat()).st_size == held.size and stat.st_mtime_ns == held.modified_ns
        ):
            return  # of this restore, which was cut off
        target.parent.mkdir(parents=True, exist_ok=True)
        self._fetch(held, target)

    def _fetch(self, held: Held, to: Path) -> Path:
        """Its verified bytes as a file with its time and mode, whole or not at all."""
        handle, temp = tempfile.mkstemp(dir=to.parent, prefix=f".{to.name}.")
        try:
            with os.fdopen(handle, "wb") as out:
                out.writelines(self.vault.pieces(held))
            Path(temp).chmod(held.mode)
            os.utime(temp, ns=(held.modified_ns, held.modified_ns))
            Path(temp).replace(to)
        finally:
            Path(temp).unlink(missing_ok=True)
        return to

    def _twin(self, name: str, held: Held) -> None:
        """A hard link again, where the disk has them."""
        target = self.root.home / name
        if not held.same_as or target.exists():
            return
        target.parent.mkdir(parents=True, exist_ok=True)
        try:
            target.hardlink_to(self.root.home / held.same_as.removeprefix(HOME))
        except OSError:
            self._file(name, held)

    def _links(self) -> None:
        before = self.record.home
        for name, to in self.record.links.items():
            path = self.root.home / name.removeprefix(HOME)
            inside = to == before or to.startswith(f"{before}/")
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(f"{self.root.home}{to.removeprefix(before)}" if inside else to)

    def _folders(self) -> None:
        for name in self.record.folders:
            (self.root.home / name.removeprefix(HOME)).mkdir(parents=True, exist_ok=True)
        for name in sorted(self.record.folders, reverse=True):  # what is deeper first
            at = self.record.folders[name]
            os.utime(self.root.home / name.removeprefix(HOME), ns=(at, at))
